package dev.sluice.queue;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a message brings along from where it was before, such as a topic.
 *
 * @param createdAt when it was made there; microseconds. It is what consumers see as the time of creation. Everything
 *     that is done by age, such as retention, goes by when the message was written here. Null: the time it is written
 * @param lane the lane its partition is created in, if it is the first of its partition; null: the lane of the queue's
 *     priority
 */
public record Origin(@Nullable Instant createdAt, @Nullable PriorityLane lane) {
    /** Of a message that comes from nowhere else. */
    public static final Origin NONE = new Origin(null, null);

    /** Earliest time of creation: before it, calendars differ between here and the database's driver. */
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
