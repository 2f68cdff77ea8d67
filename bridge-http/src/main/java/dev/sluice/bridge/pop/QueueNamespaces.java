package dev.sluice.bridge.pop;

import dev.sluice.queue.QueueNamespace;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Where the queues are that have got something to read lately, so that those who wait for a namespace or task can be
 * woken by the name of a queue. Queues can be moved by anybody on the database: what is known is forgotten, all at
 * once, every {@value #FORGET_MILLIS} ms. Guarded by the dispatcher's lock.
 */
final class QueueNamespaces {
    static final long FORGET_MILLIS = 2000;

    private final Map<String, QueueNamespace> known = new HashMap<>();
    private final Set<String> asked = new HashSet<>();
    private long forgottenNanos = System.nanoTime();

    /** Returns the place of a queue, or null when it is to be looked up. */
    @Nullable
    QueueNamespace of(String queue) {
        long now = System.nanoTime();
        if (now - forgottenNanos >= TimeUnit.MILLISECONDS.toNanos(FORGET_MILLIS)) {
            known.clear();
            forgottenNanos = now;
        }
        return known.get(queue);
    }

    /**
     * Notes that a queue is to be looked up. Returns false if others are noted already: they are looked up together.
     */
    boolean ask(String queue) {
        boolean first = asked.isEmpty();
        asked.add(queue);
        return first;
    }

    /** Returns the queues to be looked up, and none of them a second time. */
    Set<String> takeAsked() {
        Set<String> taken = Set.copyOf(asked);
        asked.clear();
        return taken;
    }

    /** Remembers what was looked up. */
    void found(Map<String, QueueNamespace> places) {
        known.putAll(places);
    }
}
