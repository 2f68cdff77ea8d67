package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
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
     * Moves a source on by compare-and-set.
     *
     * @throws SourceMovedException if the stored offset is not the one that the progress expects
     */
    void move(Connection open, SourceProgress progress) throws SQLException {
        SourcePartition source = progress.partition();
        int moved = progress.expectedOffset() == SourceProgress.NONE
                ? bind(open, "start-offset", source)
                        .set("next", progress.nextOffset())
                        .execute()
                : bind(open, "move-offset", source)
                        .set("next", progress.nextOffset())
                        .set("expected", progress.expectedOffset())
                        .execute();
        if (moved != 1) {
            long stored = stored(open, source).offset().orElse(SourceProgress.NONE);
            throw new SourceMovedException(source, progress.expectedOffset(), stored);
        }
    }

    private BoundStatement bind(Connection open, String name, SourcePartition source) throws SQLException {
        return statements
                .on(open, name)
                .set("source", source.source())
                .set("topic", source.topic())
                .set("partition", source.partition());
    }
}
