package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.StartException;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.SessionSettings;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;

/** The one pool of a process that only runs handlers. Any thread may call. */
public final class WorkConnections extends ConnectionSource implements AutoCloseable {
    private static final Duration STATEMENT_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(32);

    private final DirectConnections source;
    private final Pool pool;

    /** Makes the pool. Does not wait for the server. */
    public WorkConnections(Database.Address address, int size) {
        source = new DirectConnections(
                address, "sluice-work", SessionSettings::begin, STATEMENT_TIMEOUT, ANSWER_TIMEOUT, refusal -> {});
        pool = new Pool(
                "sluice-work", source, size, (ours, failure) -> ours.state().softEvictConnections());
    }

    /**
     * Fails if the server refuses this process for a reason that a retry does not change: a wrong password, a missing
     * database, a missing right. A server that does not answer is no such reason.
     */
    public void requireEntry() throws StartException {
        try {
            source.getConnection().close();
        } catch (SQLException e) {
            String refusal = Database.refusal(new QueueException("could not connect", e));
            if (refusal != null) {
                throw new StartException("the database does not let us in: " + refusal, e);
            }
        }
    }

    @Override
    public Connection getConnection() throws SQLException {
        return pool.getConnection();
    }

    @Override
    public void close() {
        pool.close();
    }
}
