package dev.sluice.bridge.postgres;

import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.WriteTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out whether the database takes writes: commits a transaction every second on a connection of its own. A
 * database may answer queries and still take no writes, because a synchronous standby is missing, because it is
 * read-only, or because its disk is full.
 *
 * <p>A commit that hangs cannot be rolled back. So the probe waits for it instead of beginning another one. If the
 * probe gives up its connection, it begins no other commit before the server has ended the first one. Otherwise it
 * would fill the server with waiting transactions.
 *
 * <p>Two threads of its own: the prober commits and may hang, the observer measures how long and tells the listener.
 * Any thread may call {@link #refusal}.
 */
public final class WriteProbe implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WriteProbe.class);

    /** Application name of the connection, which PostgreSQL shows. */
    public static final String NAME = "sluice-write-probe";

    /** Pause between two commits. */
    static final Duration INTERVAL = Duration.ofSeconds(1);

    /** If a commit takes longer, writes are refused. */
    static final Duration LONGEST_COMMIT = Duration.ofSeconds(3);

    private static final String HANGS = "the database does not confirm commits";

    private static final Duration OBSERVE_INTERVAL = Duration.ofMillis(250);

    private final DataSource connections;
    private final WriteTest test;
    private final BooleanSupplier isReachable;
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread prober = Threads.daemon("sluice-write-probe", this::probeAlways);
    private final Thread observer = Threads.daemon("sluice-write-observer", this::observeAlways);

    /** When the write in progress began; 0: no write is in progress. */
    private volatile long sinceNanos;

    /** Why the last write failed; null if it did not, or if the reason says nothing about other writes. */
    private volatile @Nullable String failure;

    private volatile @Nullable String refusal;
    /** The refusal without the name of the wait event. Only the observer uses it. */
    private @Nullable String known;
    /** Whether the listener has not heard of the last change. Only the observer uses it. */
    private boolean untold;

    private volatile Listener listener = takesWrites -> {};

    /** Gets each change, on a thread of the probe. */
    public interface Listener {
        /** The database takes no writes, or takes them again. */
        void changed(boolean takesWrites);
    }

    /**
     * Makes it; {@link #start} begins.
     *
     * @param connections opens the connection of the probe, outside the pools and with a bounded wait for each answer
     * @param isReachable whether the database answers queries; the probe pauses while it does not
     */
    public WriteProbe(DataSource connections, WriteTest test, BooleanSupplier isReachable) {
        this.connections = connections;
        this.test = test;
        this.isReachable = isReachable;
    }

    /** Begins to probe. */
    public void start(Listener changes) {
        listener = changes;
        prober.start();
        observer.start();
    }

    /** Returns why the database takes no writes now; null if it takes them, or if the probe does not know. */
    @Nullable
    public String refusal() {
        return refusal;
    }

    private void probeAlways() {
        Connection connection = null;
        try {
            do {
                connection = probeOnce(connection);
            } while (!closing.await(INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            closed(connection);
        }
    }

    /** No exception ends the probe: without it, health shows the last state for ever. */
    private @Nullable Connection probeOnce(@Nullable Connection open) {
        try {
            if (isReachable.getAsBoolean()) {
                return probe(open);
            }
            sinceNanos = 0;
            failure = null;
        } catch (RuntimeException | Error e) {
            log.error("The probe of writes failed, it tries again", e);
            sinceNanos = 0;
        }
        return closed(open);
    }

    /**
     * Probes once. If an old connection fails, probes again on a new one: the old one may be broken while the database
     * is well. Returns the connection for the next probe, or null if the next probe must open one.
     */
    private @Nullable Connection probe(@Nullable Connection open) {
        if (open == null) {
            return attempt(null);
        }
        Connection kept = attempt(open);
        return kept == null && sinceNanos == 0 ? attempt(null) : kept;
    }

    private @Nullable Connection attempt(@Nullable Connection open) {
        Connection connection = open;
        try {
            if (connection == null) {
                connection = connections.getConnection();
            }
            if ((open == null || sinceNanos != 0) && test.isCommitUnderWay(connection, NAME)) {
                began(); // An earlier commit hangs: wait until the server has ended it.
                return connection;
            }
            began();
            test.write(connection);
            sinceNanos = 0;
            failure = null;
            return connection;
        } catch (OutcomeUnknownException e) {
            log.debug("The database has not confirmed the commit of the probe", e);
        } catch (SQLException e) {
            if (open != null) {
                log.debug("The connection of the probe may be broken", e);
            } else if (WriteTest.refusesWrites(e)) {
                failure = e.getMessage();
            } else {
                log.debug("The probe of writes failed for a reason that is not about writes", e);
            }
            if (refusal == null) { // Otherwise a commit hung, and would probably hang again.
                sinceNanos = 0;
            }
        }
        return closed(connection);
    }

    private void began() {
        if (sinceNanos == 0) {
            sinceNanos = Math.max(1, System.nanoTime());
        }
    }

    private static @Nullable Connection closed(@Nullable Connection connection) {
        if (connection != null) {
            try {
                connection.close();
            } catch (SQLException e) {
                log.trace("A connection of the probe did not close", e);
            }
        }
        return null;
    }

    private void observeAlways() {
        try {
            do {
                observeOnce();
            } while (!closing.await(OBSERVE_INTERVAL.toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void observeOnce() {
        try {
            observe();
        } catch (RuntimeException | Error e) {
            log.error("The listener of the probe of writes failed, it is called again", e);
            untold = true;
        }
    }

    private void observe() {
        long since = sinceNanos;
        boolean hangs = since != 0 && System.nanoTime() - since > LONGEST_COMMIT.toNanos();
        String reason = failure;
        String now = null;
        if (hangs) {
            now = HANGS;
        } else if (reason != null) {
            now = "the database takes no writes: " + reason;
        }
        if (Objects.equals(now, known) && !untold) {
            return;
        }
        boolean changed = untold || (now == null) != (known == null);
        known = now;
        refusal = now;
        if (now == null) {
            log.info("The database takes writes again");
        } else {
            if (hangs) {
                refusal = now + waitingFor(); // A query: the refusal counts before it.
            }
            log.warn("Writes to the database are refused, pushes are kept in the local log reason={}", refusal);
        }
        if (changed) {
            listener.changed(now == null);
            untold = false;
        }
    }

    /** Asks the server what the commit waits for. Empty if it does not tell. */
    private String waitingFor() {
        try (Connection connection = connections.getConnection()) {
            String event = test.waitEvent(connection, NAME);
            if (event == null) {
                return "";
            }
            return event.equals(WriteTest.WAITS_FOR_STANDBY)
                    ? ": they wait for a synchronous standby (synchronous_standby_names)"
                    : ": they wait for " + event;
        } catch (SQLException e) {
            log.debug("The server cannot be asked what a commit waits for", e);
            return "";
        }
    }

    @Override
    public void close() {
        closing.countDown();
        prober.interrupt();
        observer.interrupt();
    }
}
