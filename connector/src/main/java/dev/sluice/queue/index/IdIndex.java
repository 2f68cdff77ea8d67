package dev.sluice.queue.index;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
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
     * @param indexed the segments that have it, as far as the index goes, newest first
     * @param rest the first segment that is not indexed, or not as a whole; the caller must read the segments from here
     *     on
     */
    public record Segments(List<Long> indexed, long rest) {
        private static final Segments NONE = new Segments(List.of(), Long.MAX_VALUE);

        public Segments {
            indexed = List.copyOf(indexed);
        }

        /** Returns the ranges of first seqs to read. */
        public List<Range> ranges() {
            var ranges = new ArrayList<Range>();
            ranges.add(new Range(rest, Long.MAX_VALUE));
            indexed.forEach(seq -> ranges.add(new Range(seq, seq)));
            return ranges;
        }
    }

    /**
     * The segments that begin in a range of seqs.
     *
     * @param first least first seq of a segment
     * @param last greatest first seq of a segment
     */
    public record Range(long first, long last) {}

    /** Returns the segments that may have the id; none if there is no such partition. */
    public Segments find(Connection connection, long partitionId, String transactionId) throws SQLException {
        int hash = IdHash.of(transactionId);
        return statements
                .on(connection, "find")
                .set("partition", partitionId)
                .set("transaction_id", transactionId)
                .set("hash", hash)
                .set("bucket", IdHash.bucket(hash))
                .first(row ->
                        new Segments(List.of((Long[]) row.getArray("indexed").getArray()), row.getLong("rest")))
                .orElse(Segments.NONE);
    }
}
