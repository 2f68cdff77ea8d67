package dev.sluice.work.admin;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkState;
import dev.sluice.work.WorkSummary;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.FindRows.Found;
import dev.sluice.work.store.FindRows.Runs;
import dev.sluice.work.store.FindRows.Times;
import dev.sluice.work.store.FindRows.TypeQueue;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Makes values of the API from rows, and decrypts what is encrypted. */
final class Shown {
    private final PayloadCipher cipher;

    Shown(PayloadCipher cipher) {
        this.cipher = cipher;
    }

    /**
     * What other tables have of a work.
     *
     * @param errors its failures before it was put back from the dead letters
     */
    record More(
            @Nullable String errors,
            @Nullable String report,
            @Nullable String result,
            @Nullable Instant finishedAt,
            boolean isCancelRequested) {}

    WorkInfo info(UUID id, TypeQueue queue, Found found, More more) {
        MessageHeaders headers = cipher.open(queue.name(), MessageHeaders.ofStored(found.headers()));
        var metadata = new LinkedHashMap<>(headers.asMap());
        metadata.keySet().removeIf(name -> name.startsWith(MessageHeaders.RESERVED));
        WorkSummary summary = summary(
                id,
                queue,
                Objects.requireNonNull(found.state(), "a row without a state is no work"),
                found.partition(),
                found.lane(),
                found.runs(),
                found.times());
        String payload = found.payload();
        return new WorkInfo(
                found.times().endedAt() == null && more.finishedAt() != null && summary.state() == WorkState.DONE
                        ? endedAt(summary, more.finishedAt())
                        : summary,
                payload == null ? null : cipher.open(queue.name(), payload.getBytes(StandardCharsets.UTF_8)),
                metadata,
                headers.get(Types.KEY_HEADER),
                time(headers.get(Types.DEADLINE_HEADER)),
                found.producer(),
                Objects.toString(found.engine(), null),
                more.isCancelRequested(),
                opened(
                        queue,
                        found.texts().errors() == null
                                ? more.errors()
                                : found.texts().errors()),
                opened(
                        queue,
                        found.texts().report() == null
                                ? more.report()
                                : found.texts().report()),
                opened(
                        queue,
                        found.texts().result() == null
                                ? more.result()
                                : found.texts().result()),
                found.texts().reason(),
                found.replayedAs() == null ? null : new WorkId(found.replayedAs()));
    }

    private static WorkSummary endedAt(WorkSummary work, Instant time) {
        return new WorkSummary(
                work.id(),
                work.type(),
                work.state(),
                work.key(),
                work.priority(),
                work.attempts(),
                work.crashes(),
                work.snoozes(),
                work.createdAt(),
                work.dueAt(),
                work.leaseUntil(),
                time);
    }

    WorkSummary summary(
            UUID id, TypeQueue queue, String state, @Nullable String partition, int lane, Runs runs, Times times) {
        return new WorkSummary(
                new WorkId(id),
                Types.ofQueue(queue.name()),
                WorkState.valueOf(state.toUpperCase(Locale.ROOT)),
                partition == null || Types.isShared(partition) ? null : Types.keyOf(partition),
                partition == null ? null : Types.laneOf(partition, PriorityLane.ofNumber(lane)),
                runs.attempts(),
                runs.crashes(),
                runs.snoozes(),
                times.createdAt(),
                times.dueAt(),
                times.leaseUntil(),
                times.endedAt());
    }

    private @Nullable String opened(TypeQueue queue, @Nullable String stored) {
        return stored == null ? null : cipher.open(queue.name(), stored);
    }

    private static @Nullable Instant time(@Nullable String text) {
        try {
            return text == null ? null : Instant.parse(text);
        } catch (DateTimeParseException e) {
            return null; // Not one of ours.
        }
    }
}
