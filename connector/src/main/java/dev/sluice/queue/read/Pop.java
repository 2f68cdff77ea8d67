package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopResult.Status;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.ReadyCursors.Locked;
import dev.sluice.queue.read.ReadyCursors.NotReady;
import dev.sluice.queue.read.ReadyCursors.Registered;
import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Pops messages for consumers that wait on one target: locks ready cursors, reads their messages and writes leases.
 *
 * <p>A pop runs three statements in three round trips, whatever the number of consumers: lock cursors, read segments,
 * and write leases, which share the last round trip with the commit. A queue with a delay costs one more, and so does a
 * target across queues.
 */
final class Pop {
    /** Most rounds in one transaction. A second round follows only if cursors of the first had nothing to read. */
    private static final int MAX_ROUNDS = 10;

    private final Statements statements;
    private final Statements cursorStatements;
    private final Statements sliceStatements;
    private final long maxBytes;
    private final ReadyCursors readyCursors;
    private final RoundTrip trip = new RoundTrip();

    Pop(String schema, long maxBytes) {
        this.statements = Statements.read("pop.sql", schema);
        this.cursorStatements = Statements.read("locked_cursors.sql", schema);
        this.sliceStatements = Statements.read("message_slice.sql", schema);
        this.maxBytes = maxBytes;
        this.readyCursors = new ReadyCursors(schema);
    }

    /** The messages of a cursor that one consumer gets: those of {@code (position, end]} that are not acked. */
    private record Claim(Share share, ReadyCursor cursor, long end, boolean isEmpty, List<Message> messages) {

        static Claim of(Share share, ReadyCursor cursor, long end) {
            return new Claim(share, cursor, end, false, new ArrayList<>());
        }

        /** Adds the messages of a slice. Returns {@code deleted} with the deleted messages of the slice. */
        SeqSet take(MessageSlice slice, SeqSet deleted) {
            SeqSet all = deleted;
            for (int i = 0; i < slice.size(); i++) {
                long seq = slice.seq(i);
                byte[] payload = slice.payload(i);
                if (cursor.acked().contains(seq)) {
                    continue;
                }
                if (payload == null) {
                    all = all.with(seq, seq);
                    continue;
                }
                messages.add(slice.message(
                        i, payload, slice.headers(i), cursor.partitionId(), cursor.partition(), cursor.queue()));
            }
            return all;
        }

        /** Returns this claim after it was read up to {@code readEnd}. Deleted messages count as done. */
        Claim read(long readEnd, SeqSet deleted) {
            if (messages.isEmpty()) {
                share.partitions--;
            }
            share.messages.addAll(messages);
            ReadyCursor passed = deleted.isEmpty() ? cursor : cursor.without(deleted);
            return new Claim(share, passed, readEnd, messages.isEmpty(), messages);
        }

        /** Returns what to remember of the lease; null if it has not all messages after the position. */
        LeaseHints.@Nullable Hint hint(String group) {
            return messages.size() == end - cursor.position()
                    ? LeaseHints.Hint.of(share.leaseId, group, cursor, messages)
                    : null;
        }

        /** Returns whether the cursor gets a lease; otherwise what was read of it is done. */
        boolean isLeased() {
            return !isEmpty && !share.request.autoAck();
        }

        /** Leaves the cursor as it is. */
        void giveUp() {
            share.partitions--;
        }

        /** Reads the payload of a large message if the consumer has memory for it; returns whether it has. */
        boolean readLarge(MessageSlice slice, Statements statements, Connection connection) throws SQLException {
            PopRequest.Memory memory = share.request.memory();
            boolean fits = memory.take(slice.bytes());
            if (fits) {
                slice.readLarge(statements, connection, cursor.partitionId());
                byte[] payload = slice.payload(0);
                fits = payload == null || memory.take(PayloadCipher.openingBytes(payload));
            }
            share.lacksMemory |= !fits;
            return fits;
        }
    }

    /** What one consumer gets. */
    private static final class Share {
        private final PopRequest request;
        private final UUID leaseId = UUID.randomUUID();
        private final List<Message> messages = new ArrayList<>();
        private int partitions;
        private long left;
        /** Whether a large message was left in the queue because there was no memory for it. */
        private boolean lacksMemory;

        Share(PopRequest request) {
            this.request = request;
            this.left = request.batch();
        }

        /** Returns how many more cursors the consumer may get. */
        int wanted(PopTarget target) {
            int most = target.isOnePartition() ? 1 : request.maxPartitions();
            return left == 0 || lacksMemory ? 0 : Math.max(0, most - partitions);
        }

        /** Counts the messages that were read; a claim counted deleted ones too. */
        void count() {
            left = request.batch() - messages.size();
        }
    }

    /** What a pop did, once its {@link #last} statements have run. One thread. */
    static final class Popped {
        static final Popped NOTHING = new Popped(List.of());

        private final List<Share> shares;
        private final List<LeaseHints.Hint> leases = new ArrayList<>();
        private final List<RoundTrip.Part> last = new ArrayList<>();
        private @Nullable TransactionId id;
        private @Nullable NotReady notReady;

        private Popped(List<Share> shares) {
            this.shares = shares;
        }

        /** Returns what to remember of the leases. */
        List<LeaseHints.Hint> leases() {
            return leases;
        }

        /** Returns the statements that run with the commit. */
        List<RoundTrip.Part> last() {
            return last;
        }

        /** Returns the id of the transaction; null if no consumer got a message. */
        @Nullable
        TransactionId id() {
            return shares.stream().allMatch(share -> share.messages.isEmpty()) ? null : id;
        }

        /** Notes that the last statements have run. If they return no reason, the queue does not exist. */
        Popped committed() {
            notReady = notReady == null ? NotReady.NO_QUEUE : notReady;
            return this;
        }

        /**
         * Returns a result for each consumer. If the last statements have not run, or their answer is lost, a consumer
         * without messages is not told why.
         */
        List<PopResult> results() {
            return shares.stream().map(this::result).toList();
        }

        private PopResult result(Share share) {
            if (!share.messages.isEmpty()) {
                UUID lease = share.request.autoAck() ? null : share.leaseId;
                return new PopResult(Status.MESSAGES, lease, share.messages, share.partitions, null);
            }
            if (lacksMemory()) {
                return PopResult.nothing(Status.NO_MEMORY, null);
            }
            return notReady == null
                    ? PopResult.nothing(Status.EMPTY, null)
                    : PopResult.nothing(notReady.status(), notReady.nextReadyIn());
        }

        private boolean lacksMemory() {
            return shares.stream().anyMatch(share -> share.lacksMemory);
        }

        private boolean lacksReason() {
            return notReady == null && !lacksMemory() && shares.stream().anyMatch(share -> share.messages.isEmpty());
        }
    }

    /** Pops. The caller runs the {@link Popped#last} statements, and commits. */
    Popped run(Connection connection, PopTarget target, List<PopRequest> requests) throws SQLException {
        List<Share> shares = requests.stream().map(Share::new).toList();
        var popped = new Popped(shares);
        Subscription subscription = requests.get(0).subscription();
        if (target.scope() instanceof Across across) {
            readyCursors.registerAcross(connection, across, target.group(), subscription);
        }
        boolean mayRegister = true;
        long bytes = 0;
        for (int round = 0; round < MAX_ROUNDS; round++) {
            int wanted = shares.stream().mapToInt(share -> share.wanted(target)).sum();
            runNow(connection, popped.last);
            Locked locked = wanted == 0 ? Locked.NONE : readyCursors.lock(connection, target, wanted);
            List<ReadyCursor> ready = locked.cursors();
            if (ready.isEmpty()) {
                Registered registered =
                        mayRegister ? readyCursors.register(connection, target, subscription) : Registered.UNKNOWN;
                mayRegister = false;
                if (registered.mayRead()) {
                    continue;
                }
                popped.notReady = registered.notReady();
                break;
            }
            mayRegister = false;
            popped.id = locked.id();
            List<Claim> claims = new ArrayList<>();
            var deadLetters = new DeadLetterBatch(cursorStatements);
            List<ReadyCursor> empty = distribute(ready, shares, target, claims, deadLetters);
            deadLetters.run(connection);
            bytes += read(connection, claims, maxBytes - bytes);
            shares.forEach(Share::count);
            popped.last.addAll(writes(claims, empty));
            claims.stream()
                    .filter(Claim::isLeased)
                    .map(claim -> claim.hint(target.group()))
                    .filter(Objects::nonNull)
                    .forEach(popped.leases::add);
            boolean allFull = empty.isEmpty() && claims.stream().noneMatch(Claim::isEmpty);
            if (allFull || bytes >= maxBytes) {
                break;
            }
        }
        if (popped.lacksReason()) {
            popped.last.add(readyCursors.whyNotReady(target, notReady -> popped.notReady = notReady));
        }
        return popped;
    }

    /** Runs the statements of a round before the next one, which must see what they write. */
    private void runNow(Connection connection, List<RoundTrip.Part> parts) throws SQLException {
        if (!parts.isEmpty()) {
            trip.run(connection, parts);
            parts.clear();
        }
    }

    /**
     * Gives cursors to shares, in the order of both, until every share has what it wants. Returns those of the cursors
     * it looked at that have nothing to read.
     */
    private static List<ReadyCursor> distribute(
            List<ReadyCursor> ready,
            List<Share> shares,
            PopTarget target,
            List<Claim> claims,
            DeadLetterBatch deadLetters) {
        var empty = new ArrayList<ReadyCursor>();
        int next = 0;
        for (ReadyCursor each : ready) {
            while (next < shares.size() && shares.get(next).wanted(target) == 0) {
                next++;
            }
            if (next == shares.size()) {
                break;
            }
            ReadyCursor cursor = giveUpUndeliverable(each, target, deadLetters);
            long available = Math.min(cursor.available(), cursor.most());
            if (available == 0) {
                empty.add(cursor);
                continue;
            }
            Share share = shares.get(next);
            long count = Math.min(available, share.left);
            claims.add(Claim.of(share, cursor, cursor.acked().endOfMissing(cursor.position(), count)));
            share.left -= count;
            share.partitions++;
        }
        return empty;
    }

    /** If too many leases on the first message expired without an acknowledgement, makes it a dead letter. */
    private static ReadyCursor giveUpUndeliverable(ReadyCursor cursor, PopTarget target, DeadLetterBatch deadLetters) {
        if (!cursor.isBeyondRedelivery() || cursor.available() == 0) {
            return cursor;
        }
        long first = cursor.acked().endOfMissing(cursor.position(), 1);
        String error = "delivered " + cursor.deliveries() + " times without an ack";
        deadLetters.add(cursor.queueId(), cursor.partitionId(), first, target.group(), error, cursor.deliveries() - 1);
        return cursor.without(SeqSet.EMPTY.with(first, first));
    }

    /**
     * Reads the messages of claims into their shares, until {@code bytesLeft} are passed. Replaces each claim by what
     * was read of it: the claim at which the bytes are passed is cut, and the claims after it are given up.
     *
     * @return bytes read
     */
    private long read(Connection connection, List<Claim> claims, long bytesLeft) throws SQLException {
        if (claims.isEmpty()) {
            return 0;
        }
        List<MessageSlice> slices = sliceStatements
                .on(connection, "read")
                .set("partitions", claims, claim -> claim.cursor().partitionId())
                .set("firsts", claims, claim -> claim.cursor().position() + 1)
                .set("lasts", claims, Claim::end)
                .set("max_bytes", bytesLeft)
                .set("large_bytes", Message.LARGE_BYTES)
                .list(MessageSlice::of);
        MessageSlice last = slices.isEmpty() ? null : slices.get(slices.size() - 1);
        long bytes = last == null ? 0 : last.totalBytes();
        boolean isCut = last != null && bytes > bytesLeft;
        int reached = isCut ? last.run() : claims.size() - 1;
        var read = new ArrayList<Claim>(claims.size());
        int next = 0;
        for (int i = 0; i <= reached; i++) {
            Claim claim = claims.get(i);
            SeqSet deleted = SeqSet.EMPTY;
            long end = isCut && i == reached ? last.lastSeq() : claim.end();
            boolean fits = true;
            for (; next < slices.size() && slices.get(next).run() == i; next++) {
                MessageSlice slice = slices.get(next);
                if (fits && slice.isLarge() && !claim.readLarge(slice, sliceStatements, connection)) {
                    fits = false;
                    end = slice.seq(0) - 1;
                }
                if (fits) {
                    deleted = claim.take(slice, deleted);
                }
            }
            if (end <= claim.cursor().position()) {
                claim.giveUp();
            } else {
                read.add(claim.read(end, deleted));
            }
        }
        claims.subList(reached + 1, claims.size()).forEach(Claim::giveUp);
        claims.clear();
        claims.addAll(read);
        return bytes;
    }

    /** Returns the statements that give cursors a position or a lease, or hold them back. */
    private List<RoundTrip.Part> writes(List<Claim> claims, List<ReadyCursor> empty) {
        var updates = new CursorUpdates(cursorStatements);
        var leased = new ArrayList<Claim>();
        for (Claim claim : claims) {
            if (claim.isLeased()) {
                leased.add(claim);
            } else {
                updates.add(doneUpTo(claim.end(), claim.cursor()));
            }
        }
        var tooYoung = new ArrayList<ReadyCursor>();
        for (ReadyCursor cursor : empty) {
            if (cursor.heldBackMs() > 0) {
                tooYoung.add(cursor);
            } else {
                updates.add(doneUpTo(cursor.position(), cursor));
            }
        }
        var parts = new ArrayList<>(updates.parts());
        if (!tooYoung.isEmpty()) {
            parts.add(holdBack(tooYoung));
        }
        if (!leased.isEmpty()) {
            parts.add(lease(leased));
        }
        return parts;
    }

    /** Returns a cursor whose messages up to {@code end} are done, and that has no lease. */
    private static CursorUpdates.Update doneUpTo(long end, ReadyCursor cursor) {
        long position = cursor.acked().endOfRunAfter(Math.max(end, cursor.position()));
        return new CursorUpdates.Update(
                cursor.groupId(),
                cursor.partitionId(),
                position,
                cursor.acked().after(position),
                Collections.emptySortedMap(),
                0,
                0);
    }

    private RoundTrip.Part holdBack(List<ReadyCursor> cursors) {
        return RoundTrip.Part.change(
                statements.get("hold-back"),
                statement -> statement
                        .set("held_groups", cursors, ReadyCursor::groupId)
                        .set("held_partitions", cursors, ReadyCursor::partitionId)
                        .set("held_ms", cursors, ReadyCursor::heldBackMs));
    }

    private RoundTrip.Part lease(List<Claim> claims) {
        return RoundTrip.Part.query(
                statements.get("lease"),
                statement -> statement
                        .set("lease_groups", claims, claim -> claim.cursor().groupId())
                        .set("lease_partitions", claims, claim -> claim.cursor().partitionId())
                        .setUuids("lease_ids", claims, claim -> claim.share().leaseId)
                        .set("lease_ends", claims, Claim::end)
                        .set("lease_positions", claims, claim -> claim.cursor().position())
                        .setTexts(
                                "lease_acked",
                                claims,
                                claim -> claim.cursor().acked().toString())
                        .setInts(
                                "lease_deliveries",
                                claims,
                                claim -> claim.cursor().deliveries())
                        .setInts(
                                "lease_times_s", claims, claim -> claim.cursor().leaseTimeS()),
                row -> {});
    }
}
