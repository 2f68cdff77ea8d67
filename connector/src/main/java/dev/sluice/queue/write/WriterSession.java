package dev.sluice.queue.write;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.Commit;
import dev.sluice.queue.sql.CommitGate;
import dev.sluice.queue.sql.Effects;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Outcomes;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Runs the transactions of one writer on one connection. Each transaction commits, rolls back or starts again, as its
 * work returns ({@link Ending}).
 *
 * <p>The session keeps its connection while transactions succeed. After a transient failure of PostgreSQL, or a commit
 * of unknown outcome, it gives the connection back and takes another one for the next transaction. After another
 * failure of PostgreSQL, or a {@link QueueException} of the work, it rolls back and keeps the connection. After any
 * other exception it gives the connection back and drops its caches. What the session caches of the database outlives
 * its connection, but not the server: if the next connection leads to another server, or to one that was restarted, the
 * session drops its caches.
 *
 * <p>Owned by one thread.
 */
public final class WriterSession implements AutoCloseable {
    /** How often a transaction starts again because a partition was deleted under it. */
    private static final int MAX_RESTARTS = 5;

    /** How often a transaction runs again after PostgreSQL has ended it to resolve a deadlock. */
    private static final int MAX_DEADLOCKS = 3;

    private static final String DEADLOCK_DETECTED = "40P01";

    private final DataSource dataSource;
    private final Outcomes outcomes;
    private final Statements statements;
    private final FlushWriter flushes;
    private final Duration lockTimeout;
    private final Runnable connected;
    private @Nullable Connection connection;

    /** Makes a session; its first transaction opens the connection. */
    public WriterSession(DataSource dataSource, QueueWriterConfig config) {
        this(dataSource, config, DedupWindow.partitionsFor(config.dedupMaxIds()), () -> {});
    }

    /**
     * Makes a session.
     *
     * @param maxPartitions most partitions whose transaction ids are cached
     * @param connected runs after each new connection
     */
    WriterSession(DataSource dataSource, QueueWriterConfig config, int maxPartitions, Runnable connected) {
        this.dataSource = dataSource;
        this.outcomes = new Outcomes(dataSource);
        this.statements = Statements.read("writer_session.sql", config.schema());
        this.flushes = new FlushWriter(config, maxPartitions);
        this.lockTimeout = config.lockTimeout();
        this.connected = connected;
    }

    /**
     * Work in a transaction.
     *
     * @param <T> type of its result
     */
    public interface Work<T> {
        /**
         * Does the work and returns how the transaction ends. May run more than once, each time in a new transaction.
         */
        Ending<T> in(WriterTransaction transaction) throws SQLException;
    }

    /**
     * Runs the work in a transaction and ends the transaction as the work says.
     *
     * @param what what could not be done, should it fail: the start of the message
     * @return the result of the work
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit, and its outcome could not be found out
     * @throws QueueException if PostgreSQL failed, or if partitions were deleted again and again; nothing has changed
     */
    public <T> T run(String what, Work<T> work) {
        for (int restart = 0; restart <= MAX_RESTARTS; restart++) {
            Ending<T> ending = runAgainAfterDeadlocks(what, work);
            if (ending instanceof Ending.Commit<T> committed) {
                return committed.result();
            }
            if (ending instanceof Ending.RollBack<T> rolledBack) {
                return rolledBack.result();
            }
        }
        throw new QueueException(
                what + ": partitions were deleted " + MAX_RESTARTS + " times during the attempt",
                QueueException.OBJECT_NOT_IN_PREREQUISITE_STATE,
                null);
    }

    private <T> Ending<T> runAgainAfterDeadlocks(String what, Work<T> work) {
        for (int deadlocks = 0; ; deadlocks++) {
            try {
                return runOnce(what, work);
            } catch (QueueException e) {
                if (deadlocks == MAX_DEADLOCKS || !DEADLOCK_DETECTED.equals(e.sqlState())) {
                    throw e;
                }
            }
        }
    }

    private <T> Ending<T> runOnce(String what, Work<T> work) {
        try {
            Connection open = connection();
            var transaction = new WriterTransaction(open, statements, flushes);
            Ending<T> ending = work.in(transaction);
            if (ending instanceof Ending.Commit) {
                commit(open, what, transaction.id());
                transaction.committed();
            } else {
                rollBack();
            }
            return ending;
        } catch (SQLException e) {
            var failure = new QueueException(what, e);
            if (failure.isTransient()) {
                giveUpConnection();
            } else {
                rollBack();
            }
            throw failure;
        } catch (QueueException e) {
            rollBack();
            throw e;
        } catch (RuntimeException | Error e) {
            giveUpConnection();
            flushes.forgetAll(); // A cache may be half-updated.
            throw e;
        }
    }

    private void commit(Connection open, String what, @Nullable TransactionId id) throws SQLException {
        if (id != null) {
            CommitGate.pass(dataSource);
        }
        try {
            Commit.run(open, what, id);
        } catch (OutcomeUnknownException e) {
            giveUpConnection();
            outcomes.requireCommitted(what, e);
        }
        if (id != null) {
            Effects.changed();
        }
    }

    /** Returns the id of a partition, {@link PartitionDirectory#UNKNOWN} if it is not cached. */
    long partitionId(PartitionName name) {
        return flushes.partitionId(name);
    }

    /** Returns how many transaction ids the session caches. */
    long rememberedIds() {
        return flushes.rememberedIds();
    }

    /** Gives the connection back. The session can be used again. */
    @Override
    public void close() {
        giveUpConnection();
    }

    private Connection connection() throws SQLException {
        Connection open = connection;
        if (open == null) {
            open = dataSource.getConnection();
            connection = open;
            try {
                IndexPlans.plannedOnce(open);
                if (!lockTimeout.isZero()) {
                    limitLockWait(open, lockTimeout);
                }
                connected.run();
                flushes.connected(open);
                open.setAutoCommit(false);
            } catch (SQLException | RuntimeException | Error e) {
                giveUpConnection();
                throw e;
            }
        }
        return open;
    }

    private void limitLockWait(Connection open, Duration timeout) throws SQLException {
        statements
                .on(open, "limit-lock-wait")
                .set("timeout_ms", Long.toString(timeout.toMillis()))
                .run();
    }

    private void rollBack() {
        Connection open = connection;
        if (open != null) {
            try {
                open.rollback();
            } catch (SQLException e) {
                giveUpConnection();
            }
        }
    }

    private void giveUpConnection() {
        Connection open = connection;
        connection = null;
        if (open == null) {
            return;
        }
        try (open) {
            if (!open.getAutoCommit()) {
                open.rollback();
            }
            open.setAutoCommit(true);
            if (!lockTimeout.isZero()) {
                limitLockWait(open, Duration.ZERO); // A reset would bring back the default of the role.
            }
            IndexPlans.off(open);
        } catch (SQLException ignored) {
            // The connection is broken. The caller reports the failure that made the session give it up.
        }
    }
}
