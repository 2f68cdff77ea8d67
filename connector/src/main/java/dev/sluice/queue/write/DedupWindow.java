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
 * Caches the transaction ids of messages within the deduplication window, for one writer: per partition the
 * {@link SeenIds} up to a head. The database keeps no index of them.
 *
 * <p>A flush calls {@link #catchUp} for each of its partitions under their row locks, calls {@link #verify} for the
 * hits, and after its commit {@link #committed} with what it has added. After a flush that did not commit there is
 * nothing to undo: an entry is valid up to a head, and the next flush compares that head with the one that it has
 * locked.
 *
 * <p>The cache is exact because it is used under the partition's row lock. If the locked head is not the cached one,
 * another writer has added segments, or this one has without ids to cache; {@link #catchUp} reads these segments. It
 * reads a partition that is not cached back to the start of the window. {@link #verify} compares a hit with the segment
 * that holds the seq, and decides by the database's clock whether the segment is still within the window.
 *
 * <p>Each queue sets its window, so the caller passes it with every use. If a window grows, its partition is read
 * again, because the ids outside the shorter window are gone.
 *
 * <p>Two bounds limit memory: one on ids, one on partitions. If there are too many ids, the cache evicts the partitions
 * that were not used for an eighth of their window. So a window is read at most once in an eighth of its length, and at
 * most eight ids are read for each one written. Partitions that are used more often are cut instead of evicted, because
 * they would be read again at once: each keeps its share, the same number of newest ids, and a partition with fewer
 * keeps all. The cache does not find duplicates of ids that it has cut. It reads them again once there has been room
 * for an eighth of the window. If there are too many partitions, the cache evicts those that were not used for longest.
 *
 * <p>Owned by one thread.
 */
final class DedupWindow {
    /** Ids of the bound for each partition of the bound. A partition takes at most 450 bytes beside its ids. */
    static final int IDS_PER_PARTITION = 8;

    /** Rows fetched at a time while a partition is read. */
    private static final int FETCH_ROWS = 256;
    /** The part of a bound that an eviction frees. */
    private static final int ROOM_DIVISOR = 32;
    /** Marks per window. When a mark leaves the window, the ids up to its head are removed. */
    private static final int MARKS_PER_WINDOW = 4;
    /** The part of its window after which an unused partition is evicted before others are cut. */
    private static final int IDLE_DIVISOR = 8;

    private final int maxIds;
    private final int maxPartitions;
    private final LongSupplier nanoClock;
    private final Statements statements;
    private final Map<Long, CachedIds> byPartition = new HashMap<>();
    private long totalIds;
    /** Most ids of one partition since the last cut; {@link #maxIds} if there has been room since. */
    private int share;

    /** When the last cut was. */
    private long sharedAt;
    /** The longest window at the last cut. */
    private long sharedWindowNanos;

    /** Makes an empty cache that reads the time from a clock of nanoseconds. */
    DedupWindow(int maxIds, int maxPartitions, String schema, LongSupplier nanoClock) {
        this.maxIds = maxIds;
        this.maxPartitions = maxPartitions;
        this.nanoClock = nanoClock;
        this.statements = Statements.read("dedup_window.sql", schema);
        this.share = maxIds;
    }

    /** Returns the bound on partitions for a bound on ids. */
    static int partitionsFor(int maxIds) {
        return Math.max(1, maxIds / IDS_PER_PARTITION);
    }

    /** Returns how many ids are cached. */
    long size() {
        return totalIds;
    }

    /** Returns how many partitions are cached. */
    int partitions() {
        return byPartition.size();
    }

    /** A transaction id that may be in the partition already: a hit to verify. */
    record Suspect(int messageIndex, long partitionId, long seq, String transactionId, Duration window) {}

    /**
     * Brings the entry of a partition up to the locked head.
     *
     * @param window how long a repeated id is a duplicate, more than zero
     * @return the entry, valid until the next use of the cache; pass it to {@link #committed}
     */
    CachedIds catchUp(Connection connection, long partitionId, long head, Duration window) throws SQLException {
        long now = nanoClock.getAsLong();
        long windowNanos = window.toNanos();
        if (now - sharedAt > sharedWindowNanos / IDLE_DIVISOR) {
            share = maxIds;
        }
        CachedIds known = byPartition.get(partitionId);
        boolean mayReadAll =
                known != null && known.isCut && share == maxIds && now - known.cutAt > windowNanos / IDLE_DIVISOR;
        if (known == null || known.head > head || known.windowNanos < windowNanos || mayReadAll) {
            forget(partitionId);
            known = new CachedIds();
        }
        if (known.head != head) {
            read(connection, partitionId, known, window);
        }
        if (!known.isCached) {
            byPartition.put(partitionId, known);
            known.isCached = true;
        }
        known.head = head;
        known.windowNanos = windowNanos;
        known.usedAt = now;
        count(known);
        keepWithinBounds();
        return known;
    }

    /** Returns the ids of the messages that suspects repeat, by index of the suspect's message. */
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
     * Returns the entry of a partition, up to whatever head; null if there is none. For a flush without ids to cache; a
     * flush with ids calls {@link #catchUp}.
     */
    @Nullable
    CachedIds knownOf(long partitionId) {
        return byPartition.get(partitionId);
    }

    /**
     * Adds the ids of a committed flush to an entry, and sets its head. Leaves the entry as it is if it was evicted, or
     * if it does not reach up to the seqs of the flush.
     */
    void committed(CachedIds known, long headBefore, long head, long[] hashes, long[] seqs, int count) {
        if (!known.isCached) {
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

    /** Evicts a partition; its next flush reads it again. */
    void forget(long partitionId) {
        CachedIds known = byPartition.remove(partitionId);
        if (known != null) {
            totalIds -= known.counted;
            known.isCached = false;
        }
    }

    /** Evicts all partitions. */
    void forgetAll() {
        byPartition.values().forEach(known -> known.isCached = false);
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

    /** Evicts partitions, those not used for longest first, until there is room. */
    private void forgetUnused(Predicate<CachedIds> which, BooleanSupplier room) {
        var longestFirst = new ArrayList<>(byPartition.entrySet());
        longestFirst.removeIf(each -> !which.test(each.getValue()));
        longestFirst.sort((a, b) -> Long.signum(a.getValue().usedAt - b.getValue().usedAt)); // As nanoTime wants it.
        for (Map.Entry<Long, CachedIds> each : longestFirst) {
            if (room.getAsBoolean()) {
                return;
            }
            forget(each.getKey());
        }
    }

    /**
     * Cuts all partitions to {@code leave} ids together: each keeps its newest ids, at most the same number of them.
     */
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
        for (CachedIds known : byPartition.values()) {
            known.cutTo(share, sharedAt);
            count(known);
        }
    }

    /** Reads the segments after the head of the entry. If that fails, the entry is unchanged. */
    private void read(Connection connection, long partitionId, CachedIds known, Duration window) throws SQLException {
        // A cached partition may grow into free space. A newly loaded one is limited to its share, so that loading it
        // cannot evict a partition in use.
        long most = known.counted == 0 ? share : Math.max(share, known.counted + maxIds - totalIds);
        var newestFirst = new ArrayList<SegmentIds>();
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
                var segment = new SegmentIds(row);
                newestFirst.add(segment);
                found += segment.hashes.length;
                more = row.next();
            }
        }
        if (more) { // The window or the room has ended, and the ids in the entry are older still.
            known.ids.forgetBelow(Long.MAX_VALUE);
        }
        for (int i = newestFirst.size() - 1; i >= 0; i--) {
            newestFirst.get(i).addTo(known.ids);
        }
        if (more && found >= most) {
            known.cutAt(nanoClock.getAsLong());
        }
        known.cutTo((int) most, nanoClock.getAsLong());
    }

    /** The ids of a segment. */
    private static final class SegmentIds {
        private final long firstSeq;
        private final long[] hashes;

        SegmentIds(ResultSet row) throws SQLException {
            firstSeq = row.getLong("first_seq");
            String[] ids = (String[]) row.getArray("transaction_ids").getArray();
            hashes = new long[ids.length];
            for (int i = 0; i < ids.length; i++) {
                hashes[i] = SeenIds.hash(ids[i]);
            }
        }

        void addTo(SeenIds ids) {
            for (int i = 0; i < hashes.length; i++) {
                ids.add(hashes[i], firstSeq + i);
            }
        }
    }

    private void count(CachedIds known) {
        totalIds += known.ids.size() - known.counted;
        known.counted = known.ids.size();
    }

    /** The entry of one partition. */
    static final class CachedIds {
        private final SeenIds ids = new SeenIds();
        /** A few heads per window, each with the time when it was reached. */
        private final ArrayDeque<Mark> marks = new ArrayDeque<>(2);

        private long windowNanos;
        private long head;
        /** How many ids of this entry {@link #totalIds} counts. */
        private long counted;

        private long usedAt;
        /** Whether the entry is in the cache. */
        private boolean isCached;
        /** Whether ids within the window were cut. */
        private boolean isCut;

        private long cutAt;

        private record Mark(long head, long nanoTime) {}

        /** Returns the seqs of the ids with this hash. */
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

        /** Removes ids that left the window a while ago. May be late, never early. */
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
