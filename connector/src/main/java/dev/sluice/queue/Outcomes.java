package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Finds out what became of transactions whose commit PostgreSQL did not confirm, by asking on another connection. */
final class Outcomes {
    /** How long a caller waits for the outcome of its own commit before it reports that the outcome is unknown. */
    static final Duration PATIENCE = Duration.ofMillis(1500);

    private static final long PAUSE_MS = 100;
    /** How long one connection waits for an answer while it asks. */
    private static final int ANSWER_MS = 2000;

    /** The status of an id of another timeline would be that of another transaction. */
    private static final Sql STATUS = Sql.parse("select case when"
            + " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = :timeline"
            + " then pg_xact_status( :id ::xid8) end as status");

    /** Writes to the server's log and to no table, so that the next commit waits for the standbys as every write does. */
    private static final String WRITE_LOG = "select pg_logical_emit_message(true, 'sluice', '')";

    private final DataSource dataSource;

    Outcomes(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /** Asks until the outcome is known, at most for {@link #PATIENCE}. */
    CommitOutcome await(OutcomeUnknownException unknown) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        CommitOutcome outcome = ask(unknown);
        while (outcome == CommitOutcome.PENDING && System.nanoTime() - deadline < 0) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE_MS));
            if (Thread.currentThread().isInterrupted()) {
                return outcome;
            }
            outcome = ask(unknown);
        }
        return outcome;
    }

    /** Asks once. */
    CommitOutcome ask(OutcomeUnknownException unknown) {
        TransactionId id = unknown.transaction();
        if (id == null) {
            return CommitOutcome.LOST;
        }
        try (Connection connection = dataSource.getConnection()) {
            int usual = connection.getNetworkTimeout();
            connection.setNetworkTimeout(Runnable::run, ANSWER_MS);
            connection.setAutoCommit(false);
            try {
                return outcome(connection, status(connection, id));
            } finally {
                if (!connection.isClosed()) {
                    connection.rollback();
                    connection.setAutoCommit(true);
                    connection.setNetworkTimeout(Runnable::run, usual);
                }
            }
        } catch (OutcomeUnknownException e) {
            return CommitOutcome.PENDING;
        } catch (SQLException e) {
            return new QueueException("", e).isTransient() ? CommitOutcome.PENDING : CommitOutcome.LOST;
        }
    }

    private static @Nullable String status(Connection connection, TransactionId id) throws SQLException {
        try (var statement = new BoundStatement(connection, STATUS)
                        .set("timeline", id.timeline())
                        .set("id", id.id());
                ResultSet row = statement.query()) {
            row.next();
            return row.getString("status");
        }
    }

    private static CommitOutcome outcome(Connection connection, @Nullable String status) throws SQLException {
        if (status == null) {
            return CommitOutcome.LOST;
        }
        if (status.equals("aborted")) {
            return CommitOutcome.ROLLED_BACK;
        }
        if (!status.equals("committed")) {
            return CommitOutcome.PENDING;
        }
        // The server may have stopped waiting for its standby. A later commit that is confirmed covers this one.
        try (var statement = connection.createStatement()) {
            statement.execute(WRITE_LOG);
        }
        Commit.run(connection, "could not confirm a commit", TransactionId.of(connection));
        return CommitOutcome.COMMITTED;
    }
}
