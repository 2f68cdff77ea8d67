package dev.sluice.queue.write;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells other processes on the same database which queues have got something to read, and hears it from them, by
 * {@code NOTIFY} and {@code LISTEN}. Never in a transaction that writes data: a commit with a notification takes a lock
 * on the whole database. What is told within {@link #INTERVAL} goes out together.
 *
 * <p>A hint, not a promise: what is lost while the connection is down is found by polling.
 *
 * <p>One thread of its own, which owns one connection. {@link #tell} may be called by any thread and does not block.
 */
public final class WakeUps implements AutoCloseable {
    /** How long a hint may wait for others. */
    static final Duration INTERVAL = Duration.ofMillis(25);

    private static final Logger log = LoggerFactory.getLogger(WakeUps.class);
    private static final PGNotification[] NONE = {};
    private static final Duration RETRY = Duration.ofSeconds(1);

    private final DataSource dataSource;
    private final Notifications notifications;
    private final Consumer<String> heard;
    private final Thread thread;
    private volatile boolean closed;
    private volatile boolean renewing;
    private boolean failing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param schema each schema has a channel of its own
     * @param heard told each queue that another process has named, on the thread of this object
     */
    public WakeUps(DataSource dataSource, String schema, Consumer<String> heard) {
        this.dataSource = dataSource;
        this.notifications = new Notifications(schema);
        this.heard = heard;
        this.thread = new Thread(this::run, "sluice-wake-ups");
        this.thread.setDaemon(true);
    }

    /** Begins to listen. */
    public void start() {
        thread.start();
    }

    /** Tells the others that these queues have got something to read. */
    public void tell(Iterable<String> queues) {
        notifications.add(queues);
    }

    /**
     * Makes it give its connection back and listen on another one. Its server may be a standby by now, and a session
     * that only listens would never notice. Any thread may call.
     */
    public void renew() {
        renewing = true;
    }

    private void run() {
        while (!closed) {
            renewing = false;
            try (Connection connection = dataSource.getConnection()) {
                listen(connection);
                if (failing) {
                    failing = false;
                    log.info("Other processes wake our consumers again. channel={}", notifications.channel());
                }
                while (!closed && !renewing) {
                    notifications.send(connection);
                    hear(received(connection));
                }
                stopListening(connection);
            } catch (SQLException e) {
                if (!failing && !closed) {
                    failing = true;
                    log.warn(
                            "Until the database answers, other processes do not wake our consumers: {}",
                            e.getMessage());
                }
                pause();
            } catch (RuntimeException | Error e) { // Without the thread, no other process wakes our consumers any more.
                log.error("Other processes could not be listened to, it is tried again", e);
                pause();
            }
        }
    }

    private void listen(Connection connection) throws SQLException {
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen " + statement.enquoteIdentifier(notifications.channel(), true));
        }
    }

    private static PGNotification[] received(Connection connection) throws SQLException {
        try {
            PGNotification[] received =
                    connection.unwrap(PGConnection.class).getNotifications((int) INTERVAL.toMillis());
            return received == null ? NONE : received;
        } catch (SQLException e) {
            // The pool has not seen this call fail. A statement shows it that the connection is broken.
            try (Statement statement = connection.createStatement()) {
                statement.execute("select 1");
            }
            throw e;
        }
    }

    private static void stopListening(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("unlisten *");
        }
    }

    private void hear(PGNotification[] received) {
        for (PGNotification notification : received) {
            notifications.heard(notification).forEach(this::wake);
        }
    }

    private void wake(String queue) {
        try {
            heard.accept(queue);
        } catch (RuntimeException e) {
            log.error("A consumer could not be woken. queue={}", queue, e);
        }
    }

    private void pause() {
        try {
            Thread.sleep(RETRY.toMillis());
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    /** Stops listening; waits a moment for the thread. */
    @Override
    public void close() {
        closed = true;
        try {
            thread.join(RETRY.toMillis());
            thread.interrupt();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
