package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.RoundTrip;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The table {@code sink_offsets}: how far each source is written. Every method works in the caller's transaction. */
final class OffsetTable {
    private static final StoredOffset NONE = new StoredOffset(OptionalLong.empty(), null);

    private final Statements statements;

    OffsetTable(String schema) {
        this.statements = Statements.read("offset_table.sql", schema);
    }

    /**
     * The row of a source.
     *
     * @param offset the next offset; empty if the source has never written
     * @param refused why the source may not go on; null if it may
     */
    record StoredOffset(OptionalLong offset, @Nullable String refused) {
        /**
         * Returns the next offset; empty if the source has never written.
         *
         * @throws SourceRefusedException if the source may not go on
         */
        OptionalLong next() {
            if (refused != null) {
                throw new SourceRefusedException(refused);
            }
            return offset;
        }
    }

    StoredOffset stored(Connection open, SourcePartition source) throws SQLException {
        return read(open, "stored-offset", source);
    }

    /**
     * Reads the offset under a lock, so no write of the source is under way. The lock counts as a change: the commit
     * that follows waits for a synchronous standby and confirms the offset with it.
     */
    StoredOffset confirmed(Connection open, SourcePartition source) throws SQLException {
        return read(open, "confirmed-offset", source);
    }

    private StoredOffset read(Connection open, String name, SourcePartition source) throws SQLException {
        return bind(open, name, source)
                .first(row -> new StoredOffset(OptionalLong.of(row.getLong("next_offset")), row.getString("refused")))
                .orElse(NONE);
    }

    /**
     * Refuses a source until an operator sets its offset. Returns false, and does nothing, if the offset is not stored.
     */
    boolean refuse(Connection open, SourcePartition source, long offset, String reason) throws SQLException {
        return bind(open, "refuse", source)
                        .set("offset", offset)
                        .set("reason", reason)
                        .execute()
                == 1;
    }

    /**
     * Returns the part of a round trip that moves sources on by compare-and-set. Afterwards call {@link #requireMoved}.
     *
     * @param progress none at the start of its source
     * @param moved gets the index of each source that has moved
     */
    RoundTrip.Part move(List<SourceProgress> progress, BitSet moved) {
        BoundStatement.RowReader reader = row -> moved.set(row.getInt("ordinal") - 1);
        if (progress.size() > 1) {
            return RoundTrip.Part.query(statements.get("move-offsets"), bound -> bindAll(bound, progress), reader);
        }
        SourceProgress only = progress.get(0);
        return RoundTrip.Part.query(
                statements.get("move-offset"),
                bound -> bind(bound, only.partition())
                        .set("next", only.nextOffset())
                        .set("expected", only.expectedOffset()),
                reader);
    }

    private static void bindAll(BoundStatement bound, List<SourceProgress> progress) throws SQLException {
        bound.setTexts("sources", progress, each -> each.partition().source())
                .setTexts("topics", progress, each -> each.partition().topic())
                .setInts("numbers", progress, each -> each.partition().partition())
                .set("nexts", progress, SourceProgress::nextOffset)
                .set("expecteds", progress, SourceProgress::expectedOffset);
    }

    /**
     * Stores the first offset of a source.
     *
     * @throws SourceMovedException if an offset is stored already
     */
    void start(Connection open, SourceProgress progress) throws SQLException {
        int started = bind(open, "start-offset", progress.partition())
                .set("next", progress.nextOffset())
                .execute();
        if (started != 1) {
            throw moved(open, progress);
        }
    }

    /**
     * Requires that all sources have moved.
     *
     * @throws SourceMovedException if the stored offset of one is not the one that its progress expects
     */
    void requireMoved(Connection open, List<SourceProgress> progress, BitSet moved) throws SQLException {
        int first = moved.nextClearBit(0);
        if (first < progress.size()) {
            throw moved(open, progress.get(first));
        }
    }

    private SourceMovedException moved(Connection open, SourceProgress progress) throws SQLException {
        long stored = stored(open, progress.partition()).offset().orElse(SourceProgress.NONE);
        return new SourceMovedException(progress.partition(), progress.expectedOffset(), stored);
    }

    private BoundStatement bind(Connection open, String name, SourcePartition source) throws SQLException {
        return bind(statements.on(open, name), source);
    }

    private static BoundStatement bind(BoundStatement statement, SourcePartition source) throws SQLException {
        return statement
                .set("source", source.source())
                .set("topic", source.topic())
                .set("partition", source.partition());
    }
}
