package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.SessionFailures;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the database every second whether it can be used. The watch has a connection of its own, because a wait for a
 * pool is not an outage. If the question fails on an old connection, the watch asks again on a new one: the old
 * connection may be broken, or lead to a server that has become read-only, while the database is well.
 *
 * <p>One thread of its own. {@link #look} and the getters may be called by any thread.
 */
final class DatabaseWatch implements AutoCloseable {
    /** The question of the watch: can the database be used? */
    public interface Probe {
        /** Returns if the database can be used. Otherwise throws the exception of the server or the driver. */
        void ask(Connection connection) throws SQLException;
    }

    /** Gets the findings of the watch, on its thread. */
    public interface Listener {
        /** The database can be used again after an outage, or only over a new connection. */
        void answersAgain();

        /** The database can be used. Called after each good answer, and after {@link #answersAgain}. */
        void answered(Connection connection) throws SQLException;

        /** The database refuses a connection to the watch, because others have all connections. */
        void refused(SQLException reason);
    }

    private static final Logger log = LoggerFactory.getLogger(DatabaseWatch.class);
    private static final Duration INTERVAL = Duration.ofSeconds(1);

    private final DataSource connections;
    private final Probe probe;
    private final Listener listener;
    private final Semaphore asked = new Semaphore(0);
    private final Thread thread;
    private volatile boolean connected;
    private volatile boolean closing;
    private volatile boolean renewing;
    private volatile @Nullable String lastError;
    /** The connection of the watch. Only its thread uses it. */
    private @Nullable Connection own;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param connections opens its connection, outside the pools
     */
    public DatabaseWatch(DataSource connections, Probe probe, Listener listener) {
        this.connections = connections;
        this.probe = probe;
        this.listener = listener;
        this.thread = Threads.daemon("sluice-database", this::run);
    }

    /** Begins to watch a database that was just used with success. Does nothing the second time. */
    public synchronized void start() {
        if (!thread.isAlive()) {
            connected = true;
            thread.start();
        }
    }

    /** Makes the watch ask now. */
    void look() {
        asked.release();
    }

    /** Makes the watch ask now, on a new connection. */
    void lookAgain() {
        renewing = true;
        asked.release();
    }

    /** Returns whether the last answer was good. */
    public boolean isConnected() {
        return connected;
    }

    /** Returns why the last answer was not good; null if it was. */
    @Nullable
    String lastError() {
        return lastError;
    }

    private void run() {
        try {
            while (!closing) {
                askSafely();
                boolean early = asked.tryAcquire(INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
                log.trace("The watch asks the database early={}", early);
                asked.drainPermits();
            }
        } catch (InterruptedException e) {
            log.debug("The watch of the database has ended");
        } finally {
            closeOwn();
        }
    }

    /** No exception ends the watch: without it no pool is renewed, and health shows the last state for ever. */
    private void askSafely() {
        try {
            askAndTell();
        } catch (RuntimeException | Error e) {
            log.error("The watch of the database failed, it asks again", e);
            lastError = SessionFailures.reason(e);
            connected = false; // So that the listener hears of the next good answer as of a first one.
            closeOwn();
        }
    }

    private void askAndTell() {
        if (renewing) {
            renewing = false;
            closeOwn();
        }
        SQLException failure = ask();
        if (closing) {
            return;
        }
        if (failure == null) {
            succeeded();
        } else {
            failed(failure);
        }
    }

    private @Nullable SQLException ask() {
        boolean isOld = own != null;
        SQLException failure = askOnce();
        if (failure == null || !isOld || closing) {
            return failure;
        }
        SQLException second = askOnce();
        if (second == null && connected) {
            log.info(
                    "The connection of the database watch was broken, a new one works reason={}",
                    SessionFailures.reason(failure));
            listener.answersAgain(); // The connections of the pools are as old.
        }
        return second;
    }

    private @Nullable SQLException askOnce() {
        try {
            Connection connection = own;
            if (connection == null) {
                connection = connections.getConnection();
                own = connection;
            }
            probe.ask(connection);
            return null;
        } catch (SQLException e) {
            closeOwn();
            return e;
        }
    }

    private void succeeded() {
        if (!connected) {
            log.info("The database answers again");
            lastError = null;
            connected = true;
            listener.answersAgain();
        }
        try {
            Connection connection = own;
            if (connection != null) {
                listener.answered(connection);
            }
        } catch (SQLException e) {
            log.debug("The connection of the database watch broke after a good answer", e);
            closeOwn();
        } catch (RuntimeException e) {
            log.error("The pools could not be renewed, the next answer tries again", e);
        }
    }

    private void failed(SQLException failure) {
        String reason = SessionFailures.reason(failure);
        if (SessionFailures.TOO_MANY_CONNECTIONS.equals(failure.getSQLState())) {
            listener.refused(failure); // The server is up: the pools may have connections that work.
            return;
        }
        boolean isNew = connected || !reason.equals(lastError);
        lastError = reason;
        if (connected) {
            connected = false;
            log.warn(
                    "The database cannot be used, pushes are kept in the local log sqlState={} reason={}",
                    failure.getSQLState(),
                    reason);
        } else if (isNew) {
            log.info("The database still cannot be used sqlState={} reason={}", failure.getSQLState(), reason);
        }
    }

    private void closeOwn() {
        Connection connection = own;
        own = null;
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException e) {
                log.trace("A broken connection did not close", e);
            }
        }
    }

    @Override
    public void close() {
        closing = true;
        thread.interrupt();
    }
}
