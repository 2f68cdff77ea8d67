package dev.sluice.queue;

import dev.sluice.queue.PopResult.Status;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Claims ready cursors for the consumers that wait on one target, and reads what they get. Three statements whatever the
 * number of consumers: lock cursors, give leases, read segments. Queues with a delay cost one more.
 */
final class Pop {
    /** Rounds of claiming in one transaction. More than one only while cursors turn out to have nothing to read. */
    private static final int MAX_ROUNDS = 10;

    private final Statements statements;
    private final long maxBytes;
    private final Registration registration;

    Pop(Statements statements, long maxBytes) {
        this.statements = statements;
        this.maxBytes = maxBytes;
        this.registration = new Registration(statements);
    }

    /**
     * A ready cursor whose row is locked, and what of it may be read.
     *
     * @param acked what is done after {@code position}
     * @param visible the last seq old enough to be delivered
     * @param deliveries leases in a row that have ended without a word
     * @param heldBackMs how long nothing of it may be delivered; 0 or less: something may
     */
    private record Ready(
            long groupId,
            long partitionId,
            long queueId,
            String partition,
            long position,
            long visible,
            SeqSet acked,
            int leaseTimeS,
            int deliveries,
            int redeliveryLimit,
            long delayS,
            long heldBackMs) {

        static Ready of(ResultSet row) throws SQLException {
            return new Ready(
                    row.getLong("group_id"),
                    row.getLong("partition_id"),
                    row.getLong("queue_id"),
                    row.getString("partition"),
                    row.getLong("position"),
                    row.getLong("head"),
                    SeqSet.parse(row.getString("acked")),
                    row.getInt("lease_time_s"),
                    row.getInt("deliveries"),
                    row.getInt("redelivery_limit"),
                    row.getLong("delayed_processing_s"),
                    row.getLong("window_ms"));
        }

        long available() {
            return heldBackMs > 0 ? 0 : acked.missing(position, visible);
        }

        /** A message that ends its consumers is found by giving what waits first alone. */
        long most() {
            return redeliveryLimit > 0 && deliveries > redeliveryLimit / 2 ? 1 : Long.MAX_VALUE;
        }

        boolean isBeyondRedelivery() {
            return redeliveryLimit > 0 && deliveries >= redeliveryLimit;
        }

        Ready visibleTo(long seq, long nextMs) {
            return new Ready(
                    groupId,
                    partitionId,
                    queueId,
                    partition,
                    position,
                    seq,
                    acked,
                    leaseTimeS,
                    deliveries,
                    redeliveryLimit,
                    delayS,
                    Math.max(heldBackMs, acked.missing(position, seq) == 0 ? nextMs : 0));
        }

        /** This cursor when these are done, too, and its holder has been heard of. */
        Ready without(SeqSet seqs) {
            SeqSet done = acked.with(seqs);
            long moved = done.endOfRunAfter(position);
            return new Ready(
                    groupId,
                    partitionId,
                    queueId,
                    partition,
                    moved,
                    visible,
                    done.after(moved),
                    leaseTimeS,
                    0,
                    redeliveryLimit,
                    delayS,
                    heldBackMs);
        }
    }

    /** The part of a cursor's messages that one consumer gets: what is not acked of {@code (position, end]}. */
    private record Claim(Share share, Ready cursor, long end, boolean isEmpty) {

        /** This claim after it was read up to {@code readEnd}; deleted messages are done. */
        Claim read(long readEnd, int found, SeqSet deleted) {
            if (found == 0) {
                share.partitions--;
            }
            Ready passed = deleted.isEmpty() ? cursor : cursor.without(deleted);
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
    }

    /** Why nothing is ready, and when that changes by itself. */
    private record Quiet(
            Status status, boolean registered, @Nullable Duration nextReadyIn) {}

    List<PopResult> run(Connection connection, PopTarget target, List<PopRequest> requests) throws SQLException {
        List<Share> shares = requests.stream().map(Share::new).toList();
        boolean anyClaims = false;
        long bytes = 0;
        boolean mayRegister = true;
        for (int round = 0; round < MAX_ROUNDS; round++) {
            int wanted =
                    shares.stream().mapToInt(share -> wanted(share, target)).sum();
            List<Ready> ready = wanted == 0 ? List.of() : lockReady(connection, target, wanted);
            if (ready.isEmpty()) {
                if (mayRegister
                        && !anyClaims
                        && register(connection, target, requests.get(0).subscription())) {
                    mayRegister = false;
                    continue;
                }
                break;
            }
            mayRegister = false;
            List<Claim> given = new ArrayList<>();
            var burials = new Burials(statements);
            List<Ready> empty = distribute(ready, shares, target, given, burials);
            burials.run(connection);
            bytes += read(connection, target, given, maxBytes - bytes);
            write(connection, given, empty);
            anyClaims |= !given.isEmpty();
            if (empty.isEmpty() || bytes >= maxBytes) {
                break;
            }
        }
        return results(connection, target, shares);
    }

    private static int wanted(Share share, PopTarget target) {
        int most = target.partition() == null ? share.request.maxPartitions() : 1;
        return share.left == 0 ? 0 : Math.max(0, most - share.partitions);
    }

    private List<Ready> lockReady(Connection connection, PopTarget target, int limit) throws SQLException {
        var ready = new ArrayList<Ready>();
        boolean delayed = false;
        String name = target.partition() == null ? "ready" : "ready-partition";
        try (var statement = new BoundStatement(connection, statements.get(name))
                .set("queue", target.queue())
                .set("group", target.group())) {
            if (target.partition() == null) {
                statement.set("limit", limit);
            } else {
                statement.set("partition", target.partition());
            }
            try (ResultSet row = statement.query()) {
                while (row.next()) {
                    Ready cursor = Ready.of(row);
                    ready.add(cursor);
                    delayed |= cursor.delayS() > 0;
                }
            }
        }
        return delayed ? oldEnough(connection, ready) : ready;
    }

    /** Hides what is younger than the delay of its queue. */
    private List<Ready> oldEnough(Connection connection, List<Ready> ready) throws SQLException {
        var aged = new ArrayList<Ready>(ready.size());
        for (Ready cursor : ready) {
            aged.add(cursor.visibleTo(cursor.position(), 0));
        }
        try (var statement = new BoundStatement(connection, statements.get("delayed"))
                        .set(
                                "partitions",
                                ready.stream().mapToLong(Ready::partitionId).toArray())
                        .set(
                                "firsts",
                                ready.stream()
                                        .mapToLong(cursor -> cursor.position() + 1)
                                        .toArray())
                        .set("lasts", ready.stream().mapToLong(Ready::visible).toArray())
                        .set("delays_s", ready.stream().mapToLong(Ready::delayS).toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                int index = row.getInt("ordinal") - 1;
                Ready cursor = ready.get(index);
                long visible = Math.min(cursor.visible(), Math.max(cursor.position(), row.getLong("visible")));
                aged.set(index, cursor.visibleTo(visible, Math.max(1, row.getLong("next_ms"))));
            }
        }
        return aged;
    }

    /**
     * Gives cursors to shares, in the order of both, until every share has what it wants. Returns the cursors passed that
     * have nothing to read.
     */
    private static List<Ready> distribute(
            List<Ready> ready, List<Share> shares, PopTarget target, List<Claim> given, Burials burials) {
        var empty = new ArrayList<Ready>();
        int next = 0;
        for (Ready each : ready) {
            while (next < shares.size() && wanted(shares.get(next), target) == 0) {
                next++;
            }
            if (next == shares.size()) {
                break;
            }
            Ready cursor = buryUndeliverable(each, target, burials);
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
    private static Ready buryUndeliverable(Ready cursor, PopTarget target, Burials burials) {
        if (!cursor.isBeyondRedelivery() || cursor.available() == 0) {
            return cursor;
        }
        long first = cursor.acked().endOfMissing(cursor.position(), 1);
        String error = "delivered " + cursor.deliveries() + " times without an ack";
        burials.add(cursor.queueId(), cursor.partitionId(), first, target.group(), error, cursor.deliveries());
        return cursor.without(SeqSet.EMPTY.with(first, first));
    }

    private void write(Connection connection, List<Claim> given, List<Ready> empty) throws SQLException {
        var settle = new Settle(statements);
        var leased = new ArrayList<Claim>();
        for (Claim claim : given) {
            if (claim.share().request.autoAck() || claim.isEmpty()) {
                settleAt(settle, claim.cursor(), claim.end());
            } else {
                leased.add(claim);
            }
        }
        var heldBack = new ArrayList<Ready>();
        for (Ready cursor : empty) {
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

    private void holdBack(Connection connection, List<Ready> cursors) throws SQLException {
        if (cursors.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(connection, statements.get("hold-back"))
                .set("groups", cursors.stream().mapToLong(Ready::groupId).toArray())
                .set(
                        "partitions",
                        cursors.stream().mapToLong(Ready::partitionId).toArray())
                .set("delays_ms", cursors.stream().mapToLong(Ready::heldBackMs).toArray())) {
            statement.update();
        }
    }

    /** Ends a claim as if all of it had been acknowledged. */
    private static void settleAt(Settle settle, Ready cursor, long end) {
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
     * Reads what the claims hold, and makes of them what there is: a claim beyond the bytes left is cut, or removed; one on
     * nothing but deleted messages becomes done.
     *
     * @return bytes read
     */
    private long read(Connection connection, PopTarget target, List<Claim> claims, long bytesLeft) throws SQLException {
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
                deleted = addMessages(row, target, claims.get(index), deleted);
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
    private static SeqSet addMessages(ResultSet row, PopTarget target, Claim claim, SeqSet known) throws SQLException {
        Ready cursor = claim.cursor();
        UUID[] ids = (UUID[]) row.getArray("ids").getArray();
        String[] transactionIds = strings(row, "transaction_ids");
        @Nullable String[] payloads = strings(row, "payloads");
        Array traceArray = row.getArray("trace_ids");
        @Nullable UUID[] traceIds = traceArray == null ? null : (UUID[]) traceArray.getArray();
        @Nullable String[] subs = row.getArray("producer_subs") == null ? null : strings(row, "producer_subs");
        Instant createdAt = row.getTimestamp("created_at").toInstant();
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
                            target.queue(),
                            seq,
                            ids[i],
                            transactionIds[i],
                            payload,
                            traceIds == null ? null : traceIds[i],
                            subs == null ? null : subs[i],
                            createdAt));
        }
        return deleted;
    }

    private static String[] strings(ResultSet row, String column) throws SQLException {
        return (String[]) row.getArray(column).getArray();
    }

    private List<PopResult> results(Connection connection, PopTarget target, List<Share> shares) throws SQLException {
        var results = new ArrayList<PopResult>(shares.size());
        Quiet quiet = null;
        for (Share share : shares) {
            if (share.messages.isEmpty()) {
                if (quiet == null) {
                    quiet = quiet(connection, target);
                }
                results.add(PopResult.nothing(quiet.status(), quiet.nextReadyIn()));
            } else {
                UUID lease = share.request.autoAck() ? null : share.leaseId;
                results.add(new PopResult(Status.MESSAGES, lease, share.messages, share.partitions, null));
            }
        }
        return results;
    }

    private Quiet quiet(Connection connection, PopTarget target) throws SQLException {
        boolean onePartition = target.partition() != null;
        try (var statement = new BoundStatement(
                        connection, statements.get(onePartition ? "next-ready-partition" : "next-ready"))
                .set("queue", target.queue())
                .set("group", target.group())) {
            if (target.partition() != null) {
                statement.set("partition", target.partition());
            }
            try (ResultSet row = statement.query()) {
                if (!row.next()) {
                    return new Quiet(Status.QUEUE_NOT_FOUND, false, null);
                }
                row.getLong("group_id");
                boolean registered = !row.wasNull();
                double nextMs = row.getDouble("next_ms");
                Duration nextReadyIn = row.wasNull() ? null : Duration.ofMillis((long) Math.ceil(Math.max(0, nextMs)));
                if (onePartition) {
                    row.getLong("partition_id");
                    if (row.wasNull()) {
                        return new Quiet(Status.PARTITION_NOT_FOUND, registered, null);
                    }
                    if (row.getBoolean("leased")) {
                        return new Quiet(Status.LEASE_HELD, registered, nextReadyIn);
                    }
                }
                return new Quiet(Status.EMPTY, registered, nextReadyIn);
            }
        }
    }

    /**
     * Registers the group if the queue exists and the group does not, or notes that it waits for the queue.
     *
     * @return true if the group may have something to read now
     */
    private boolean register(Connection connection, PopTarget target, Subscription wish) throws SQLException {
        Quiet quiet = quiet(connection, target);
        if (quiet.status() == Status.QUEUE_NOT_FOUND) {
            registration.awaitQueue(connection, target.queue(), target.group(), wish);
            return false;
        }
        return !quiet.registered() && registration.run(connection, target.queue(), target.group(), wish);
    }
}
