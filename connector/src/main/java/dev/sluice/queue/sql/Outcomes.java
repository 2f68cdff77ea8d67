package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Finds out the outcome of commits that PostgreSQL did not confirm, by asking on another connection. */
public final class Outcomes {
    /** How long a caller waits for the outcome of its own commit before it reports that the outcome is unknown. */
    static final Duration MAX_WAIT = Duration.ofMillis(1500);

    private static final long PAUSE_MS = 100;
    /** How long the asking connection waits for an answer. */
    private static final int ANSWER_MS = 2000;

    private static final Statements STATEMENTS = Statements.read("outcomes.sql");

    /** SQLSTATE for an id that the server has not given out: it crashed, and the transaction left no trace. */
    private static final String INVALID_PARAMETER_VALUE = "22023";

    private final DataSource dataSource;

    public Outcomes(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /** Asks until the outcome is known, at most for {@link #MAX_WAIT}. */
    public CommitOutcome await(OutcomeUnknownException unknown) {
        long deadline = System.nanoTime() + MAX_WAIT.toNanos();
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

    /**
     * Asks until the outcome is known, as {@link #await} does, and returns if the transaction is committed.
     *
     * @param what what could not be done: the start of the message
     * @throws QueueException if the transaction was rolled back
     * @throws OutcomeUnknownException if the outcome stays unknown
     */
    public void requireCommitted(String what, OutcomeUnknownException unknown) {
        switch (await(unknown)) {
            case COMMITTED -> {}
            case ROLLED_BACK ->
                throw new QueueException(what + ": rolled back", SqlStates.TRANSACTION_ROLLBACK, unknown);
            case PENDING, LOST -> throw unknown;
        }
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

    /** What the server says about a transaction, and whether it crashed since that transaction. */
    private record Status(@Nullable String status, boolean hasCrashed) {}

    private static Status status(Connection connection, TransactionId id) throws SQLException {
        try {
            return STATEMENTS
                    .on(connection, "status")
                    .set("timeline", id.timeline())
                    .set("id", id.id())
                    .set("at", id.at())
                    .first(row -> new Status(row.getString("status"), row.getBoolean("has_crashed")))
                    .orElseThrow();
        } catch (SQLException e) {
            if (INVALID_PARAMETER_VALUE.equals(e.getSQLState())) {
                return new Status("aborted", true);
            }
            throw e;
        }
    }

    private static boolean survived(Connection connection, TransactionId id) throws SQLException {
        return STATEMENTS
                .on(connection, "survived")
                .set("id", id.id())
                .first(row -> row.getBoolean("is_known"))
                .orElseThrow();
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
            return CommitOutcome.LOST; // The status may be that of another transaction.
        }
        // The server may have stopped waiting for its standby. A later commit that is confirmed covers this one.
        STATEMENTS.on(connection, "write-log").run();
        Commit.run(connection, "could not confirm a commit", TransactionId.of(connection));
        return CommitOutcome.COMMITTED;
    }
}
