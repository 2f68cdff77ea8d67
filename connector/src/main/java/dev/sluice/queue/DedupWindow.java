package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
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
 * <p>Owned by one thread. What a flush adds is entered after its commit ({@link #committed}); after a flush whose end is
 * unknown its partitions are forgotten ({@link #forget}).
 */
final class DedupWindow {
    /** Rows fetched at a time while a partition is read back. */
    private static final int FETCH_ROWS = 256;

    private final int maxIds;
    private final Sql seenInWindow;
    private final Sql seenAfter;
    private final Sql verifySeen;
    /** Least recently used first. */
    private final LinkedHashMap<Long, Known> byPartition = new LinkedHashMap<>(64, 0.75f, true);

    private long totalIds;

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

    /**
     * Brings the knowledge of a partition up to the head its lock was taken at.
     *
     * @param window how far back an id is a duplicate, more than zero
     */
    void catchUp(Connection connection, long partitionId, long head, Duration window) throws SQLException {
        Known known = byPartition.get(partitionId);
        boolean reaches = known != null && known.head <= head && known.window.compareTo(window) >= 0;
        if (reaches) {
            known.window = window;
        }
        if (reaches && known.head == head) {
            return;
        }
        if (!reaches) {
            forget(partitionId);
            known = new Known(window);
            byPartition.put(partitionId, known);
            if (head > 0) {
                load(connection, partitionId, known);
            }
        } else {
            loadAfter(connection, partitionId, known);
        }
        known.head = head;
    }

    /** Returns the seqs at which an id of this hash was seen in the partition. */
    long[] seqsOf(long partitionId, long hash) {
        Known known = byPartition.get(partitionId);
        return known == null ? new long[0] : known.ids.seqsOf(hash);
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
        known.expire();
        long before = known.ids.size();
        for (int i = 0; i < count; i++) {
            known.ids.add(hashes[i], seqs[i]);
        }
        known.head = head;
        known.mark(head);
        totalIds += known.ids.size() - known.counted;
        known.counted = known.ids.size();
        if (before != known.counted) {
            keepWithinBound();
        }
    }

    /** Forgets a partition; its next flush reads it back. */
    void forget(long partitionId) {
        Known known = byPartition.remove(partitionId);
        if (known != null) {
            totalIds -= known.counted;
        }
    }

    private void keepWithinBound() {
        Iterator<Map.Entry<Long, Known>> eldest = byPartition.entrySet().iterator();
        while (totalIds > maxIds && byPartition.size() > 1) {
            totalIds -= eldest.next().getValue().counted;
            eldest.remove();
        }
        if (totalIds > maxIds) {
            Known only = byPartition.values().iterator().next();
            only.ids.forgetBelow(only.head - maxIds / 2 + 1);
            only.counted = only.ids.size();
            totalIds = only.counted;
        }
    }

    private void load(Connection connection, long partitionId, Known known) throws SQLException {
        var firstSeqs = new ArrayList<Long>();
        var runs = new ArrayList<String[]>();
        long loaded = 0;
        try (var statement = new BoundStatement(connection, seenInWindow)
                        .set("partition", partitionId)
                        .set("window_ms", known.window.toMillis())
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
    private static final class Known {
        private final SeenIds ids = new SeenIds();
        /** Heads and when they were reached, a few per window, to know what has left it. */
        private final ArrayDeque<Mark> marks = new ArrayDeque<>();

        private Duration window;
        private long head;
        private long counted;

        private record Mark(long head, long nanoTime) {}

        Known(Duration window) {
            this.window = window;
        }

        void addRun(long firstSeq, @Nullable String[] transactionIds) {
            for (int i = 0; i < transactionIds.length; i++) {
                String id = transactionIds[i];
                if (id != null) {
                    ids.add(SeenIds.hash(id), firstSeq + i);
                }
            }
        }

        void mark(long newHead) {
            long now = System.nanoTime();
            Mark last = marks.peekLast();
            if (last == null || now - last.nanoTime() > window.toNanos() / 16) {
                marks.addLast(new Mark(newHead, now));
            }
        }

        /** Drops what left the window a while ago. Later than it could be, never earlier. */
        void expire() {
            long oldest = System.nanoTime() - window.toNanos() - window.toNanos() / 8;
            long gone = 0;
            while (!marks.isEmpty() && marks.peekFirst().nanoTime() - oldest < 0) {
                gone = marks.removeFirst().head();
            }
            if (gone > 0) {
                ids.forgetBelow(gone + 1);
            }
        }
    }
}
