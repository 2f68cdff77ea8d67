package dev.sluice.queue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.LongStream;

/**
 * A cursor of the {@link QueueModel}: what a group has done of a partition. {@code live}: its lease has not expired. An
 * expired lease is remembered until the next pop.
 */
final class ModelCursor {
    final Set<Long> done = new TreeSet<>();
    final Map<Long, Integer> failures = new HashMap<>();
    UUID lease;
    List<Long> leased = List.of();
    boolean live;
    int deliveries;

    void startAfter(long position) {
        done.clear();
        LongStream.rangeClosed(1, position).forEach(done::add);
        failures.clear();
        deliveries = 0;
        endLease();
    }

    void endLease() {
        live = false;
        lease = null;
    }
}
