package dev.sluice.work;

import dev.sluice.queue.QueueException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Looks works up, lists and counts them, and runs them again. Sees all works of the database, whichever program
 * enqueued or handles them. Safe for use by many threads. Every method throws {@link QueueException} if PostgreSQL
 * failed.
 */
public interface WorkAdmin {
    /**
     * Returns what is known of a work.
     *
     * <p>A work that has begun, has a history or is not due is found by an index. A work that only waits, or is done,
     * is looked for in the segments of its queue: first in those of the time in its id, then in the newest others.
     *
     * @param type its type; null: any
     * @param key its key, if it is known and the work has one: then only one partition is read; null: unknown
     * @return empty if the database has no such work
     * @throws SearchTooLongException if it was not found in the segments that were read, and there are more
     */
    Optional<WorkInfo> find(@Nullable String type, @Nullable String key, WorkId id) throws SearchTooLongException;

    /** A work was not found, and there are more segments than a search reads. */
    final class SearchTooLongException extends Exception {
        private static final long serialVersionUID = 1L;

        public SearchTooLongException(WorkId id, int segments) {
            super("work " + id + " is in none of the " + segments
                    + " segments that a search reads, and there are more; name its type, and its key if it has one");
        }
    }

    /**
     * The works of a list.
     *
     * @param type null: all types
     * @param states empty: all but {@link WorkState#DONE}, which leaves no row
     */
    record Filter(@Nullable String type, Set<WorkState> states) {
        /**
         * Checks the states.
         *
         * @throws IllegalArgumentException if one is {@link WorkState#DONE}
         */
        public Filter {
            states = Set.copyOf(states);
            if (states.contains(WorkState.DONE)) {
                throw new IllegalArgumentException("works that are done are in no list; look for one by its id");
            }
        }
    }

    /**
     * A page of a list.
     *
     * @param next where the next page begins; null: this is the last one. A page may be short, or empty, and not the
     *     last
     */
    record Page(List<WorkSummary> works, @Nullable String next) {
        public Page {
            works = List.copyOf(works);
        }
    }

    /**
     * Lists works: those that run, those with a history, those that are not due, those that wait, dead letters, and
     * those that were cancelled or replayed. The database changes between two pages, so a work that moves may be listed
     * twice or not at all.
     *
     * @param after where the page begins; null: at the beginning
     * @throws IllegalArgumentException if {@code after} is not from a page of such a list
     */
    Page list(Filter filter, @Nullable String after, int limit);

    /** What {@link #retry} has done. */
    enum Retry {
        /** The work waited for its time, and is due now. */
        DUE,
        /** The work was a dead letter, and runs again. */
        REPLAYED,
        /** The work is neither. */
        NONE
    }

    /**
     * The result of {@link #retry}.
     *
     * @param id the work that runs: the same, or another one that has the idempotency key of the dead letter by now
     */
    record Retried(Retry retry, WorkId id) {}

    /**
     * Runs a work again that failed: one that waits for a retry, or was snoozed, is due now; a dead letter is replayed.
     */
    Retried retry(String type, WorkId id);

    /**
     * A type of works.
     *
     * @param pausedSince since when no engine claims works of the type; null: engines claim
     * @param concurrency most works that an engine runs at a time, as an operator has set it; null: as it is set up
     * @param limits what counts on all engines: what an operator has set, or else the engine that started last
     * @param isBreakerForced whether an operator has forced the circuit breakers of all engines
     * @param breaker its circuit breakers in this buffer; null: this buffer has no handler
     * @param handler the settings of its handler in this buffer; null: this buffer has none
     */
    record TypeInfo(
            String type,
            boolean isEncrypted,
            @Nullable Instant pausedSince,
            @Nullable Integer concurrency,
            WorkLimits limits,
            boolean isBreakerForced,
            WorkStats.@Nullable Breaker breaker,
            @Nullable HandlerSettings handler) {}

    /** Returns the types that have a queue in the database, or were paused or have a handler here, by name. */
    List<TypeInfo> types();

    /**
     * Numbers of works in the database. Those of runs are what all engines have stored within the time of the
     * {@link Stats}; each stores what it has done every ten seconds.
     *
     * @param pending works whose turn has not come
     * @param scheduled works that are not due
     * @param processing works that engines have begun
     * @param retrying works that failed and run again
     * @param snoozed works that handlers put off
     * @param deadLetters dead letters, not only of that time
     * @param activeWorkers handlers that run in this buffer only
     * @param completed works that were done
     * @param failed attempts that failed
     * @param deadLettered works that became dead letters
     * @param average how long handlers ran; zero if none has ended
     * @param p95 the time within which 95 of 100 handlers ended, at most 6.25 % too long; zero if none has ended
     */
    record Numbers(
            long pending,
            long scheduled,
            long processing,
            long retrying,
            long snoozed,
            long deadLetters,
            long activeWorkers,
            long completed,
            long failed,
            long deadLettered,
            Duration average,
            Duration p95) {}

    /**
     * Numbers of all types.
     *
     * @param window the time of the numbers of runs
     */
    record Stats(Duration window, Numbers total, Map<String, Numbers> byType) {}

    /** Longest window of {@link #stats}: older numbers are deleted. */
    Duration LONGEST_WINDOW = Duration.ofDays(1);

    /** Returns numbers of all types. */
    Stats stats(Duration window);
}
