package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The offsets of sources in the transaction of a {@link QueueWriter}, which commits. */
final class OffsetTable {
    private static final StoredOffset NONE = new StoredOffset(OptionalLong.empty(), null);

    private final Statements statements;

    OffsetTable(String schema) {
        this.statements = Statements.read("offset_table.sql", schema);
    }

    /** What is stored of a source; {@code refused} says why it may not go on, null if it may. */
    record StoredOffset(OptionalLong offset, @Nullable String refused) {
        /**
         * Returns the next offset, empty when the source has never written.
         *
         * @throws SourceRefusedException if it may not go on
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
     * Locks the offset, so that no write of the source is under way. The lock is a change, so the commit that follows
     * waits for a synchronous standby, and confirms the offset with it.
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
     * Keeps a source from going on until its offset is set. Returns false, and does nothing, if it has not stored the
     * offset.
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
     * @throws SourceMovedException if it is not where its progress expects it
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
