package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Runs work in transactions on connections of a pool. A transaction commits when its work returns. If PostgreSQL rolls
 * a transaction back because of a deadlock, this class runs it again after a short random pause, so that it does not
 * meet the same transaction a second time. If PostgreSQL does not confirm a commit, this class asks for the outcome on
 * another connection.
 */
public final class Transactions {
    /** How often a transaction runs again after a deadlock. */
    static final int MAX_DEADLOCKS = 3;

    /** Longest pause before a transaction is run again, in milliseconds. */
    private static final int MAX_PAUSE_MS = 50;

    private static final String DEADLOCK_DETECTED = "40P01";

    private final DataSource dataSource;
    private final Outcomes outcomes;
    private final Plans plans;
    private final RoundTrip trip = new RoundTrip();

    /** The plans that the server may choose for the statements of the work. */
    private enum Plans {
        ANY,
        BY_INDEX,
        BY_INDEX_IN_SESSION
    }

    public Transactions(DataSource dataSource) {
        this(dataSource, Plans.ANY);
    }

    private Transactions(DataSource dataSource, Plans plans) {
        this.dataSource = dataSource;
        this.outcomes = new Outcomes(dataSource);
        this.plans = plans;
    }

    /** Makes transactions for statements that name their rows: each sets the settings of {@link IndexPlans}. */
    public static Transactions byIndex(DataSource dataSource) {
        return new Transactions(dataSource, Plans.BY_INDEX);
    }

    /**
     * Makes the same, with the settings of {@link IndexPlans} kept on each connection, which saves a round trip, and
     * with each statement planned once. For a pool that serves only statements that name their rows.
     */
    public static Transactions byIndexInSession(DataSource dataSource) {
        return new Transactions(dataSource, Plans.BY_INDEX_IN_SESSION);
    }

    /**
     * Work in a transaction.
     *
     * @param <T> type of its result
     */
    public interface Work<T> {
        T on(Connection connection) throws SQLException;
    }

    /**
     * Finds the id of a transaction.
     *
     * @param <T> type of the result of its work
     */
    public interface Identity<T> {
        /** Returns the id; null if the transaction changed nothing that would be missed. */
        @Nullable
        TransactionId of(Connection connection, T result) throws SQLException;
    }

    /**
     * Finds the last statements of a transaction.
     *
     * @param <T> type of the result of its work
     */
    public interface Ending<T> {
        /** Returns the parts of a round trip that run right before the commit. May be empty. */
        List<RoundTrip.Part> of(T result);
    }

    /**
     * Runs the work and commits. The work may run more than once, each time on a transaction of its own.
     *
     * @param what what could not be done, should it fail: the start of the message
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit, and its outcome could not be found out
     * @throws QueueException if PostgreSQL failed; nothing has changed
     */
    public <T> T run(String what, Work<T> work) {
        return run(what, work, (connection, result) -> TransactionId.of(connection));
    }

    /** Does the same as {@link #run(String, Work)} for work that knows the id of its transaction. */
    public <T> T run(String what, Work<T> work, Identity<T> identity) {
        var done = new AtomicReference<T>();
        Work<T> noted = connection -> {
            T result = work.on(connection);
            done.set(result);
            return result;
        };
        try {
            return unsettled(what, noted, identity);
        } catch (OutcomeUnknownException e) {
            outcomes.requireCommitted(what, e);
            return done.get();
        }
    }

    /**
     * Runs the work in one transaction after the other, until it changes nothing any more.
     *
     * @param work returns how many rows it has changed
     * @return the sum of these numbers
     * @throws QueueException if PostgreSQL failed; earlier transactions have committed
     */
    public long repeat(String what, Work<Integer> work) {
        long total = 0;
        int changed;
        do {
            changed = run(what, work);
            total += changed;
        } while (changed > 0);
        return total;
    }

    /**
     * Runs the work and commits, as {@link #run} does, but does not ask for the outcome of a commit.
     *
     * @param identity finds the id; if it returns null, a commit without an answer is a failure without effect
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit
     * @throws QueueException if PostgreSQL failed; nothing has changed
     */
    public <T> T unsettled(String what, Work<T> work, Identity<T> identity) {
        return unsettled(what, work, identity, result -> List.of());
    }

    /**
     * Does the same for work whose last statements go to the server together with the commit. The work knows the id of
     * its transaction before them: if the commit has no answer, they have none either.
     */
    public <T> T unsettled(String what, Work<T> work, Identity<T> identity, Ending<T> ending) {
        for (int deadlocks = 0; true; deadlocks++) {
            try {
                return once(what, work, identity, ending);
            } catch (SQLException e) {
                if (deadlocks == MAX_DEADLOCKS || !DEADLOCK_DETECTED.equals(e.getSQLState())) {
                    throw new QueueException(what, e);
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(
                        ThreadLocalRandom.current().nextInt(1, MAX_PAUSE_MS + 1)));
            }
        }
    }

    private <T> T once(String what, Work<T> work, Identity<T> identity, Ending<T> ending) throws SQLException {
        Connection connection = dataSource.getConnection();
        try (connection) {
            if (plans == Plans.BY_INDEX_IN_SESSION) {
                IndexPlans.plannedOnce(connection);
            }
            connection.setAutoCommit(false);
            T result;
            TransactionId id;
            List<RoundTrip.Part> last;
            try {
                if (plans == Plans.BY_INDEX) {
                    IndexPlans.onInTransaction(connection);
                }
                result = work.on(connection);
                id = identity.of(connection, result);
                last = ending.of(result);
                if (id != null) {
                    CommitGate.pass(dataSource);
                }
            } catch (SQLException | RuntimeException | Error e) {
                rollback(connection, e);
                throw e;
            }
            commit(connection, what, id, last);
            if (id != null) {
                Effects.changed();
            }
            connection.setAutoCommit(true);
            return result;
        }
    }

    private void commit(Connection connection, String what, @Nullable TransactionId id, List<RoundTrip.Part> last)
            throws SQLException {
        try {
            Commit.run(connection, trip, last, what, id);
        } catch (OutcomeUnknownException e) {
            if (id == null) { // The transaction changed nothing that matters.
                throw new QueueException(what, new SQLException(e.getMessage(), SqlStates.CONNECTION_FAILURE, e));
            }
            throw e;
        } catch (SQLException | RuntimeException | Error e) {
            rollback(connection, e);
            throw e;
        }
    }

    private static void rollback(Connection connection, Throwable failure) {
        try {
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }
}
