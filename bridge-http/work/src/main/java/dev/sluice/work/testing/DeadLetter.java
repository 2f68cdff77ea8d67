package dev.sluice.work.testing;

import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import org.jspecify.annotations.Nullable;

/**
 * A work that is a dead letter.
 *
 * @param work as it was enqueued
 * @param retries how often it ran after the first time
 * @param errors the failed attempts, the text of a JSON array; null: none
 * @param progress what its handler reported, JSON text; null: nothing
 */
public record DeadLetter(
        WorkId id,
        Work work,
        String reason,
        int retries,
        @Nullable String errors,
        @Nullable String progress) {}
