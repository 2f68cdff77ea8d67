package dev.sluice.work.testing;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What has become of a work.
 *
 * @param attempts runs of the handler that failed
 * @param crashes how often an engine died while the work was begun
 * @param snoozes how often the work was snoozed
 * @param dueAt when the work is due; null: it does not wait, or waits for the end of the work with its conflation key
 * @param result what is kept of the handler's result, JSON text; null: nothing
 * @param reason why the work is a dead letter; null: it is none
 * @param errors the failed attempts, the text of a JSON array as {@code dead_letters.history} has it; null: none
 */
public record WorkState(
        WorkStatus status,
        int attempts,
        int crashes,
        long snoozes,
        @Nullable Instant dueAt,
        @Nullable String result,
        @Nullable String reason,
        @Nullable String errors) {}
