package dev.sluice.bridge.api.manage;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.sql.SchemaCopy;
import dev.sluice.queue.sql.SchemaCopy.RefusedException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies everything into another database, one time after another. Where it goes to is known to its thread only: no log
 * and no answer tells more than host, database and schema. Any thread may ask how far it is.
 */
final class MigrationJob implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(MigrationJob.class);
    private static final int CLOSE_MILLIS = 5000;

    private final DataSource source;
    private final String schema;

    private State state = State.IDLE;
    private String step = "";
    private @Nullable String error;
    private long rows;
    private long bytes;
    private long startedNanos;
    private long endedNanos;
    private @Nullable Thread thread;
    private @Nullable Connection running;

    /** How it is. */
    enum State {
        IDLE,
        DUMPING,
        RESTORING,
        COMPLETE,
        ERROR;

        boolean isRunning() {
            return this == DUMPING || this == RESTORING;
        }
    }

    /**
     * How far it is.
     *
     * @param step what it does, for people; empty when idle
     * @param elapsed since it began, or from its begin to its end
     * @param error why it ended, or null
     * @param rows rows in the target, once it is complete
     * @param bytes bytes that went over
     */
    record Status(
            State state,
            String step,
            Duration elapsed,
            @Nullable String error,
            long rows,
            long bytes) {}

    /**
     * What is asked for.
     *
     * @param schema name in the target
     * @param replace name of the schema that may be deleted there; empty: none
     * @param leftOut names of {@link SchemaCopy#optional}
     */
    record Order(MigrationTarget target, String schema, String replace, Set<String> leftOut) {}

    /** Makes a job that is idle. */
    MigrationJob(DataSource source, String schema) {
        this.source = source;
        this.schema = schema;
    }

    /** Returns how far it is. */
    synchronized Status status() {
        long until = state.isRunning() ? System.nanoTime() : endedNanos;
        return new Status(state, step, Duration.ofNanos(until - startedNanos), error, rows, bytes);
    }

    /** Forgets how the last one went. Returns false while one runs. */
    synchronized boolean reset() {
        if (state.isRunning()) {
            return false;
        }
        forget(State.IDLE);
        return true;
    }

    private void forget(State next) {
        state = next;
        step = "";
        error = null;
        rows = 0;
        bytes = 0;
        startedNanos = System.nanoTime();
        endedNanos = startedNanos;
    }

    /**
     * Starts. Blocks until it is known that the target may be written.
     *
     * @return false if one runs already
     * @throws RefusedException if the target may not be written; nothing has changed there
     * @throws SQLException if one of the databases fails
     */
    boolean start(Order order) throws RefusedException, SQLException {
        synchronized (this) {
            if (state.isRunning()) {
                return false;
            }
            forget(State.DUMPING);
            step = "connecting";
        }
        Connection from = null;
        Connection to = null;
        boolean started = false;
        try {
            from = source.getConnection();
            to = order.target().connect();
            var copy = new SchemaCopy(from, schema, to, order.schema());
            copy.prepare(order.replace());
            launch(order, copy, from, to);
            started = true;
        } finally {
            if (!started) {
                close(from);
                close(to);
                synchronized (this) {
                    forget(State.IDLE);
                }
            }
        }
        return true;
    }

    private synchronized void launch(Order order, SchemaCopy copy, Connection from, Connection to) {
        running = to;
        state = State.RESTORING;
        Thread worker = Threads.daemon("sluice-migration", () -> run(order, copy, from, to));
        thread = worker;
        worker.start();
    }

    private void run(Order order, SchemaCopy copy, Connection from, Connection to) {
        log.info("A migration has begun. target={} schema={}", order.target(), order.schema());
        String failure = null;
        long copied = 0;
        try {
            from.setNetworkTimeout(Runnable::run, MigrationTarget.SILENCE_MILLIS);
            for (long table : copy.run(order.leftOut(), new Watch()).values()) {
                copied += table;
            }
            log.info("A migration is complete. target={} schema={} rows={}", order.target(), order.schema(), copied);
        } catch (SQLException | RuntimeException e) {
            failure = e.getMessage() == null ? e.toString() : e.getMessage();
            log.warn(
                    "A migration has failed; unless its last step was committed, its target is as it was. target={} error={}",
                    order.target(),
                    failure);
        } finally {
            close(from);
            close(to);
        }
        synchronized (this) {
            running = null;
            rows = copied;
            error = failure;
            state = failure == null ? State.COMPLETE : State.ERROR;
            step = failure == null ? "complete" : step;
            endedNanos = System.nanoTime();
        }
    }

    private final class Watch implements SchemaCopy.Progress {
        @Override
        public void table(String name, int number, int count) {
            synchronized (MigrationJob.this) {
                step = "copying " + name + ", " + number + " of " + count;
            }
        }

        @Override
        public void copied(long more) {
            synchronized (MigrationJob.this) {
                bytes += more;
            }
        }
    }

    /** Ends what runs: its target stays as it was. */
    @Override
    public void close() {
        Connection connection;
        Thread worker;
        synchronized (this) {
            connection = running;
            worker = thread;
        }
        if (connection != null) {
            try {
                connection.abort(Runnable::run);
            } catch (SQLException e) {
                log.debug("A connection could not be aborted", e);
            }
        }
        if (worker != null) {
            try {
                worker.join(CLOSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    static void close(@Nullable Connection connection) {
        if (connection == null) {
            return;
        }
        try (connection) {
            if (!connection.getAutoCommit()) {
                connection.rollback();
            }
        } catch (SQLException e) {
            log.debug("A connection could not be closed", e);
        }
    }
}
