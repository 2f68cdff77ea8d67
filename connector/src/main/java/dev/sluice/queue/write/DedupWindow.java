package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What one writer knows of the transaction ids that are in the queue: per partition the {@link SeenIds} up to a head.
 * The database keeps no index of them.
 *
 * <p>A flush asks {@link #catchUp} for each of its partitions that it has ids for, under their row locks,
 * {@link #verify}s what it finds there, and after its commit tells {@link #committed} what it has added. After a flush
 * that was not committed, or nobody knows, there is nothing to do: what is known is known up to a head, and the next
 * flush sees whether that is the head still.
 *
 * <p>The knowledge is exact because it is used under the partition's row lock. When the head locked is not the head
 * known, another writer was there, or this one with nothing to remember: those segments are read first. A partition
 * never touched, or forgotten to save memory, is read back as far as the window goes. What {@link SeenIds} finds is
 * verified against the segment that holds the seq, which also settles by the database's clock whether it is still
 * within the window.
 *
 * <p>How far back the window goes is for each queue to say; the caller hands it in with every use. A window that grows
 * makes its partition be read back again, for what had left the shorter one was forgotten.
 *
 * <p>There are two bounds, on the ids and on the partitions they are of. Beyond that of ids, the partitions not used
 * for an eighth of their window are given up, and read back when they are needed again. So a window is read again after
 * an eighth of it has passed at the soonest, and eight ids are read for one written at most. What is used more often is
 * cut, not given up, for it would be read again at once: of each partition the same number of newest ids is kept, its
 * share, and all of those that have fewer. Older ones are not known until there has been room for an eighth of the
 * window, and they are read back: there the writer is not exact. Beyond the bound of partitions those not used for
 * longest are given up.
 *
 * <p>Owned by one thread.
 */
public final class DedupWindow {
    /**
     * So many ids of the bound allow one partition. What is kept of a partition beside its ids is 450 bytes at most.
     */
    static final int IDS_PER_PARTITION = 8;

    /** Rows fetched at a time while a partition is read back. */
    private static final int FETCH_ROWS = 256;
    /** The part of a bound that is made room for at a time. */
    private static final int ROOM_DIVISOR = 16;
    /** How often in a window it is noted which ids there are, so that they can be forgotten when it has passed. */
    private static final int MARKS_PER_WINDOW = 4;
    /** The part of its window after which a partition that was not used is given up before others are cut. */
    private static final int IDLE_DIVISOR = 8;

    private final int maxIds;
    private final int maxPartitions;
    private final LongSupplier nanoClock;
    private final Statements statements;
    private final Map<Long, Known> byPartition = new HashMap<>();
    private long totalIds;
    /** Most ids kept of one partition when there was no room for all; all, if there has been room since. */
    private int share;

    private long sharedAt;
    /** The longest window of what was cut then. */
    private long sharedWindowNanos;

    /** Makes one that tells the time by a clock of nanoseconds. */
    DedupWindow(int maxIds, int maxPartitions, String schema, LongSupplier nanoClock) {
        this.maxIds = maxIds;
        this.maxPartitions = maxPartitions;
        this.nanoClock = nanoClock;
        this.statements = Statements.read("dedup_window.sql", schema);
        this.share = maxIds;
    }

    /** How many partitions may be known with a bound of so many ids. */
    static int partitionsFor(int maxIds) {
        return Math.max(1, maxIds / IDS_PER_PARTITION);
    }

    /** Ids remembered now, over all partitions. */
    long size() {
        return totalIds;
    }

    /** Partitions of which something is known now. */
    int partitions() {
        return byPartition.size();
    }

    /** A transaction id that may be in the queue already: what to verify. */
    record Suspect(int messageIndex, long partitionId, long seq, String transactionId, Duration window) {}

    /**
     * Brings the knowledge of a partition up to the head its lock was taken at.
     *
     * @param window how far back an id is a duplicate, more than zero
     * @return what is known now, until the next use of this window; to be handed to {@link #committed}
     */
    Known catchUp(Connection connection, long partitionId, long head, Duration window) throws SQLException {
        long now = nanoClock.getAsLong();
        long windowNanos = window.toNanos();
        if (now - sharedAt > sharedWindowNanos / IDLE_DIVISOR) {
            share = maxIds;
        }
        Known known = byPartition.get(partitionId);
        boolean mayBeWhole =
                known != null && known.isCut && share == maxIds && now - known.cutAt > windowNanos / IDLE_DIVISOR;
        if (known == null || known.head > head || known.windowNanos < windowNanos || mayBeWhole) {
            forget(partitionId);
            known = new Known();
        }
        if (known.head != head) {
            read(connection, partitionId, known, window);
        }
        if (!known.isKept) {
            byPartition.put(partitionId, known);
            known.isKept = true;
        }
        known.head = head;
        known.windowNanos = windowNanos;
        known.usedAt = now;
        count(known);
        keepWithinBounds();
        return known;
    }

    /** Returns, by message index, the ids of the messages that suspects really repeat. */
    Map<Integer, UUID> verify(Connection connection, List<Suspect> suspects) throws SQLException {
        var duplicates = new HashMap<Integer, UUID>();
        if (suspects.isEmpty()) {
            return duplicates;
        }
        statements
                .on(connection, "verify-seen")
                .set("partitions", suspects, Suspect::partitionId)
                .set("seqs", suspects, Suspect::seq)
                .set("windows_ms", suspects, suspect -> suspect.window().toMillis())
                .forEach(row -> {
                    Suspect suspect = suspects.get(row.getInt("ordinal") - 1);
                    if (suspect.transactionId().equals(row.getString("transaction_id"))) {
                        duplicates.put(suspect.messageIndex(), row.getObject("id", UUID.class));
                    }
                });
        return duplicates;
    }

    /**
     * Returns what is known of a partition, up to whatever head, null if nothing is. For a flush without ids to
     * remember; one that has some asks {@link #catchUp}.
     */
    @Nullable
    Known knownOf(long partitionId) {
        return byPartition.get(partitionId);
    }

    /**
     * Enters what a committed flush has added to a partition, and its new head. If what is known does not reach up to
     * its seqs, or was given up meanwhile, it stays as it is.
     */
    void committed(Known known, long headBefore, long head, long[] hashes, long[] seqs, int count) {
        if (!known.isKept) {
            return;
        }
        long now = nanoClock.getAsLong();
        known.expire(now);
        if (known.head == headBefore) {
            for (int i = 0; i < count; i++) {
                known.ids.add(hashes[i], seqs[i]);
            }
            known.head = head;
            known.mark(now);
        }
        count(known);
        keepWithinBounds();
    }

    /** Forgets a partition; its next flush reads it back. */
    void forget(long partitionId) {
        Known known = byPartition.remove(partitionId);
        if (known != null) {
            totalIds -= known.counted;
            known.isKept = false;
        }
    }

    /** Forgets everything: the next flush reads back what it needs. */
    void forgetAll() {
        byPartition.values().forEach(known -> known.isKept = false);
        byPartition.clear();
        totalIds = 0;
        share = maxIds;
    }

    private void keepWithinBounds() {
        int partitions = byPartition.size();
        if (partitions > maxPartitions) {
            int leave = maxPartitions - maxPartitions / ROOM_DIVISOR;
            forgetUnused(each -> true, () -> byPartition.size() <= leave);
        }
        if (totalIds > maxIds) {
            long leave = maxIds - maxIds / ROOM_DIVISOR;
            long now = nanoClock.getAsLong();
            share = maxIds;
            forgetUnused(each -> now - each.usedAt > each.windowNanos / IDLE_DIVISOR, () -> totalIds <= leave);
            if (totalIds > leave) {
                cut(leave);
            }
        }
    }

    /** Forgets partitions, those not used for longest first, until there is room. */
    private void forgetUnused(Predicate<Known> which, BooleanSupplier room) {
        var longestFirst = new ArrayList<>(byPartition.entrySet());
        longestFirst.removeIf(each -> !which.test(each.getValue()));
        longestFirst.sort((a, b) -> Long.signum(a.getValue().usedAt - b.getValue().usedAt)); // As nanoTime wants it.
        for (Map.Entry<Long, Known> each : longestFirst) {
            if (room.getAsBoolean()) {
                return;
            }
            forget(each.getKey());
        }
    }

    /** Leaves so many ids: the newest of each partition, equally many where there are more. */
    private void cut(long leave) {
        long[] smallestFirst = byPartition.values().stream()
                .mapToLong(each -> each.counted)
                .sorted()
                .toArray();
        long left = leave;
        sharedAt = nanoClock.getAsLong();
        sharedWindowNanos = byPartition.values().stream()
                .mapToLong(each -> each.windowNanos)
                .max()
                .orElse(0);
        for (int i = 0; i < smallestFirst.length; i++) {
            long equal = left / (smallestFirst.length - i);
            if (smallestFirst[i] > equal) {
                share = (int) equal;
                break;
            }
            left -= smallestFirst[i];
        }
        for (Known known : byPartition.values()) {
            known.cutTo(share, sharedAt);
            count(known);
        }
    }

    /** Reads what came after the head that is known. If it fails, what is known stays as it was. */
    private void read(Connection connection, long partitionId, Known known, Duration window) throws SQLException {
        // What is known may grow as far as there is room. What is not gets its share, though there be room: else what
        // is in use would be
        // cut for it, and it again for the next.
        long most = known.counted == 0 ? share : Math.max(share, known.counted + maxIds - totalIds);
        var newestFirst = new ArrayList<ReadBack>();
        long found = 0;
        boolean more;
        try (var statement = statements
                        .on(connection, "seen")
                        .set("partition", partitionId)
                        .set("after", known.head)
                        .set("window_ms", window.toMillis())
                        .fetch((int) Math.min(FETCH_ROWS, most + 1));
                ResultSet row = statement.query()) {
            more = row.next();
            while (more && found < most && row.getBoolean("inside")) {
                var segment = new ReadBack(row);
                newestFirst.add(segment);
                found += segment.hashes.length;
                more = row.next();
            }
        }
        if (more) { // The window or the room has ended, and what was known before is older still.
            known.ids.forgetBelow(Long.MAX_VALUE);
        }
        for (int i = newestFirst.size() - 1; i >= 0; i--) {
            newestFirst.get(i).enterIn(known.ids);
        }
        if (more && found >= most) {
            known.cutAt(nanoClock.getAsLong());
        }
        known.cutTo((int) most, nanoClock.getAsLong());
    }

    /** The ids of a segment. */
    private static final class ReadBack {
        private final long firstSeq;
        private final long[] hashes;

        ReadBack(ResultSet row) throws SQLException {
            firstSeq = row.getLong("first_seq");
            String[] ids = (String[]) row.getArray("transaction_ids").getArray();
            hashes = new long[ids.length];
            for (int i = 0; i < ids.length; i++) {
                hashes[i] = SeenIds.hash(ids[i]);
            }
        }

        void enterIn(SeenIds ids) {
            for (int i = 0; i < hashes.length; i++) {
                ids.add(hashes[i], firstSeq + i);
            }
        }
    }

    private void count(Known known) {
        totalIds += known.ids.size() - known.counted;
        known.counted = known.ids.size();
    }

    /** What is known of one partition. */
    static final class Known {
        private final SeenIds ids = new SeenIds();
        /** Heads and when they were reached, a few per window, to know what has left it. */
        private final ArrayDeque<Mark> marks = new ArrayDeque<>(2);

        private long windowNanos;
        private long head;
        /** How many of the ids {@link #totalIds} has. */
        private long counted;

        private long usedAt;
        /** Whether it is among those that are known now. */
        private boolean isKept;
        /** Whether ids within the window were left out for want of room. */
        private boolean isCut;

        private long cutAt;

        private record Mark(long head, long nanoTime) {}

        /** Returns the seqs at which an id of this hash was seen. */
        long[] seqsOf(long hash) {
            return ids.seqsOf(hash);
        }

        private void cutTo(int newest, long now) {
            if (ids.size() > newest) {
                ids.keepNewest(newest);
                cutAt(now);
            }
        }

        private void cutAt(long now) {
            isCut = true;
            cutAt = now;
        }

        private void mark(long now) {
            if (ids.size() > 0
                    && (marks.isEmpty() || now - marks.getLast().nanoTime() > windowNanos / MARKS_PER_WINDOW)) {
                marks.addLast(new Mark(head, now));
            }
        }

        /** Drops what left the window a while ago. Later than it could be, never earlier. */
        private void expire(long now) {
            long oldest = now - windowNanos - windowNanos / 8;
            long gone = 0;
            while (!marks.isEmpty() && marks.getFirst().nanoTime() - oldest < 0) {
                gone = marks.removeFirst().head();
            }
            if (gone > 0) {
                ids.forgetBelow(gone + 1);
            }
        }
    }
}
