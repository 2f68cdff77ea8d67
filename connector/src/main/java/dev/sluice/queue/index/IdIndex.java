package dev.sluice.queue.index;

import dev.sluice.queue.sql.Statements;
import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/**
 * Looks transaction ids up in the index of a partition, in a transaction of the caller. Safe for use by many threads.
 */
public final class IdIndex {
    private final Statements statements;

    public IdIndex(String schema) {
        this.statements = Statements.read("id_index.sql", schema);
    }

    /**
     * Segments that may have a transaction id, each by the seq of its first message.
     *
     * @param indexed the visible segments that have it, as far as the index goes, newest first
     * @param rest the first visible segment that is not indexed, or not as a whole; the caller must read the segments
     *     from here on
     * @param stored the same for all segments, with invisible ones that retention has not deleted yet
     */
    public record Segments(List<Long> indexed, long rest, List<Range> stored) {
        /** For a partition that is deleted, and that may still have segments. */
        private static final Segments OF_NO_PARTITION =
                new Segments(List.of(), Long.MAX_VALUE, List.of(new Range(0, Long.MAX_VALUE)));

        public Segments {
            indexed = List.copyOf(indexed);
            stored = List.copyOf(stored);
        }
    }

    /**
     * The segments that begin in a range of seqs.
     *
     * @param first least first seq of a segment
     * @param last greatest first seq of a segment
     */
    public record Range(long first, long last) {}

    /** Returns the segments that may have the id; no visible ones if there is no such partition. */
    public Segments find(Connection connection, long partitionId, String transactionId) throws SQLException {
        int hash = IdHash.of(transactionId);
        return statements
                .on(connection, "find")
                .set("partition", partitionId)
                .set("transaction_id", transactionId)
                .set("hash", hash)
                .set("bucket", IdHash.bucket(hash))
                .first(IdIndex::segments)
                .orElse(Segments.OF_NO_PARTITION);
    }

    private static Segments segments(ResultSet row) throws SQLException {
        List<Long> indexed = seqs(row, "indexed");
        var stored = new ArrayList<Range>();
        stored.add(new Range(0, row.getLong("begin") - 1));
        stored.add(new Range(row.getLong("unindexed"), Long.MAX_VALUE));
        indexed.forEach(seq -> stored.add(new Range(seq, seq)));
        seqs(row, "invisible").forEach(seq -> stored.add(new Range(seq, seq)));
        return new Segments(indexed, row.getLong("rest"), stored);
    }

    private static List<Long> seqs(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return array == null ? List.of() : List.of((Long[]) array.getArray());
    }
}
