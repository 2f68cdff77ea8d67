package dev.sluice.work.engine;

import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.work.store.CountRows.Done;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores what this engine has done with the works of each type, so that the sum over all engines can be read. A store
 * is one statement every few seconds, whatever the number of works, and none while nothing was done. If the engine
 * dies, what it has done since the last store is missing in the sum.
 */
final class MinuteCounts {
    private static final Logger log = LoggerFactory.getLogger(MinuteCounts.class);

    /** How often the numbers are stored. */
    static final Duration INTERVAL = Duration.ofSeconds(10);

    private final Tables tables;
    private final TypeSet types;
    private final UUID engine;
    private final Map<HandledType, Snapshot> stored = new HashMap<>();
    /** Types that are handled no longer and whose last numbers are not stored. */
    private final Set<HandledType> removed = new HashSet<>();

    private boolean hasFailed;

    MinuteCounts(Tables tables, TypeSet types, UUID engine) {
        this.tables = tables;
        this.types = types;
        this.engine = engine;
    }

    /** The numbers of a type since the start of the engine. */
    @SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
    private record Snapshot(long completed, long failed, long deadLettered, long nanos, long[] durations) {
        static Snapshot of(HandledType type) {
            Counts counts = type.counts();
            return new Snapshot(
                    counts.completed(),
                    counts.failed(),
                    counts.deadLettered(),
                    counts.durations().nanos(),
                    counts.durations().snapshot());
        }

        /** Returns what was done since another snapshot; null: nothing. */
        @Nullable
        Done since(@Nullable Snapshot before, long queueId) {
            var changed = new TreeMap<Integer, Long>();
            long runs = 0;
            for (int i = 0; i < durations.length; i++) {
                long count = durations[i] - (before == null ? 0 : before.durations[i]);
                if (count > 0) {
                    changed.put(i, count);
                    runs += count;
                }
            }
            var done = new Done(
                    queueId,
                    completed - (before == null ? 0 : before.completed),
                    failed - (before == null ? 0 : before.failed),
                    deadLettered - (before == null ? 0 : before.deadLettered),
                    runs,
                    nanos - (before == null ? 0 : before.nanos),
                    changed);
            return done.completed() + done.failed() + done.deadLettered() + runs == 0 ? null : done;
        }
    }

    /** Keeps the numbers of a type that is removed until they are stored. */
    synchronized void removed(HandledType type) {
        removed.add(type);
    }

    /** Stores what was done since the last call. What cannot be stored is part of the next call. */
    synchronized void store() {
        var done = new LinkedHashMap<Long, Done>();
        var now = new HashMap<HandledType, Snapshot>();
        Set<HandledType> all = new LinkedHashSet<>(types.all());
        all.addAll(removed);
        for (HandledType type : all) {
            TypeRows.State state = type.state();
            Snapshot snapshot = Snapshot.of(type);
            Done since = state == null ? null : snapshot.since(stored.get(type), state.queueId());
            if (since != null) {
                done.merge(since.queueId(), since, MinuteCounts::sum); // A type that is removed and added again.
                now.put(type, snapshot);
            }
        }
        stored.keySet().removeIf(type -> !all.contains(type));
        if (done.isEmpty()) {
            removed.clear();
            return;
        }
        try {
            tables.transactions().run("could not store the numbers of works", connection -> {
                tables.counts().add(connection, engine, List.copyOf(done.values()));
                return true;
            });
            hasFailed = false;
        } catch (OutcomeUnknownException e) {
            log.warn("The numbers of works of the last seconds may be missing in the sums reason={}", e.getMessage());
        } catch (RuntimeException e) {
            if (!hasFailed) {
                hasFailed = true;
                log.warn("Could not store the numbers of works; trying again reason={}", e.getMessage());
            }
            return;
        }
        stored.putAll(now); // If the outcome is unknown too: a second store could count twice.
        removed.clear();
    }

    private static Done sum(Done one, Done other) {
        var durations = new TreeMap<>(one.durations());
        other.durations().forEach((duration, count) -> durations.merge(duration, count, Long::sum));
        return new Done(
                one.queueId(),
                one.completed() + other.completed(),
                one.failed() + other.failed(),
                one.deadLettered() + other.deadLettered(),
                one.runs() + other.runs(),
                one.nanos() + other.nanos(),
                durations);
    }
}
