package dev.sluice.work.engine;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.Enqueued;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Work;
import dev.sluice.work.WorkId;
import dev.sluice.work.rules.Hashes;
import dev.sluice.work.store.KeyRows;
import dev.sluice.work.store.KeyRows.NewKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.KeyRows.TakenKey;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Enters the idempotency keys of works that are enqueued, and finds the works that have them already. */
final class IdempotencyKeys {
    /** How long an enqueue that others wait for waits for a key that another transaction has entered. */
    private static final Duration WAIT = Duration.ofMillis(10);

    static final String LOCK_NOT_AVAILABLE = "55P03";

    /** A work as its queue takes it, and its idempotency key. */
    record Prepared(
            Work work,
            NewMessage message,
            long queueId,
            @Nullable NewKey key) {}

    private final KeyRows rows;
    private final PayloadCipher cipher;

    IdempotencyKeys(KeyRows rows, PayloadCipher cipher) {
        this.rows = rows;
        this.cipher = cipher;
    }

    /** Returns the key of a work that is about to be enqueued. */
    static NewKey of(long queueId, String key, byte[] payload, UUID messageId) {
        return new NewKey(new QueueKey(queueId, key), Hashes.sha256(payload), messageId);
    }

    /** Returns the work that has the key of another one; null: that one is the first, or has no key. */
    static @Nullable Enqueued duplicateOf(Prepared work, Map<QueueKey, Enqueued> duplicates) {
        NewKey key = work.key();
        Enqueued found = key == null ? null : duplicates.get(key.key());
        return found == null || found.id().value().equals(work.message().id()) ? null : found;
    }

    /**
     * Enters the keys of works. Returns, by key, the works that have it already; a work of the list that came before
     * counts too. Waits for transactions that have entered some of the keys and have not ended.
     *
     * @throws KeyConflictException if the payloads differ
     */
    Map<QueueKey, Enqueued> claim(Connection connection, List<Prepared> all) throws SQLException {
        List<Prepared> works = all.stream().filter(each -> each.key() != null).toList();
        if (works.isEmpty()) {
            return Map.of();
        }
        var first = new LinkedHashMap<QueueKey, Prepared>();
        works.forEach(each -> first.putIfAbsent(keyOf(each).key(), each));
        var free = new HashSet<QueueKey>();
        var taken = new HashMap<QueueKey, TakenKey>();
        List<NewKey> open = first.values().stream().map(IdempotencyKeys::keyOf).toList();
        while (!open.isEmpty()) { // A key that another transaction has deleted meanwhile is neither free nor taken.
            free.addAll(rows.claim(connection, open));
            taken.putAll(rows.find(
                    connection,
                    open.stream()
                            .map(NewKey::key)
                            .filter(key -> !free.contains(key))
                            .toList()));
            open = open.stream()
                    .filter(each -> !free.contains(each.key()) && !taken.containsKey(each.key()))
                    .toList();
        }
        var duplicates = new HashMap<QueueKey, Enqueued>();
        for (Prepared each : works) {
            NewKey key = keyOf(each);
            TakenKey other = taken.get(key.key());
            Prepared before = first.get(key.key());
            if (other != null) {
                requireSame(each, new WorkId(other.messageId()), other.payloadHash());
                String result = other.result() == null
                        ? null
                        : cipher.open(each.message().queue(), other.result());
                duplicates.put(
                        key.key(), new Enqueued(new WorkId(other.messageId()), true, other.isFinished(), result));
            } else if (!before.message().id().equals(each.message().id())) {
                var id = new WorkId(before.message().id());
                requireSame(each, id, keyOf(before).payloadHash());
                duplicates.put(key.key(), new Enqueued(id, true, false, null));
            }
        }
        return duplicates;
    }

    /**
     * Enters the keys of works as {@link #claim} does, but does not wait for long for a transaction that has entered
     * one of them and has not ended.
     *
     * @return null: such a transaction is still open, and the caller must roll back
     */
    @Nullable
    Map<QueueKey, Enqueued> claimSoon(Connection connection, List<Prepared> works) throws SQLException {
        if (works.stream().allMatch(each -> each.key() == null)) {
            return Map.of();
        }
        String before = rows.limitWait(connection, WAIT);
        try {
            Map<QueueKey, Enqueued> duplicates = claim(connection, works);
            rows.restoreWait(connection, before);
            return duplicates;
        } catch (SQLException e) {
            if (LOCK_NOT_AVAILABLE.equals(e.getSQLState())) {
                return null;
            }
            throw e;
        }
    }

    private static NewKey keyOf(Prepared work) {
        return Objects.requireNonNull(work.key());
    }

    private static void requireSame(Prepared work, WorkId other, byte[] storedHash) {
        byte[] given = keyOf(work).payloadHash();
        if (!MessageDigest.isEqual(given, storedHash)) {
            HexFormat hex = HexFormat.of();
            throw new KeyConflictException(work.work(), other, hex.formatHex(storedHash), hex.formatHex(given));
        }
    }
}
