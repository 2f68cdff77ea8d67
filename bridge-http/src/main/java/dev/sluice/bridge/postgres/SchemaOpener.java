package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.QueueException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the schema of the queue at the start, or as soon as the server answers. Until then the service takes pushes
 * into the local log. One thread of its own, only while the schema is not open.
 */
public final class SchemaOpener implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(SchemaOpener.class);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

    private final Database database;
    private final String schema;
    private final boolean apply;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread = Threads.daemon("sluice-schema", this::keepOpening);
    private volatile boolean ready;

    /**
     * Makes it; {@link #open} begins.
     *
     * @param apply whether to create and upgrade the schema
     */
    public SchemaOpener(Database database, String schema, boolean apply) {
        this.database = database;
        this.schema = schema;
        this.apply = apply;
    }

    /**
     * Opens the schema, or begins to try again if the server cannot be reached.
     *
     * @throws StartException if the schema cannot be used, and a retry would not change that
     */
    public void open() throws StartException {
        try {
            database.open(schema, apply);
            ready = true;
        } catch (QueueException e) {
            log.warn(
                    "The schema cannot be opened yet, pushes stay in the local log url={} schema={} reason={}",
                    database.address(),
                    schema,
                    e.getMessage());
            thread.start();
        }
    }

    /** Returns whether the schema is open. */
    public boolean isReady() {
        return ready;
    }

    private void keepOpening() {
        Duration pause = FIRST_PAUSE;
        String lastError = "";
        try {
            while (!ready && !closed.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
                lastError = tryToOpen(lastError);
                Duration longer = pause.multipliedBy(2);
                pause = longer.compareTo(LONGEST_PAUSE) < 0 ? longer : LONGEST_PAUSE;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tries once. Returns the error; logs it if it is another than the last one. */
    private String tryToOpen(String lastError) {
        try {
            database.open(schema, apply);
            ready = true;
            log.info("The schema is open schema={}", schema);
            return "";
        } catch (StartException e) {
            String error = String.valueOf(e.getMessage());
            if (!error.equals(lastError)) {
                log.error("The database cannot be used until someone mends it schema={} reason={}", schema, error);
            }
            return error;
        } catch (QueueException e) {
            String error = String.valueOf(e.getMessage());
            if (!error.equals(lastError)) {
                log.warn("The schema still cannot be opened, trying again schema={} reason={}", schema, error);
            }
            return error;
        } catch (RuntimeException | Error e) {
            log.error("The schema cannot be opened, trying again schema={}", schema, e);
            return lastError;
        }
    }

    /** Stops trying. */
    @Override
    public void close() {
        closed.countDown();
        thread.interrupt();
    }
}
