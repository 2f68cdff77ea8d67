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
 * Copies everything into another database, one copy at a time. Only its thread knows the credentials of the target:
 * logs and answers name host, database and schema only. Any thread may ask for the progress.
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

    /** The state of the job. */
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
     * The progress of the job.
     *
     * @param step the current step, for people; empty when idle
     * @param elapsed time since the start, or from the start to the end
     * @param error why it failed, or null
     * @param rows rows in the target, once the copy is complete
     * @param bytes bytes that were sent
     */
    record Status(
            State state,
            String step,
            Duration elapsed,
            @Nullable String error,
            long rows,
            long bytes) {}

    /**
     * The request for a copy.
     *
     * @param schema name in the target
     * @param replace name of the schema that may be deleted there; empty for none
     * @param leftOut names of {@link SchemaCopy#optional}
     */
    record Order(MigrationTarget target, String schema, String replace, Set<String> leftOut) {}

    /** Makes an idle job. */
    MigrationJob(DataSource source, String schema) {
        this.source = source;
        this.schema = schema;
    }

    /** Returns the progress. */
    synchronized Status status() {
        long until = state.isRunning() ? System.nanoTime() : endedNanos;
        return new Status(state, step, Duration.ofNanos(until - startedNanos), error, rows, bytes);
    }

    /** Clears the state of the last copy. Returns false while a copy runs. */
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
     * Starts a copy. Blocks until the target has been checked.
     *
     * @return false if a copy runs already
     * @throws RefusedException if the target must not be written; it is unchanged
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
        log.info("Copying into another database started target={} schema={}", order.target(), order.schema());
        String failure = null;
        long copied = 0;
        try {
            from.setNetworkTimeout(Runnable::run, MigrationTarget.SILENCE_MILLIS);
            for (long table : copy.run(order.leftOut(), new Watch()).values()) {
                copied += table;
            }
            log.info(
                    "Copying into another database completed target={} schema={} rows={}",
                    order.target(),
                    order.schema(),
                    copied);
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

    /** Ends a running copy. Its target stays unchanged. */
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
