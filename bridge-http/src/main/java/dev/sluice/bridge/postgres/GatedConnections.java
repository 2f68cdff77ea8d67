package dev.sluice.bridge.postgres;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.CommitGate;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;

/**
 * The connections of a pool, with a gate: while the database takes no writes, a transaction rolls back instead of
 * committing.
 */
final class GatedConnections extends ConnectionSource implements CommitGate {
    private final DataSource pool;
    private final Runnable requireWrites;

    /**
     * Makes it.
     *
     * @param requireWrites throws {@link QueueException} while the database takes no writes
     */
    GatedConnections(DataSource pool, Runnable requireWrites) {
        this.pool = pool;
        this.requireWrites = requireWrites;
    }

    @Override
    public void beforeCommit() {
        requireWrites.run();
    }

    @Override
    public Connection getConnection() throws SQLException {
        return pool.getConnection();
    }
}
