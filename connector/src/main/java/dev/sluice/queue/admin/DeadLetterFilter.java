package dev.sluice.queue.admin;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Which dead letters are meant: those for which all that is given is true.
 *
 * @param queue name of the queue; null: any
 * @param group name of the consumer group; null: any
 * @param partition name of the partition; null: any
 * @param from they failed at this time or later; null: at any time
 * @param to they failed before this time; null: at any time
 * @param error text their error contains, in upper or lower case; null: any
 */
public record DeadLetterFilter(
        @Nullable String queue,
        @Nullable String group,
        @Nullable String partition,
        @Nullable Instant from,
        @Nullable Instant to,
        @Nullable String error) {

    /** All dead letters. */
    public static final DeadLetterFilter ALL = new DeadLetterFilter(null, null, null, null, null, null);

    /** Returns the filter for all dead letters of a queue. */
    public static DeadLetterFilter ofQueue(String queue) {
        return new DeadLetterFilter(queue, null, null, null, null, null);
    }
}
