package dev.sluice.queue;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * Values that a message keeps from a previous place, such as a topic.
 *
 * @param createdAt when the message was created there; microseconds. Consumers see it as the time of creation. Rules by
 *     age, such as retention, use the time at which the message was written to the queue. Null: that time
 * @param lane the lane in which its partition is created, if the message is the first of its partition; null: the lane
 *     of the queue's priority
 */
public record Origin(@Nullable Instant createdAt, @Nullable PriorityLane lane) {
    /** The origin of a message without a previous place. */
    public static final Origin NONE = new Origin(null, null);

    /** Earliest time of creation. Before it, the calendars of {@link Instant} and of the JDBC driver differ. */
    public static final Instant EARLIEST = Instant.parse("1600-01-01T00:00:00Z");

    /** Latest time of creation. */
    public static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999Z");

    /**
     * Cuts the time to microseconds.
     *
     * @throws IllegalArgumentException if the time is before {@link #EARLIEST} or after {@link #LATEST}
     */
    public Origin {
        if (createdAt != null) {
            createdAt = createdAt.truncatedTo(ChronoUnit.MICROS);
            if (createdAt.isBefore(EARLIEST) || createdAt.isAfter(LATEST)) {
                throw new IllegalArgumentException(
                        "createdAt must be between " + EARLIEST + " and " + LATEST + ", was " + createdAt);
            }
        }
    }
}
