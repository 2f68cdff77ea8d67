package dev.sluice.bridge.api.work;

import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.WorkAdmin.Numbers;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkSummary;
import dev.sluice.work.rules.JsonText;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Writes works and numbers as JSON. */
final class WorkJson {
    private static final double NANOS_PER_MILLI = 1e6;

    private WorkJson() {}

    /** Adds the fields of a work to an open object. */
    static JsonOutput summary(JsonOutput out, WorkSummary work) {
        PriorityLane priority = work.priority();
        return out.field("id", work.id().value())
                .field("type", work.type())
                .field("state", work.state().text())
                .field("key", work.key())
                .field("priority", priority == null ? null : priority.text())
                .field("attempts", work.attempts())
                .field("crashes", work.crashes())
                .field("snoozes", work.snoozes())
                .field("createdAt", AdminJson.time(work.createdAt()))
                .field("dueAt", AdminJson.time(work.dueAt()))
                .field("leaseUntil", AdminJson.time(work.leaseUntil()))
                .field("endedAt", AdminJson.time(work.endedAt()));
    }

    /** Adds a work with everything that is known of it. Payload, errors, progress and result are as they are stored. */
    static void info(JsonOutput out, WorkInfo work) {
        WorkId replay = work.replayedAs();
        byte[] payload = work.payload();
        summary(out.object(), work.summary());
        out.name("payload");
        if (payload == null) {
            out.raw("null");
        } else {
            out.json(payload);
        }
        out.name("metadata").json(JsonText.object(work.metadata()));
        out.field("idempotencyKey", work.idempotencyKey());
        out.field("deadline", AdminJson.time(work.deadline()));
        out.field("producerSub", work.producer());
        out.field("engine", work.engine());
        out.field("cancelRequested", work.isCancelRequested());
        raw(out, "errors", work.errors());
        raw(out, "progress", work.progress());
        raw(out, "result", work.result());
        out.field("reason", work.reason());
        out.field("replayedAs", replay == null ? null : replay.value()).endObject();
    }

    private static void raw(JsonOutput out, String name, @Nullable String json) {
        out.name(name).json(json == null ? "null" : json);
    }

    /** Returns about how many bytes a work takes. */
    static long bytesOf(WorkInfo work) {
        byte[] payload = work.payload();
        return 1_024L
                + (payload == null ? 0 : payload.length)
                + length(work.errors())
                + length(work.progress())
                + length(work.result());
    }

    private static long length(@Nullable String text) {
        return text == null ? 0 : text.length();
    }

    /** Adds the fields of numbers to an open object. */
    static JsonOutput numbers(JsonOutput out, Numbers numbers) {
        return out.field("pending", numbers.pending())
                .field("scheduled", numbers.scheduled())
                .field("processing", numbers.processing())
                .field("retrying", numbers.retrying())
                .field("snoozed", numbers.snoozed())
                .field("dlq", numbers.deadLetters())
                .field("activeWorkers", numbers.activeWorkers())
                .field("completed", numbers.completed())
                .field("failed", numbers.failed())
                .field("deadLettered", numbers.deadLettered())
                .name("averageMs")
                .raw(millis(numbers.average()))
                .name("p95Ms")
                .raw(millis(numbers.p95()));
    }

    private static String millis(Duration time) {
        return Double.toString(Math.round(time.toNanos() / NANOS_PER_MILLI * 1000) / 1000.0);
    }
}
