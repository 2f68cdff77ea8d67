package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import java.time.Instant;

/** Where a seek moves a consumer group to. */
public sealed interface SeekTarget {

    /** The oldest stored message. */
    record Beginning() implements SeekTarget {}

    /** The place behind the newest message. */
    record End() implements SeekTarget {}

    /**
     * The oldest message written after a time. All messages of one segment have one time.
     *
     * @param time by the database's clock
     */
    record After(Instant time) implements SeekTarget {
        public After {
            requireNonNull(time, "time");
        }
    }
}
