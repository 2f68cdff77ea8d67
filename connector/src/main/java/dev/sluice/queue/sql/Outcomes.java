package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Statements.Sql;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Finds out what became of transactions whose commit PostgreSQL did not confirm, by asking on another connection. */
public final class Outcomes {
    /** How long a caller waits for the outcome of its own commit before it reports that the outcome is unknown. */
    static final Duration PATIENCE = Duration.ofMillis(1500);

    private static final long PAUSE_MS = 100;
    /** How long one connection waits for an answer while it asks. */
    private static final int ANSWER_MS = 2000;

    /** The status of an id of another timeline would be that of another transaction. */
    private static final Sql STATUS = Sql.parse("select case when"
            + " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = :timeline"
            + " then pg_xact_status( :id ::xid8) end as status,"
            + " coalesce(pg_stat_get_bgwriter_stat_reset_time() > :at ::timestamptz, true) as has_crashed");

    /**
     * A server that crashes forgets ids whose records were not in its log yet, and gives them out again. The checkpoint
     * at the end of its recovery knows the next id: lower ones are what they were. The next checkpoint comes later than
     * this says, and knows more ids.
     */
    private static final Sql SURVIVED = Sql.parse("select now() - checkpoint_time < interval '25 seconds'"
            + " and :id ::text::numeric < split_part(next_xid, ':', 1)::numeric * 4294967296"
            + " + split_part(next_xid, ':', 2)::numeric as is_known from pg_control_checkpoint()");

    /** The id is one that the server has not given out: it crashed, and the transaction left no trace. */
    private static final String INVALID_PARAMETER_VALUE = "22023";

    /**
     * Writes to the server's log and to no table, so that the next commit waits for the standbys as every write does.
     */
    private static final String WRITE_LOG = "select pg_logical_emit_message(true, 'sluice', '')";

    private final DataSource dataSource;

    public Outcomes(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /** Asks until the outcome is known, at most for {@link #PATIENCE}. */
    public CommitOutcome await(OutcomeUnknownException unknown) {
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
    public CommitOutcome ask(OutcomeUnknownException unknown) {
        TransactionId id = unknown.transaction();
        if (id == null) {
            return CommitOutcome.LOST;
        }
        try (Connection connection = dataSource.getConnection()) {
            int usual = connection.getNetworkTimeout();
            connection.setNetworkTimeout(Runnable::run, ANSWER_MS);
            connection.setAutoCommit(false);
            try {
                return outcome(connection, status(connection, id), id);
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

    private record Status(@Nullable String status, boolean hasCrashed) {}

    private static Status status(Connection connection, TransactionId id) throws SQLException {
        try (var statement = new BoundStatement(connection, STATUS)
                        .set("timeline", id.timeline())
                        .set("id", id.id())
                        .set("at", id.at());
                ResultSet row = statement.query()) {
            row.next();
            return new Status(row.getString("status"), row.getBoolean("has_crashed"));
        } catch (SQLException e) {
            if (INVALID_PARAMETER_VALUE.equals(e.getSQLState())) {
                return new Status("aborted", true);
            }
            throw e;
        }
    }

    private static boolean survived(Connection connection, TransactionId id) throws SQLException {
        try (var statement = new BoundStatement(connection, SURVIVED).set("id", id.id());
                ResultSet row = statement.query()) {
            row.next();
            return row.getBoolean("is_known");
        }
    }

    private static CommitOutcome outcome(Connection connection, Status found, TransactionId id) throws SQLException {
        String status = found.status();
        if (status == null) {
            return CommitOutcome.LOST;
        }
        if (status.equals("aborted")) {
            return CommitOutcome.ROLLED_BACK;
        }
        if (!status.equals("committed")) {
            return CommitOutcome.PENDING;
        }
        if (found.hasCrashed() && !survived(connection, id)) {
            return CommitOutcome.LOST; // It may be the status of another transaction.
        }
        // The server may have stopped waiting for its standby. A later commit that is confirmed covers this one.
        try (var statement = connection.createStatement()) {
            statement.execute(WRITE_LOG);
        }
        Commit.run(connection, "could not confirm a commit", TransactionId.of(connection));
        return CommitOutcome.COMMITTED;
    }
}
