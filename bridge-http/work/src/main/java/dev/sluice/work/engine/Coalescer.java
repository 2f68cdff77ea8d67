package dev.sluice.work.engine;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.ScheduledMessage;
import dev.sluice.queue.write.WriterTransaction;
import dev.sluice.work.Coalescing;
import dev.sluice.work.store.KeyRows;
import dev.sluice.work.store.KeyRows.FinishedKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.LatestRows;
import dev.sluice.work.store.LatestRows.Entered;
import dev.sluice.work.store.LatestRows.Latest;
import dev.sluice.work.store.LatestRows.LatestKey;
import dev.sluice.work.store.LatestRows.NewLatest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Replaces waiting works by newer ones with the same debounce key or conflation key, in the transaction that writes the
 * newer ones. A work that waits is a row of {@code scheduled}; what is stored in a partition is never replaced.
 *
 * <p>The row of a key in {@code work_latest} is locked first, so of many callers on many engines one is after the
 * other. Locks: idempotency keys, rows of {@code work_latest}, partitions.
 *
 * <p>The newest work with a <em>debounce key</em> is due when its time of quiet has passed. The first work with a
 * <em>conflation key</em> goes to its partition at once. While it is there or runs, the newest work is scheduled for a
 * time that never comes; the transaction that ends the first one makes it due.
 */
final class Coalescer {
    /** The delay of a work that waits until another one has ended. */
    private static final Duration UNTIL_RELEASED = NewMessage.MAX_DELAY;

    private final LatestRows rows;
    private final KeyRows keys;

    Coalescer(LatestRows rows, KeyRows keys) {
        this.rows = rows;
        this.keys = keys;
    }

    /**
     * A work that may replace another one.
     *
     * @param window how long its idempotency key stays taken after it was replaced
     */
    record Candidate(
            NewMessage message,
            LatestKey key,
            Coalescing how,
            @Nullable String idempotencyKey,
            Duration window) {}

    /**
     * What becomes of the candidates of a transaction.
     *
     * @param messages those that are to be written, by id, with their times
     * @param replaced what each candidate has replaced, by id
     * @param latest the rows of their keys, without the partitions
     */
    record Plan(Map<UUID, NewMessage> messages, Map<UUID, UUID> replaced, Map<UUID, Latest> latest) {
        static final Plan NONE = new Plan(Map.of(), Map.of(), Map.of());

        /** Returns the messages to write, in their order. */
        List<NewMessage> applyTo(List<NewMessage> all, List<Candidate> candidates) {
            if (candidates.isEmpty()) {
                return all;
            }
            Set<UUID> ids = candidates.stream().map(each -> each.message().id()).collect(Collectors.toSet());
            return all.stream()
                    .filter(each -> !ids.contains(each.id()) || messages.containsKey(each.id()))
                    .map(each -> messages.getOrDefault(each.id(), each))
                    .toList();
        }
    }

    /**
     * Takes the works out of {@code scheduled} that the candidates replace, and finishes their idempotency keys.
     *
     * @param located what the transaction is about to write; the candidates are in it
     */
    Plan plan(WriterTransaction transaction, Flush located, List<Candidate> candidates) throws SQLException {
        if (candidates.isEmpty()) {
            return Plan.NONE;
        }
        var newest = new LinkedHashMap<LatestKey, Candidate>();
        var replaced = new HashMap<UUID, UUID>();
        var gone = new ArrayList<FinishedKey>();
        var oldest = new HashMap<LatestKey, UUID>();
        for (Candidate each : candidates) {
            Candidate before = newest.put(each.key(), each);
            if (before == null) {
                oldest.put(each.key(), each.message().id());
            } else {
                replaced.put(each.message().id(), before.message().id());
                finish(
                        gone,
                        before.key(),
                        before.idempotencyKey(),
                        before.message().id(),
                        before.window());
            }
        }
        Map<LatestKey, Entered> entered = rows.enter(
                transaction.connection(),
                newest.values().stream()
                        .map(each -> new NewLatest(each.key(), each.message().id(), each.idempotencyKey()))
                        .toList());
        Set<UUID> withdrawn = withdraw(transaction, located, newest, entered);
        var messages = new HashMap<UUID, NewMessage>();
        var latest = new HashMap<UUID, Latest>();
        for (Candidate each : newest.values()) {
            Entered row = Objects.requireNonNull(entered.get(each.key()));
            UUID old = row.latest().messageId();
            boolean hasWaited = withdrawn.contains(old);
            if (hasWaited) {
                replaced.put(Objects.requireNonNull(oldest.get(each.key())), old);
                finish(gone, each.key(), row.latest().idempotencyKey(), old, each.window());
            }
            Latest next = next(each, row, hasWaited);
            latest.put(each.message().id(), next);
            messages.put(each.message().id(), timed(each, next, row.now()));
        }
        keys.finish(transaction.connection(), gone);
        return new Plan(messages, replaced, latest);
    }

    private static void finish(
            List<FinishedKey> gone, LatestKey of, @Nullable String idempotencyKey, UUID id, Duration window) {
        if (idempotencyKey != null) {
            gone.add(new FinishedKey(new QueueKey(of.queueId(), idempotencyKey), id, window, null));
        }
    }

    private static Set<UUID> withdraw(
            WriterTransaction transaction,
            Flush located,
            Map<LatestKey, Candidate> newest,
            Map<LatestKey, Entered> entered)
            throws SQLException {
        var old = new ArrayList<ScheduledMessage>();
        entered.forEach((key, row) -> {
            UUID id = row.latest().messageId();
            if (!id.equals(Objects.requireNonNull(newest.get(key)).message().id())) {
                old.add(new ScheduledMessage(row.latest().partitionId(), id));
            }
        });
        return old.isEmpty() ? Set.of() : transaction.withdraw(located, old);
    }

    /** Returns the row of a key after a work was enqueued; its partition is not known yet. */
    private static Latest next(Candidate work, Entered row, boolean hasWaited) {
        Latest before = row.latest();
        UUID id = work.message().id();
        Instant firstAt = hasWaited ? before.firstAt() : row.now();
        UUID running = null;
        long runningPartition = 0;
        if (work.how().conflates()) {
            // If the newest work before this one did not wait, it is in its partition or runs.
            boolean hasNone = hasWaited && before.messageId().equals(before.running());
            running = hasNone ? id : hasWaited ? before.running() : before.messageId();
            runningPartition = hasNone ? 0 : hasWaited ? before.runningPartition() : before.partitionId();
        }
        return new Latest(work.key(), id, 0, work.idempotencyKey(), firstAt, running, runningPartition);
    }

    private static NewMessage timed(Candidate work, Latest row, Instant now) {
        Duration quiet = work.how().quiet();
        Duration longest = work.how().longest();
        if (quiet == null || longest == null) {
            boolean waits = !row.messageId().equals(row.running());
            return waits ? work.message().toBuilder().delay(UNTIL_RELEASED).build() : work.message();
        }
        Instant quietUntil = now.plus(quiet);
        Instant latest = row.firstAt().plus(longest);
        return work.message().toBuilder()
                .deliverAt(quietUntil.isBefore(latest) ? quietUntil : latest)
                .build();
    }

    /** Stores the rows of the keys after the messages of a plan were written. */
    void written(Connection connection, Plan plan, Flush written) throws SQLException {
        if (plan.latest().isEmpty()) {
            return;
        }
        var latest = new ArrayList<Latest>();
        for (PushOutcome outcome : written.outcomes()) {
            if (outcome instanceof PushOutcome.Scheduled waits) {
                add(latest, plan.latest().get(waits.id()), waits.partitionId());
            } else if (outcome instanceof PushOutcome.Queued queued) {
                add(latest, plan.latest().get(queued.id()), queued.partitionId());
            }
        }
        rows.put(connection, latest);
    }

    private static void add(List<Latest> latest, @Nullable Latest row, long partitionId) {
        if (row != null) {
            boolean runs = row.messageId().equals(row.running());
            latest.add(new Latest(
                    row.key(),
                    row.messageId(),
                    partitionId,
                    row.idempotencyKey(),
                    row.firstAt(),
                    row.running(),
                    runs ? partitionId : row.runningPartition()));
        }
    }
}
