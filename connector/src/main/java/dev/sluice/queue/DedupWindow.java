package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What one writer knows of the transaction ids that are in the queue: per partition the {@link SeenIds} up to a head. The
 * database keeps no index of them.
 *
 * <p>The knowledge is exact because it is used under the partition's row lock. When the head locked is not the head known,
 * another writer was there: its segments are read first. A partition never touched, or forgotten to save memory, is read
 * back as far as the window goes. What {@link SeenIds} finds is verified against the segment that holds the seq, which
 * also settles by the database's clock whether it is still within the window.
 *
 * <p>How far back the window goes is for each queue to say; the caller hands it in with every use. A window that grows makes
 * its partition be read back again, for what had left the shorter one was forgotten.
 *
 * <p>When there are more ids than the bound allows, partitions are given up and read back when they are needed again. Of a
 * partition that alone has more, only the newest ids are known: there it is not exact.
 *
 * <p>Owned by one thread. What a flush adds is entered after its commit ({@link #committed}); after a flush whose end is
 * unknown its partitions are forgotten ({@link #forget}).
 */
final class DedupWindow {
    /** Rows fetched at a time while a partition is read back. */
    private static final int FETCH_ROWS = 256;
    /** The part of the bound that is made room for at a time. */
    private static final int ROOM = 16;

    private final int maxIds;
    private final Sql seenInWindow;
    private final Sql seenAfter;
    private final Sql verifySeen;
    private final Map<Long, Known> byPartition = new HashMap<>();
    private long totalIds;

    /** Number of the flush under way. */
    private long flush;
    /** What it uses. */
    private long[] inUse = {};
    /** Whether the flush under way has added ids. */
    private boolean added;
    /** Whether there is nothing left to forget but what the flush under way has used. */
    private boolean onlyInUse;

    DedupWindow(int maxIds, Statements statements) {
        this.maxIds = maxIds;
        this.seenInWindow = statements.get("seen-in-window");
        this.seenAfter = statements.get("seen-after");
        this.verifySeen = statements.get("verify-seen");
    }

    /** Ids remembered now, over all partitions. */
    long size() {
        return totalIds;
    }

    /** A transaction id that may be in the queue already: what to verify. */
    record Suspect(int messageIndex, long partitionId, long seq, String transactionId, Duration window) {}

    /** A flush begins: the partitions it uses are not forgotten before its end. */
    void begin(long[] partitionIds) {
        flush++;
        inUse = partitionIds;
        added = false;
        onlyInUse = false;
    }

    /**
     * Brings the knowledge of a partition up to the head its lock was taken at.
     *
     * @param window how far back an id is a duplicate, more than zero
     * @return what is known now, until the next use of this window
     */
    Known catchUp(Connection connection, long partitionId, long head, Duration window) throws SQLException {
        Known known = byPartition.get(partitionId);
        long windowNanos = window.toNanos();
        boolean reaches = known != null && known.head <= head && known.windowNanos >= windowNanos;
        if (!reaches) {
            forget(partitionId);
            known = new Known();
            byPartition.put(partitionId, known);
            if (head > 0) {
                load(connection, partitionId, known, window);
            }
        } else if (known.head != head) {
            loadAfter(connection, partitionId, known);
        }
        known.head = head;
        known.windowNanos = windowNanos;
        known.lastFlush = flush;
        if (totalIds > maxIds) {
            forgetUnused();
        }
        return known;
    }

    /** Returns, by message index, the ids of the messages that suspects really repeat. */
    Map<Integer, UUID> verify(Connection connection, List<Suspect> suspects) throws SQLException {
        var duplicates = new HashMap<Integer, UUID>();
        if (suspects.isEmpty()) {
            return duplicates;
        }
        long[] partitions = suspects.stream().mapToLong(Suspect::partitionId).toArray();
        long[] seqs = suspects.stream().mapToLong(Suspect::seq).toArray();
        try (var statement = new BoundStatement(connection, verifySeen)
                        .set("partitions", partitions)
                        .set("seqs", seqs)
                        .set(
                                "windows_ms",
                                suspects.stream()
                                        .mapToLong(suspect -> suspect.window().toMillis())
                                        .toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                Suspect suspect = suspects.get((int) row.getLong("ordinal") - 1);
                if (suspect.transactionId().equals(row.getString("transaction_id"))) {
                    duplicates.put(suspect.messageIndex(), row.getObject("id", UUID.class));
                }
            }
        }
        return duplicates;
    }

    /** Enters what a committed flush has added to a partition, and its new head. */
    void committed(long partitionId, long head, long[] hashes, long[] seqs, int count) {
        Known known = byPartition.get(partitionId);
        if (known == null) {
            return;
        }
        long now = System.nanoTime();
        known.expire(now);
        for (int i = 0; i < count; i++) {
            known.ids.add(hashes[i], seqs[i]);
        }
        known.head = head;
        known.mark(now);
        count(known);
        added |= count > 0;
    }

    /**
     * The flush has ended, and all it has added is entered: keeps the memory within its bound. If that takes more than what was not
     * used, partitions of this flush are given up, the cheapest to read back first. The last one keeps its newest ids, half as many as
     * there is room for; the others are forgotten for good.
     */
    void end() {
        if (!added || totalIds <= maxIds) {
            return;
        }
        forgetUnused();
        if (totalIds <= maxIds) {
            return;
        }
        var smallestFirst = new ArrayList<>(byPartition.entrySet());
        smallestFirst.removeIf(each -> each.getValue().counted == 0);
        smallestFirst.sort(Comparator.comparingLong(each -> each.getValue().counted));
        Known largest = smallestFirst.remove(smallestFirst.size() - 1).getValue();
        for (Map.Entry<Long, Known> each : smallestFirst) {
            if (totalIds <= maxIds) {
                return;
            }
            forget(each.getKey());
        }
        if (totalIds > maxIds) {
            largest.ids.forgetBelow(largest.head - Math.max(1, maxIds / 2) + 1);
            count(largest);
        }
    }

    /** Forgets a partition; its next flush reads it back. */
    void forget(long partitionId) {
        Known known = byPartition.remove(partitionId);
        if (known != null) {
            totalIds -= known.counted;
        }
    }

    /**
     * Gives up the partitions that were not used for longest, but none that the flush under way has used: until there is some room,
     * so that it need not be done at every use. An order kept up at every use would cost each flush more than this does now and
     * then.
     */
    private void forgetUnused() {
        if (onlyInUse) {
            return;
        }
        for (long partitionId : inUse) {
            Known known = byPartition.get(partitionId);
            if (known != null) {
                known.lastFlush = flush;
            }
        }
        var oldestFirst = new ArrayList<>(byPartition.entrySet());
        oldestFirst.removeIf(each -> each.getValue().lastFlush == flush);
        oldestFirst.sort(Comparator.comparingLong(each -> each.getValue().lastFlush));
        for (Map.Entry<Long, Known> each : oldestFirst) {
            if (totalIds <= maxIds - maxIds / ROOM) {
                return;
            }
            forget(each.getKey());
        }
        onlyInUse = true;
    }

    private void load(Connection connection, long partitionId, Known known, Duration window) throws SQLException {
        var firstSeqs = new ArrayList<Long>();
        var runs = new ArrayList<String[]>();
        long loaded = 0;
        try (var statement = new BoundStatement(connection, seenInWindow)
                        .set("partition", partitionId)
                        .set("window_ms", window.toMillis())
                        .fetch(FETCH_ROWS);
                ResultSet row = statement.query()) {
            while (row.next() && row.getBoolean("inside") && loaded < maxIds) {
                String[] ids = strings(row, "transaction_ids");
                firstSeqs.add(row.getLong("first_seq"));
                runs.add(ids);
                loaded += ids.length;
            }
        }
        for (int i = runs.size() - 1; i >= 0; i--) {
            known.addRun(firstSeqs.get(i), runs.get(i));
        }
        count(known);
    }

    private void loadAfter(Connection connection, long partitionId, Known known) throws SQLException {
        try (var statement = new BoundStatement(connection, seenAfter)
                        .set("partition", partitionId)
                        .set("seq", known.head)
                        .fetch(FETCH_ROWS);
                ResultSet row = statement.query()) {
            while (row.next()) {
                known.addRun(row.getLong("first_seq"), strings(row, "transaction_ids"));
            }
        }
        count(known);
    }

    private void count(Known known) {
        totalIds += known.ids.size() - known.counted;
        known.counted = known.ids.size();
    }

    private static @Nullable String[] strings(ResultSet row, String column) throws SQLException {
        return (String[]) row.getArray(column).getArray();
    }

    /** What is known of one partition. */
    static final class Known {
        private final SeenIds ids = new SeenIds();
        /** Heads and when they were reached, a few per window, to know what has left it. */
        private final ArrayDeque<Mark> marks = new ArrayDeque<>(2);

        private long windowNanos;
        private long head;
        private long counted;
        private long lastFlush;
        /** Times of the first and the last of {@link #marks}. */
        private long firstMarkNanos;

        private long lastMarkNanos;

        private record Mark(long head, long nanoTime) {}

        /** Returns the seqs at which an id of this hash was seen. */
        long[] seqsOf(long hash) {
            return ids.seqsOf(hash);
        }

        private void addRun(long firstSeq, @Nullable String[] transactionIds) {
            for (int i = 0; i < transactionIds.length; i++) {
                String id = transactionIds[i];
                if (id != null) {
                    ids.add(SeenIds.hash(id), firstSeq + i);
                }
            }
        }

        private void mark(long now) {
            if (marks.isEmpty() || now - lastMarkNanos > windowNanos / 16) {
                firstMarkNanos = marks.isEmpty() ? now : firstMarkNanos;
                lastMarkNanos = now;
                marks.addLast(new Mark(head, now));
            }
        }

        /** Drops what left the window a while ago. Later than it could be, never earlier. */
        private void expire(long now) {
            long oldest = now - windowNanos - windowNanos / 8;
            if (firstMarkNanos - oldest >= 0 || marks.isEmpty()) {
                return;
            }
            long gone = 0;
            while (!marks.isEmpty() && marks.peekFirst().nanoTime() - oldest < 0) {
                gone = marks.removeFirst().head();
            }
            firstMarkNanos = marks.isEmpty() ? 0 : marks.peekFirst().nanoTime();
            ids.forgetBelow(gone + 1);
        }
    }
}
