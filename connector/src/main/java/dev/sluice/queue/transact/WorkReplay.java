package dev.sluice.queue.transact;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.WorkHeaders;
import dev.sluice.queue.sql.Statements;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Makes works of dead letters again. A work keeps its id, its key and its lane: it goes to the end of its partition,
 * behind the works that wait there, so the works of a key still run one at a time. It is a new generation: attempts and
 * crashes begin at zero, and its deadline and its greatest age count from now. What is known of it goes into the table
 * {@code work_progress}: the failures before, and the last report.
 *
 * <p>The row of its idempotency key says again that the work is not finished. If another work has the key by now, the
 * letter stays or is removed as an enqueue would be refused or be a repetition.
 *
 * <p>In a transaction of {@link Redrive}, which has locked the letters.
 */
final class WorkReplay {
    private final Statements statements;
    private final PayloadCipher cipher;

    WorkReplay(Statements statements, PayloadCipher cipher) {
        this.statements = statements;
        this.cipher = cipher;
    }

    private record Key(long queueId, String key) {}

    @SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
    private record NewKey(TakenLetter letter, Key key, byte[] payloadHash) {}

    @SuppressWarnings("ArrayRecordComponent") // Nothing compares these records.
    private record OtherKey(byte[] payloadHash, UUID messageId) {}

    /** Adds the works of letters to a plan. Takes their idempotency keys. */
    void plan(Connection connection, List<TakenLetter> letters, RedrivePlan plan) throws SQLException {
        var withKey = new ArrayList<NewKey>();
        for (TakenLetter letter : letters) {
            MessageHeaders headers = cipher.open(letter.queue(), letter.headers());
            if (cipher.cannotOpen(letter.queue(), letter.headers())) {
                plan.refuse(letter, RedrivePlan.NO_KEY);
                continue;
            }
            String key = headers.get(WorkHeaders.KEY);
            if (key == null) {
                plan.move(letter, message(letter, headers));
            } else if (cipher.cannotOpen(letter.queue(), letter.payload())) {
                plan.refuse(letter, RedrivePlan.NO_KEY);
            } else {
                byte[] payload = cipher.open(letter.queue(), letter.payload());
                withKey.add(new NewKey(letter, new Key(letter.queueId(), key), sha256(payload)));
            }
        }
        if (!withKey.isEmpty()) {
            takeKeys(connection, withKey, plan);
        }
    }

    private void takeKeys(Connection connection, List<NewKey> wanted, RedrivePlan plan) throws SQLException {
        var first = new LinkedHashMap<Key, NewKey>();
        wanted.forEach(each -> first.putIfAbsent(each.key(), each));
        Set<Key> taken = claim(connection, List.copyOf(first.values()));
        Map<Key, OtherKey> others = others(
                connection,
                first.keySet().stream().filter(key -> !taken.contains(key)).toList());
        for (NewKey each : wanted) {
            NewKey owner = first.get(each.key());
            OtherKey other = others.get(each.key());
            if (other == null
                    && owner != null
                    && owner.letter().id() != each.letter().id()) {
                other = new OtherKey(owner.payloadHash(), owner.letter().messageId());
            }
            if (other == null) {
                TakenLetter letter = each.letter();
                plan.move(letter, message(letter, cipher.open(letter.queue(), letter.headers())));
            } else if (MessageDigest.isEqual(other.payloadHash(), each.payloadHash())) {
                plan.repeats(each.letter(), other.messageId());
            } else {
                plan.refuse(
                        each.letter(),
                        "its idempotency key belongs to work " + other.messageId() + ", which has another payload");
            }
        }
    }

    private Set<Key> claim(Connection connection, List<NewKey> keys) throws SQLException {
        return new HashSet<>(statements
                .on(connection, "claim-keys")
                .set("queues", keys, key -> key.key().queueId())
                .setTexts("keys", keys, key -> key.key().key())
                .setBytes("hashes", keys, NewKey::payloadHash)
                .setUuids("ids", keys, key -> key.letter().messageId())
                .list(row -> new Key(row.getLong("queue_id"), row.getString("key"))));
    }

    private Map<Key, OtherKey> others(Connection connection, List<Key> keys) throws SQLException {
        var others = new LinkedHashMap<Key, OtherKey>();
        if (!keys.isEmpty()) {
            statements
                    .on(connection, "other-keys")
                    .set("queues", keys, Key::queueId)
                    .setTexts("keys", keys, Key::key)
                    .forEach(row -> others.put(
                            keys.get(row.getInt("ordinal") - 1),
                            new OtherKey(row.getBytes("payload_hash"), row.getObject("message_id", UUID.class))));
        }
        return others;
    }

    private NewMessage message(TakenLetter letter, MessageHeaders opened) {
        Instant begun = time(opened.get(WorkHeaders.REPLAYED));
        Instant deadline = time(opened.get(WorkHeaders.DEADLINE));
        MessageHeaders headers = opened.with(WorkHeaders.REPLAYED, letter.now().toString());
        if (deadline != null) {
            Duration allowed = Duration.between(begun == null ? letter.createdAt() : begun, deadline);
            boolean isSpan = !allowed.isNegative() && !allowed.isZero();
            headers = headers.with(
                    WorkHeaders.DEADLINE, isSpan ? letter.now().plus(allowed).toString() : null);
        }
        boolean wasSealed = !opened.equals(letter.headers());
        return letter.again(
                wasSealed ? MessageHeaders.ofStored(cipher.seal(letter.queue(), headers.json())) : headers,
                lane(letter, opened));
    }

    private static @Nullable PriorityLane lane(TakenLetter letter, MessageHeaders opened) {
        String priority = opened.get(WorkHeaders.PRIORITY);
        try {
            return priority == null ? letter.workLane() : PriorityLane.of(WorkHeaders.PRIORITY, priority);
        } catch (IllegalArgumentException e) {
            return letter.workLane(); // Not one of ours.
        }
    }

    private static @Nullable Instant time(@Nullable String text) {
        try {
            return text == null ? null : Instant.parse(text);
        } catch (DateTimeParseException e) {
            return null; // Not one of ours.
        }
    }

    private static byte[] sha256(byte[] payload) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(payload);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Keeps what is known of the works. Before their letters are removed. */
    void keepReports(Connection connection, List<Long> letters) throws SQLException {
        statements
                .on(connection, "keep-reports")
                .set("ids", letters, Long::longValue)
                .execute();
        statements
                .on(connection, "forget-cancels")
                .set("ids", letters, Long::longValue)
                .execute();
    }
}
