package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Claims ready cursors for the consumers that wait on one target, and reads what they get. Three statements whatever
 * the number of consumers: lock cursors, give leases, read segments. Queues with a delay cost one more, and so does a
 * target that is no single queue.
 */
final class Pop {
    /** Rounds of claiming in one transaction. More than one only while cursors turn out to have nothing to read. */
    private static final int MAX_ROUNDS = 10;

    private final Statements statements;
    private final long maxBytes;
    private final ReadyCursors candidates;

    Pop(Statements statements, long maxBytes) {
        this.statements = statements;
        this.maxBytes = maxBytes;
        this.candidates = new ReadyCursors(statements);
    }

    /** The part of a cursor's messages that one consumer gets: what is not acked of {@code (position, end]}. */
    private record Claim(Share share, ReadyCursor cursor, long end, boolean isEmpty) {

        /** This claim after it was read up to {@code readEnd}; deleted messages are done. */
        Claim read(long readEnd, int found, SeqSet deleted) {
            if (found == 0) {
                share.partitions--;
            }
            ReadyCursor passed = deleted.isEmpty() ? cursor : cursor.without(deleted);
            return new Claim(share, passed, readEnd, found == 0);
        }

        /** Leaves the cursor as it is. */
        void giveUp() {
            share.partitions--;
        }
    }

    /** What one consumer gets. */
    private static final class Share {
        private final PopRequest request;
        private final UUID leaseId = UUID.randomUUID();
        private final List<Message> messages = new ArrayList<>();
        private int partitions;
        private long left;

        Share(PopRequest request) {
            this.request = request;
            this.left = request.batch();
        }

        /** Deleted messages do not count. */
        void count() {
            left = request.batch() - messages.size();
        }
    }

    List<PopResult> run(Connection connection, PopTarget target, List<PopRequest> requests) throws SQLException {
        List<Share> shares = requests.stream().map(Share::new).toList();
        Subscription wish = requests.get(0).subscription();
        if (target.scope() instanceof Across across) {
            candidates.registerAcross(connection, across, target.group(), wish);
        }
        boolean anyClaims = false;
        long bytes = 0;
        boolean mayRegister = true;
        for (int round = 0; round < MAX_ROUNDS; round++) {
            int wanted =
                    shares.stream().mapToInt(share -> wanted(share, target)).sum();
            List<ReadyCursor> ready = wanted == 0 ? List.of() : candidates.lock(connection, target, wanted);
            if (ready.isEmpty()) {
                if (mayRegister && !anyClaims && candidates.register(connection, target, wish)) {
                    mayRegister = false;
                    continue;
                }
                break;
            }
            mayRegister = false;
            List<Claim> given = new ArrayList<>();
            var burials = new DeadLetterBatch(statements);
            List<ReadyCursor> empty = distribute(ready, shares, target, given, burials);
            burials.run(connection);
            bytes += read(connection, given, maxBytes - bytes);
            shares.forEach(Share::count);
            write(connection, given, empty);
            anyClaims |= !given.isEmpty();
            boolean allGiven = empty.isEmpty() && given.stream().noneMatch(Claim::isEmpty);
            if (allGiven || bytes >= maxBytes) {
                break;
            }
        }
        return results(connection, target, shares);
    }

    private static int wanted(Share share, PopTarget target) {
        int most = target.isOnePartition() ? 1 : share.request.maxPartitions();
        return share.left == 0 ? 0 : Math.max(0, most - share.partitions);
    }

    /**
     * Gives cursors to shares, in the order of both, until every share has what it wants. Returns the cursors passed
     * that have nothing to read.
     */
    private static List<ReadyCursor> distribute(
            List<ReadyCursor> ready, List<Share> shares, PopTarget target, List<Claim> given, DeadLetterBatch burials) {
        var empty = new ArrayList<ReadyCursor>();
        int next = 0;
        for (ReadyCursor each : ready) {
            while (next < shares.size() && wanted(shares.get(next), target) == 0) {
                next++;
            }
            if (next == shares.size()) {
                break;
            }
            ReadyCursor cursor = buryUndeliverable(each, target, burials);
            long available = Math.min(cursor.available(), cursor.most());
            if (available == 0) {
                empty.add(cursor);
                continue;
            }
            Share share = shares.get(next);
            long count = Math.min(available, share.left);
            given.add(new Claim(share, cursor, cursor.acked().endOfMissing(cursor.position(), count), false));
            share.left -= count;
            share.partitions++;
        }
        return empty;
    }

    /** Makes a dead letter of the message that waits first if leases on it have ended too often without a word. */
    private static ReadyCursor buryUndeliverable(ReadyCursor cursor, PopTarget target, DeadLetterBatch burials) {
        if (!cursor.isBeyondRedelivery() || cursor.available() == 0) {
            return cursor;
        }
        long first = cursor.acked().endOfMissing(cursor.position(), 1);
        String error = "delivered " + cursor.deliveries() + " times without an ack";
        burials.add(cursor.queueId(), cursor.partitionId(), first, target.group(), error, cursor.deliveries() - 1);
        return cursor.without(SeqSet.EMPTY.with(first, first));
    }

    private void write(Connection connection, List<Claim> given, List<ReadyCursor> empty) throws SQLException {
        var settle = new CursorUpdates(statements);
        var leased = new ArrayList<Claim>();
        for (Claim claim : given) {
            if (claim.share().request.autoAck() || claim.isEmpty()) {
                settleAt(settle, claim.cursor(), claim.end());
            } else {
                leased.add(claim);
            }
        }
        var heldBack = new ArrayList<ReadyCursor>();
        for (ReadyCursor cursor : empty) {
            if (cursor.heldBackMs() > 0) {
                heldBack.add(cursor);
            } else {
                settleAt(settle, cursor, cursor.position());
            }
        }
        settle.run(connection);
        holdBack(connection, heldBack);
        if (leased.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("lease"))
                .set(
                        "groups",
                        leased.stream()
                                .mapToLong(claim -> claim.cursor().groupId())
                                .toArray())
                .set(
                        "partitions",
                        leased.stream()
                                .mapToLong(claim -> claim.cursor().partitionId())
                                .toArray())
                .set(
                        "leases",
                        leased.stream().map(claim -> claim.share().leaseId).toArray(UUID[]::new))
                .set("ends", leased.stream().mapToLong(Claim::end).toArray())
                .set(
                        "positions",
                        leased.stream()
                                .mapToLong(claim -> claim.cursor().position())
                                .toArray())
                .set(
                        "acked",
                        leased.stream()
                                .map(claim -> claim.cursor().acked().toString())
                                .toArray(String[]::new))
                .set(
                        "deliveries",
                        leased.stream()
                                .mapToInt(claim -> claim.cursor().deliveries())
                                .toArray())
                .set(
                        "lease_times_s",
                        leased.stream()
                                .mapToInt(claim -> claim.cursor().leaseTimeS())
                                .toArray())) {
            int updated = statement.update();
            if (updated != leased.size()) {
                throw new IllegalStateException("leased " + updated + " locked cursors of " + leased.size());
            }
        }
    }

    private void holdBack(Connection connection, List<ReadyCursor> cursors) throws SQLException {
        if (cursors.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("hold-back"))
                .set("groups", cursors.stream().mapToLong(ReadyCursor::groupId).toArray())
                .set(
                        "partitions",
                        cursors.stream().mapToLong(ReadyCursor::partitionId).toArray())
                .set(
                        "delays_ms",
                        cursors.stream().mapToLong(ReadyCursor::heldBackMs).toArray())) {
            statement.update();
        }
    }

    /** Ends a claim as if all of it had been acknowledged. */
    private static void settleAt(CursorUpdates settle, ReadyCursor cursor, long end) {
        long position = cursor.acked().endOfRunAfter(Math.max(end, cursor.position()));
        settle.add(
                cursor.groupId(),
                cursor.partitionId(),
                position,
                cursor.acked().after(position),
                Collections.emptySortedMap(),
                0,
                0);
    }

    /**
     * Reads what the claims hold, and makes of them what there is: a claim beyond the bytes left is cut, or removed;
     * one on nothing but deleted messages becomes done.
     *
     * @return bytes read
     */
    private long read(Connection connection, List<Claim> claims, long bytesLeft) throws SQLException {
        if (claims.isEmpty()) {
            return 0;
        }
        var read = new ArrayList<Claim>(claims.size());
        SeqSet deleted = SeqSet.EMPTY;
        int current = 0;
        int found = 0;
        long end = 0;
        long bytes = 0;
        try (var statement = new BoundStatement(connection, statements.get("read"))
                        .set(
                                "partitions",
                                claims.stream()
                                        .mapToLong(claim -> claim.cursor().partitionId())
                                        .toArray())
                        .set(
                                "firsts",
                                claims.stream()
                                        .mapToLong(claim -> claim.cursor().position() + 1)
                                        .toArray())
                        .set("lasts", claims.stream().mapToLong(Claim::end).toArray())
                        .set("max_bytes", bytesLeft);
                ResultSet row = statement.query()) {
            while (row.next()) {
                int index = row.getInt("ordinal") - 1;
                for (; current < index; current++) {
                    read.add(claims.get(current).read(claims.get(current).end(), found, deleted));
                    deleted = SeqSet.EMPTY;
                    found = 0;
                }
                List<Message> messages = claims.get(index).share().messages;
                int before = messages.size();
                deleted = addMessages(row, claims.get(index), deleted);
                found += messages.size() - before;
                end = row.getLong("slice_end");
                bytes = row.getLong("total_bytes");
            }
        }
        if (bytes > bytesLeft) {
            // There may be more, which is left to the next pop.
            read.add(claims.get(current).read(end, found, deleted));
            claims.subList(current + 1, claims.size()).forEach(Claim::giveUp);
        } else {
            for (; current < claims.size(); current++) {
                read.add(claims.get(current).read(claims.get(current).end(), found, deleted));
                deleted = SeqSet.EMPTY;
                found = 0;
            }
        }
        claims.clear();
        claims.addAll(read);
        return bytes;
    }

    /** Adds what a row holds of a claim to the share. Returns the deleted ones known, with those of the row. */
    private static SeqSet addMessages(ResultSet row, Claim claim, SeqSet known) throws SQLException {
        ReadyCursor cursor = claim.cursor();
        UUID[] ids = (UUID[]) row.getArray("ids").getArray();
        String[] transactionIds = strings(row, "transaction_ids");
        @Nullable String[] payloads = strings(row, "payloads");
        Array traceArray = row.getArray("trace_ids");
        @Nullable UUID[] traceIds = traceArray == null ? null : (UUID[]) traceArray.getArray();
        @Nullable String[] subs = row.getArray("producer_subs") == null ? null : strings(row, "producer_subs");
        MessageTimes times = MessageTimes.of(row);
        long firstSeq = row.getLong("slice_seq");
        SeqSet deleted = known;
        for (int i = 0; i < ids.length; i++) {
            long seq = firstSeq + i;
            String payload = payloads[i];
            if (cursor.acked().contains(seq)) {
                continue;
            }
            if (payload == null) {
                deleted = deleted.with(seq, seq);
                continue;
            }
            claim.share()
                    .messages
                    .add(new Message(
                            cursor.partitionId(),
                            cursor.partition(),
                            cursor.queue(),
                            seq,
                            ids[i],
                            transactionIds[i],
                            payload,
                            traceIds == null ? null : traceIds[i],
                            subs == null ? null : subs[i],
                            times.get(i)));
        }
        return deleted;
    }

    private static String[] strings(ResultSet row, String column) throws SQLException {
        return (String[]) row.getArray(column).getArray();
    }

    private List<PopResult> results(Connection connection, PopTarget target, List<Share> shares) throws SQLException {
        var results = new ArrayList<PopResult>(shares.size());
        ReadyCursors.Quiet quiet = null;
        for (Share share : shares) {
            if (share.messages.isEmpty()) {
                if (quiet == null) {
                    quiet = candidates.quiet(connection, target);
                }
                results.add(PopResult.nothing(quiet.status(), quiet.nextReadyIn()));
            } else {
                UUID lease = share.request.autoAck() ? null : share.leaseId;
                results.add(new PopResult(Status.MESSAGES, lease, share.messages, share.partitions, null));
            }
        }
        return results;
    }
}
