package dev.sluice.queue.admin;

import dev.sluice.queue.ErrorShape;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Selects dead letters. A dead letter matches if it meets every condition that is not null.
 *
 * @param queue name of its queue
 * @param group name of the consumer group that gave up
 * @param partition name of its partition
 * @param from it failed at this time or later
 * @param to it failed before this time
 * @param error its error contains this text, in upper or lower case
 * @param namespace namespace of its queue
 * @param shape its error has this shape, see {@link ErrorShape#id}
 */
public record DeadLetterFilter(
        @Nullable String queue,
        @Nullable String group,
        @Nullable String partition,
        @Nullable Instant from,
        @Nullable Instant to,
        @Nullable String error,
        @Nullable String namespace,
        @Nullable Long shape) {

    /** Selects all dead letters. */
    public static final DeadLetterFilter ALL = new DeadLetterFilter(null, null, null, null, null, null, null, null);
}
