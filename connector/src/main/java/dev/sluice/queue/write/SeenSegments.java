package dev.sluice.queue.write;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the transaction ids of segments for {@link DedupWindow}, the newest segments of a partition first, as far as
 * the window and the room in the cache go.
 *
 * <p>One statement reads ahead for all partitions of a flush that need it: after a start, after flushes of other
 * writers, and after evictions, these are many. It shares {@link #IDS_AHEAD} ids equally between them. If a partition
 * has more within its window, or if its entry was evicted meanwhile, a statement of its own reads it.
 *
 * <p>A statement reads no segment that is not needed. The first read of a page after its COPY costs write-ahead log:
 * the server marks the rows as committed, and logs the whole page if it has checksums.
 *
 * <p>Has no state: what it returns is valid while the transaction holds the locks of the partitions.
 */
final class SeenSegments {
    /** Most partitions to read ahead in one statement. */
    static final int MAX_PARTITIONS = 1000;
    /** Most ids that are read ahead: 2 MB of hashes. */
    static final int IDS_AHEAD = 262_144;

    /** Rows fetched at a time. */
    private static final int FETCH_ROWS = 256;

    private final Statements statements;

    SeenSegments(String schema) {
        this.statements = Statements.read("seen_segments.sql", schema);
    }

    /**
     * The ids that the cache lacks of a partition.
     *
     * @param after the seq after which it lacks them
     * @param most how many it has room for
     */
    record Wanted(long partitionId, long after, long most, Duration window) {}

    /** The newest segments of a partition. */
    static final class Newest {
        private final List<Segment> newestFirst = new ArrayList<>();
        private long ids;
        private boolean isMore;

        /** Returns how many ids they have. */
        long ids() {
            return ids;
        }

        /** Returns whether there are older segments after the wanted seq: the window or the room has ended. */
        boolean isMore() {
            return isMore;
        }

        void addTo(SeenIds seen) {
            for (int i = newestFirst.size() - 1; i >= 0; i--) {
                Segment segment = newestFirst.get(i);
                for (int j = 0; j < segment.hashes.length; j++) {
                    seen.add(segment.hashes[j], segment.firstSeq + j);
                }
            }
        }

        private void add(Segment segment) {
            newestFirst.add(segment);
            ids += segment.hashes.length;
        }
    }

    /** The hashes of the ids of a segment, and the seq of the first. */
    private static final class Segment {
        private final long firstSeq;
        private final long[] hashes;

        Segment(long firstSeq, long[] hashes) {
            this.firstSeq = firstSeq;
            this.hashes = hashes;
        }
    }

    /** What was read ahead, by partition. */
    static final class Ahead {
        /** Nothing was read ahead. */
        static final Ahead NOTHING = new Ahead();

        private final Map<Long, Rows> byPartition = new HashMap<>();

        private Ahead() {}

        /** The rows of a partition after a seq. The last row has no ids if the statement has stopped there. */
        private record Rows(long after, List<Row> newestFirst) {}

        /** A row. Its hashes are null if the statement did not read the ids. */
        private static final class Row {
            private final long firstSeq;
            private final boolean isInside;
            private final long @Nullable [] hashes;

            Row(long firstSeq, boolean isInside, long @Nullable [] hashes) {
                this.firstSeq = firstSeq;
                this.isInside = isInside;
                this.hashes = hashes;
            }
        }

        /** Returns what is wanted; null if it was not all read. */
        private @Nullable Newest take(Wanted wanted) {
            Rows rows = byPartition.remove(wanted.partitionId());
            if (rows == null || rows.after != wanted.after()) {
                return null;
            }
            var newest = new Newest();
            for (Row row : rows.newestFirst) {
                if (newest.ids >= wanted.most() || !row.isInside) {
                    newest.isMore = true;
                    break;
                }
                if (row.hashes == null) {
                    return null;
                }
                newest.add(new Segment(row.firstSeq, row.hashes));
            }
            return newest;
        }
    }

    /** Reads ahead for partitions. Runs no statement for a single one. */
    Ahead readAhead(Connection connection, List<Wanted> wanted) throws SQLException {
        if (wanted.size() < 2) {
            return Ahead.NOTHING;
        }
        if (wanted.size() > MAX_PARTITIONS) {
            throw new IllegalArgumentException(wanted.size() + " partitions, of at most " + MAX_PARTITIONS);
        }
        var ahead = new Ahead();
        wanted.forEach(
                each -> ahead.byPartition.put(each.partitionId(), new Ahead.Rows(each.after(), new ArrayList<>())));
        statements
                .on(connection, "read-ahead")
                .set("partitions", wanted, Wanted::partitionId)
                .set("afters", wanted, Wanted::after)
                .set("most", wanted, Wanted::most)
                .set("windows_ms", wanted, each -> each.window().toMillis())
                .set("room", IDS_AHEAD / wanted.size())
                .fetch(FETCH_ROWS)
                .forEach(row -> ahead.byPartition
                        .get(row.getLong("partition_id"))
                        .newestFirst
                        .add(new Ahead.Row(row.getLong("first_seq"), row.getBoolean("inside"), hashesOrNull(row))));
        for (Ahead.Rows rows : ahead.byPartition.values()) {
            Comparator<Ahead.Row> oldestFirst = Comparator.comparingLong(row -> row.firstSeq);
            rows.newestFirst.sort(oldestFirst.reversed());
        }
        return ahead;
    }

    /** Returns the segments that are wanted: those read ahead if they are all, else with a statement. */
    Newest read(Connection connection, Wanted wanted, Ahead ahead) throws SQLException {
        Newest read = ahead.take(wanted);
        return read != null ? read : read(connection, wanted);
    }

    private Newest read(Connection connection, Wanted wanted) throws SQLException {
        var newest = new Newest();
        try (var statement = statements
                        .on(connection, "seen")
                        .set("partition", wanted.partitionId())
                        .set("after", wanted.after())
                        .set("window_ms", wanted.window().toMillis())
                        .fetch((int) Math.min(FETCH_ROWS, wanted.most() + 1));
                ResultSet row = statement.query()) {
            newest.isMore = row.next();
            while (newest.isMore && newest.ids < wanted.most() && row.getBoolean("inside")) {
                newest.add(new Segment(row.getLong("first_seq"), hashes(row)));
                newest.isMore = row.next();
            }
        }
        return newest;
    }

    private static long @Nullable [] hashesOrNull(ResultSet row) throws SQLException {
        return row.getArray("transaction_ids") == null ? null : hashes(row);
    }

    private static long[] hashes(ResultSet row) throws SQLException {
        String[] ids = (String[]) row.getArray("transaction_ids").getArray();
        long[] hashes = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            hashes[i] = SeenIds.hash(ids[i]);
        }
        return hashes;
    }
}
