package dev.sluice.work;

import dev.sluice.queue.PriorityLane;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a work without its payload. Times are of the database's clock.
 *
 * @param key null: it has none, or that is not known any more
 * @param priority the lane of its partition; null: not known any more
 * @param attempts runs that failed; of a dead letter, all runs
 * @param crashes engines that died while the work was begun; of a dead letter, 0
 * @param createdAt null: not known any more
 * @param dueAt when it is due, if that is later; else null
 * @param leaseUntil until when its engine holds it, unless the engine renews the lease; null: none has it. Past: the
 *     engine has died
 * @param endedAt when it was done, was cancelled or became a dead letter; null: it has not, or that is not known
 */
public record WorkSummary(
        WorkId id,
        String type,
        WorkState state,
        @Nullable String key,
        @Nullable PriorityLane priority,
        int attempts,
        int crashes,
        long snoozes,
        @Nullable Instant createdAt,
        @Nullable Instant dueAt,
        @Nullable Instant leaseUntil,
        @Nullable Instant endedAt) {}
