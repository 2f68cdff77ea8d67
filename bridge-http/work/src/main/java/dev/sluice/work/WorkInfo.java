package dev.sluice.work;

import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a work.
 *
 * @param payload JSON text in UTF-8; null: not known any more. Not copied: do not change it
 * @param metadata texts that travel with the work
 * @param deadline when it is too late to run it; null: never
 * @param producer subject of the token with which it was enqueued; null: none
 * @param engine the engine that has it, or had it when it died; null: none
 * @param isCancelRequested whether it is to be cancelled, and no engine has found that out yet
 * @param errors its newest failures, a JSON array; null: none
 * @param progress what its handler has reported, a JSON object; null: nothing
 * @param result what its handler returned, JSON text; null: nothing, or that is not kept
 * @param reason why it is a dead letter; null: it is none
 * @param replayedAs the work that stands for its dead letter; null: none
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares these records, and copies of payloads would be expensive.
public record WorkInfo(
        WorkSummary summary,
        byte @Nullable [] payload,
        Map<String, String> metadata,
        @Nullable String idempotencyKey,
        @Nullable Instant deadline,
        @Nullable String producer,
        @Nullable String engine,
        boolean isCancelRequested,
        @Nullable String errors,
        @Nullable String progress,
        @Nullable String result,
        @Nullable String reason,
        @Nullable WorkId replayedAs) {}
