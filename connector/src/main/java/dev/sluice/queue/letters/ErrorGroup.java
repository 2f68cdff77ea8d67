package dev.sluice.queue.letters;

import dev.sluice.queue.ErrorShape;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The dead letters of a queue and a consumer group whose errors have one shape.
 *
 * @param queue name of the queue
 * @param group the consumer group that gave up
 * @param shapeId hash of the shape, see {@link ErrorShape#id}; null: the shape is not computed yet, or the groups are
 *     not by shape
 * @param shape the shape; null as {@code shapeId}
 * @param letters how many there are
 * @param firstAt when the first of them failed
 * @param lastAt when the last of them failed
 * @param example id of the newest of them
 * @param error its error, the first {@link ErrorGroups#ERROR_LENGTH} characters
 */
public record ErrorGroup(
        String queue,
        String group,
        @Nullable Long shapeId,
        @Nullable String shape,
        long letters,
        Instant firstAt,
        Instant lastAt,
        long example,
        String error) {}
