package dev.sluice.queue.admin;

import static java.util.Objects.requireNonNull;

import java.time.Instant;

/** Where a consumer group is to go on reading. */
public sealed interface SeekTarget {

    /** At the oldest message that is kept. */
    record Beginning() implements SeekTarget {}

    /** After the newest message. */
    record End() implements SeekTarget {}

    /**
     * At the oldest message created after a time. Messages written together were created at one time.
     *
     * @param time by the database's clock
     */
    record After(Instant time) implements SeekTarget {
        public After {
            requireNonNull(time, "time");
        }
    }
}
