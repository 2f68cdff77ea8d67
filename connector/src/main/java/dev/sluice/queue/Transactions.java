package dev.sluice.queue;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Runs work in transactions on connections of a pool; a transaction commits when its work returns. One that PostgreSQL
 * rolled back because of a deadlock is run again after a short random pause, so that the other one, whom the rollback
 * lets go on, is not met a second time.
 */
final class Transactions {
    /** Times a transaction is run again after a deadlock. */
    static final int MAX_DEADLOCKS = 3;

    /** Longest pause before a transaction is run again, in milliseconds. */
    private static final int MAX_PAUSE_MS = 50;

    private static final String DEADLOCK_DETECTED = "40P01";

    private final DataSource dataSource;
    private final Plans plans;

    /** Which plans the server may choose for the work. */
    private enum Plans {
        ANY,
        BY_INDEX,
        BY_INDEX_IN_SESSION
    }

    Transactions(DataSource dataSource) {
        this(dataSource, Plans.ANY);
    }

    private Transactions(DataSource dataSource, Plans plans) {
        this.dataSource = dataSource;
        this.plans = plans;
    }

    /** For work on rows that it names: the settings of {@link IndexPlans} hold in each transaction. */
    static Transactions byIndex(DataSource dataSource) {
        return new Transactions(dataSource, Plans.BY_INDEX);
    }

    /**
     * The same, and the settings stay on each connection: no round trip more. For a pool that serves nothing but work on rows that
     * it names.
     */
    static Transactions byIndexInSession(DataSource dataSource) {
        return new Transactions(dataSource, Plans.BY_INDEX_IN_SESSION);
    }

    /** What is done in a transaction. */
    interface Work<T> {
        T on(Connection connection) throws SQLException;
    }

    /**
     * Runs the work and commits. The work may run more than once, each time on a transaction of its own.
     *
     * @param what what could not be done, should it fail: the start of the message
     * @throws QueueException if PostgreSQL failed; rolled back, unless it failed while committing
     */
    <T> T run(String what, Work<T> work) {
        for (int deadlocks = 0; true; deadlocks++) {
            try {
                return once(work);
            } catch (SQLException e) {
                if (deadlocks == MAX_DEADLOCKS || !DEADLOCK_DETECTED.equals(e.getSQLState())) {
                    throw new QueueException(what, e);
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(
                        ThreadLocalRandom.current().nextInt(1, MAX_PAUSE_MS + 1)));
            }
        }
    }

    private <T> T once(Work<T> work) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            if (plans == Plans.BY_INDEX_IN_SESSION) {
                IndexPlans.on(connection);
            }
            connection.setAutoCommit(false);
            boolean committed = false;
            try {
                if (plans == Plans.BY_INDEX) {
                    IndexPlans.onInTransaction(connection);
                }
                T result = work.on(connection);
                connection.commit();
                committed = true;
                return result;
            } finally {
                if (!committed) {
                    connection.rollback();
                }
                connection.setAutoCommit(true);
            }
        }
    }
}
