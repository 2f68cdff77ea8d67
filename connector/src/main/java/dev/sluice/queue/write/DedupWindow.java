package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Caches the transaction ids of messages within the deduplication window, for one writer: per partition the
 * {@link SeenIds} up to a head. The database keeps no index of them.
 *
 * <p>A flush calls {@link #readAhead} for its partitions under their row locks, calls {@link #catchUp} for each of
 * them, calls {@link #verify} for the hits, and after its commit {@link #committed} with what it has added. After a
 * flush that did not commit there is nothing to undo: an entry is valid up to a head, and the next flush compares that
 * head with the one that it has locked.
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
 * for an eighth of the window. If there are too many partitions, the cache evicts those that were not used for an
 * eighth of their window, and if these are too few, random ones. A load that goes through a few more partitions than
 * there is room for, in turns, would find none of them if the cache evicted those that were not used for longest.
 *
 * <p>Owned by one thread.
 */
final class DedupWindow {
    /** Ids of the bound for each partition of the bound. A partition takes at most 450 bytes beside its ids. */
    static final int IDS_PER_PARTITION = 8;

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
    private final SeenSegments segments;
    private final Map<Long, CachedIds> byPartition = new HashMap<>();
    private final Random random;
    private long totalIds;
    /** Number of the flush under way. */
    private long flush;
    /** Most ids of one partition since the last cut; {@link #maxIds} if there has been room since. */
    private int share;

    /** When the last cut was. */
    private long sharedAt;
    /** The longest window at the last cut. */
    private long sharedWindowNanos;

    /** Makes an empty cache that reads the time from a clock of nanoseconds. */
    DedupWindow(int maxIds, int maxPartitions, String schema, LongSupplier nanoClock) {
        this(maxIds, maxPartitions, schema, nanoClock, new Random());
    }

    /** Makes an empty cache that takes random numbers from {@code random}. */
    DedupWindow(int maxIds, int maxPartitions, String schema, LongSupplier nanoClock, Random random) {
        this.random = random;
        this.maxIds = maxIds;
        this.maxPartitions = maxPartitions;
        this.nanoClock = nanoClock;
        this.statements = Statements.read("dedup_window.sql", schema);
        this.segments = new SeenSegments(schema);
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
     * A partition that the flush has locked.
     *
     * @param head the seq of its newest message
     * @param window how long a repeated id is a duplicate, more than zero
     */
    record Locked(long partitionId, long head, Duration window) {}

    /**
     * Begins a flush: reads what {@link #catchUp} will need of its partitions, with one statement for all of them.
     * Until the next flush, these partitions are evicted only if they are too many themselves.
     *
     * @param partitions at most {@link SeenSegments#MAX_PARTITIONS}
     */
    SeenSegments.Ahead readAhead(Connection connection, List<Locked> partitions) throws SQLException {
        long now = nanoClock.getAsLong();
        endShare(now);
        flush++;
        var wanted = new ArrayList<SeenSegments.Wanted>();
        for (Locked partition : partitions) {
            CachedIds cached = byPartition.get(partition.partitionId());
            if (cached != null) {
                cached.flush = flush;
            }
            CachedIds usable = usable(partition, now);
            CachedIds known = usable == null ? new CachedIds() : usable;
            if (known.head != partition.head()) {
                wanted.add(wanted(partition, known));
            }
        }
        return segments.readAhead(connection, wanted);
    }

    /**
     * Brings the entry of a partition up to the locked head.
     *
     * @param ahead what {@link #readAhead} has read in the same transaction. If it lacks what the entry needs now, a
     *     statement for this partition reads it
     * @return the entry, valid until the next use of the cache; pass it to {@link #committed}
     */
    CachedIds catchUp(Connection connection, Locked partition, SeenSegments.Ahead ahead) throws SQLException {
        long now = nanoClock.getAsLong();
        endShare(now);
        CachedIds known = usable(partition, now);
        if (known == null) {
            forget(partition.partitionId());
            known = new CachedIds();
        }
        if (known.head != partition.head()) {
            read(connection, partition, known, ahead);
        }
        if (!known.isCached) {
            byPartition.put(partition.partitionId(), known);
            known.isCached = true;
        }
        known.head = partition.head();
        known.windowNanos = partition.window().toNanos();
        known.usedAt = now;
        known.flush = flush;
        count(known);
        keepWithinBounds();
        return known;
    }

    /** Lets partitions grow again if there has been room since the last cut. */
    private void endShare(long now) {
        if (now - sharedAt > sharedWindowNanos / IDLE_DIVISOR) {
            share = maxIds;
        }
    }

    /** Returns the entry of a partition; null if there is none, or if all of the window must be read again. */
    private @Nullable CachedIds usable(Locked partition, long now) {
        CachedIds known = byPartition.get(partition.partitionId());
        if (known == null) {
            return null;
        }
        long windowNanos = partition.window().toNanos();
        boolean mayReadAll = known.isCut && share == maxIds && now - known.cutAt > windowNanos / IDLE_DIVISOR;
        return known.head > partition.head() || known.windowNanos < windowNanos || mayReadAll ? null : known;
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
        long now = nanoClock.getAsLong();
        Predicate<CachedIds> isIdle = each -> now - each.usedAt > each.windowNanos / IDLE_DIVISOR;
        if (byPartition.size() > maxPartitions) {
            int leave = maxPartitions - maxPartitions / ROOM_DIVISOR;
            forgetUnused(isIdle, () -> byPartition.size() <= leave);
            forgetRandom(leave);
        }
        if (totalIds > maxIds) {
            long leave = maxIds - maxIds / ROOM_DIVISOR;
            share = maxIds;
            forgetUnused(isIdle, () -> totalIds <= leave);
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

    /** Evicts random partitions until {@code leave} are left. */
    private void forgetRandom(int leave) {
        if (byPartition.size() > leave) {
            var partitions = new ArrayList<>(byPartition.keySet());
            Collections.shuffle(partitions, random);
            partitions.sort(Comparator.comparing(id -> knownOf(id).flush != flush)); // Keeps those of the flush.
            partitions.subList(leave, partitions.size()).forEach(this::forget);
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

    /**
     * Returns what an entry lacks. A cached partition may grow into free space. A newly loaded one is limited to its
     * share, so that loading it cannot evict a partition in use.
     */
    private SeenSegments.Wanted wanted(Locked partition, CachedIds known) {
        long most = known.counted == 0 ? share : Math.max(share, known.counted + maxIds - totalIds);
        return new SeenSegments.Wanted(partition.partitionId(), known.head, most, partition.window());
    }

    /** Reads the segments after the head of the entry. If that fails, the entry is unchanged. */
    private void read(Connection connection, Locked partition, CachedIds known, SeenSegments.Ahead ahead)
            throws SQLException {
        SeenSegments.Wanted wanted = wanted(partition, known);
        SeenSegments.Newest newest = segments.read(connection, wanted, ahead);
        if (newest.isMore()) { // The window or the room has ended, and the ids in the entry are older still.
            known.ids.forgetBelow(Long.MAX_VALUE);
        }
        newest.addTo(known.ids);
        if (newest.isMore() && newest.ids() >= wanted.most()) {
            known.cutAt(nanoClock.getAsLong());
        }
        known.cutTo((int) wanted.most(), nanoClock.getAsLong());
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
        /** The last flush that has used the entry. */
        private long flush;
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
