package dev.sluice.bridge.postgres;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fits the pools into the connections that the limits of role, database and server leave beside the drain's. The drain
 * comes first. {@link #refused} may be called by any thread; everything else belongs to the thread that opens the
 * database, and then to the watch.
 */
final class ConnectionBudget {
    private static final Logger log = LoggerFactory.getLogger(ConnectionBudget.class);

    /**
     * One each for the watch, the probe of writes and housekeeping. One is spare: for copies, and for a lane that
     * checks the schema on two connections.
     */
    private static final int OTHER_CONNECTIONS = 4;

    /** Shortest time between two readings of the limits. */
    private static final Duration SHORTEST_INTERVAL = Duration.ofSeconds(1);

    /** Time after which smaller pools may grow. */
    private static final Duration GROWTH_INTERVAL = Duration.ofSeconds(60);

    private static final Duration REPORT_INTERVAL = Duration.ofSeconds(60);

    private final Pools pools;
    private final PoolSizes wanted;
    private final int drainConnections;
    private volatile PoolSizes sizes = PoolSizes.least();
    private volatile boolean isSuspect;
    private long readNanos;
    private long refusalReportedNanos = System.nanoTime() - REPORT_INTERVAL.toNanos();
    private String reported = "";

    /**
     * Makes it.
     *
     * @param wanted configured sizes of the pools
     * @param drainConnections connections that the drain opens itself
     */
    ConnectionBudget(Pools pools, PoolSizes wanted, int drainConnections) {
        this.pools = pools;
        this.wanted = wanted;
        this.drainConnections = drainConnections;
    }

    /** Reads the limits and fits the pools into them, before the drain has connections. */
    void fitAtStart(Connection connection) throws SQLException {
        fit(connection, pools.open() + 1);
    }

    /** Does so again, if connections were refused or smaller pools may have room to grow. */
    void fitAgain(Connection connection) throws SQLException {
        long sinceRead = System.nanoTime() - readNanos;
        boolean mayGrow = !sizes.equals(wanted) && sinceRead > GROWTH_INTERVAL.toNanos();
        if (mayGrow || (isSuspect && sinceRead > SHORTEST_INTERVAL.toNanos())) {
            fit(connection, pools.open() + drainConnections + 1);
        }
    }

    /** Gives one of the open connections to the watch, which can read the limits then. */
    void makeRoomForTheWatch() {
        resize(sizes.within(pools.open() - 1));
    }

    /**
     * PostgreSQL has refused a connection.
     *
     * @param to what got none
     * @return whether the limits are to be read now; false if that is under way
     */
    synchronized boolean refused(String to, String reason) {
        if (isSuspect) {
            return false;
        }
        isSuspect = true;
        long now = System.nanoTime();
        if (now - refusalReportedNanos > REPORT_INTERVAL.toNanos()) {
            refusalReportedNanos = now;
            log.warn(
                    "PostgreSQL refused a connection, so the pools make room for the drain; raise the limit, or set"
                            + " fewer connections for={} wanted={} reason={}",
                    to,
                    wanted.total() + reserved(),
                    reason);
        }
        return true;
    }

    /** Fits the pools into the limits. {@code ours}: how many connections we have now. */
    private void fit(Connection connection, int ours) throws SQLException {
        isSuspect = false;
        readNanos = System.nanoTime();
        ConnectionLimit limit = ConnectionLimit.read(connection, ours);
        report(limit);
        resize(wanted.within(limit.room() - reserved()));
    }

    private void resize(PoolSizes now) {
        sizes = now;
        pools.resize(now);
    }

    /** Returns the connections that are not the pools'. */
    private int reserved() {
        return drainConnections + OTHER_CONNECTIONS;
    }

    private void report(ConnectionLimit limit) {
        int all = wanted.total() + reserved();
        int least = wanted.leastTotal() + reserved();
        String now = limit.room() >= all ? "" : limit.what() + " " + limit.room();
        if (now.equals(reported)) {
            return;
        }
        reported = now;
        if (limit.room() >= all) {
            log.info("PostgreSQL allows as many connections as are wanted wanted={}", all);
        } else if (limit.room() >= least) {
            log.warn(
                    "PostgreSQL allows fewer connections than are wanted; the pools are smaller and the drain comes"
                            + " first; raise the limit, or set fewer connections wanted={} least={} allowed={}"
                            + " limit={}",
                    all,
                    least,
                    limit.room(),
                    limit.what());
        } else {
            log.error(
                    "PostgreSQL allows fewer connections than are needed; requests and the drain will fail; raise the"
                            + " limit wanted={} least={} allowed={} limit={}",
                    all,
                    least,
                    limit.room(),
                    limit.what());
        }
    }
}
