package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells other processes on the same database which queues have got something to read, and hears it from them, by
 * {@code NOTIFY} and {@code LISTEN}. Never in a transaction that writes data: a commit with a notification takes a lock on
 * the whole database. What is told within {@link #INTERVAL} goes out together.
 *
 * <p>A hint, not a promise: what is lost while the connection is down is found by polling.
 *
 * <p>One thread of its own, which owns one connection. {@link #tell} may be called by any thread and does not block.
 */
public final class WakeUps implements AutoCloseable {
    /** How long a hint may wait for others. */
    static final Duration INTERVAL = Duration.ofMillis(25);

    private static final Logger log = LoggerFactory.getLogger(WakeUps.class);
    private static final Sql NOTIFY = Sql.parse("select pg_notify( :channel , :payload )");
    private static final PGNotification[] NONE = {};
    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final String SEPARATOR = "\n";
    /** PostgreSQL takes payloads of less than 8000 bytes; a character has at most 3 here (4 take two chars). */
    private static final int MAX_PAYLOAD_CHARS = 2_600;

    private final DataSource dataSource;
    private final String channel;
    private final Consumer<String> heard;
    private final String self = UUID.randomUUID().toString();
    private final Set<String> told = new HashSet<>();
    private final Thread thread;
    private volatile boolean closed;
    private boolean failing;

    /**
     * Makes it; {@link #start} begins.
     *
     * @param schema each schema has a channel of its own
     * @param heard told each queue that another process has named, on the thread of this object
     */
    public WakeUps(DataSource dataSource, String schema, Consumer<String> heard) {
        this.dataSource = dataSource;
        this.channel = "sluice." + schema;
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
        synchronized (told) {
            queues.forEach(told::add);
        }
    }

    private void run() {
        while (!closed) {
            try (Connection connection = dataSource.getConnection()) {
                listen(connection);
                if (failing) {
                    failing = false;
                    log.info("Other processes wake our consumers again. channel={}", channel);
                }
                while (!closed) {
                    notifyOthers(connection);
                    hear(notifications(connection));
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
            }
        }
    }

    private void listen(Connection connection) throws SQLException {
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen " + statement.enquoteIdentifier(channel, true));
        }
    }

    private static PGNotification[] notifications(Connection connection) throws SQLException {
        try {
            PGNotification[] notifications =
                    connection.unwrap(PGConnection.class).getNotifications((int) INTERVAL.toMillis());
            return notifications == null ? NONE : notifications;
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

    private void notifyOthers(Connection connection) throws SQLException {
        for (String payload : payloads()) {
            try (var statement = new BoundStatement(connection, NOTIFY)
                    .set("channel", channel)
                    .set("payload", payload)) {
                statement.query().close();
            }
        }
    }

    /** Takes what is to be told, as payloads: this process, then queues, one a line. */
    private List<String> payloads() {
        List<String> queues;
        synchronized (told) {
            if (told.isEmpty()) {
                return List.of();
            }
            queues = new ArrayList<>(told);
            told.clear();
        }
        var payloads = new ArrayList<String>();
        var payload = new StringBuilder(self);
        for (String queue : queues) {
            if (payload.length() + queue.length() + 1 > MAX_PAYLOAD_CHARS) {
                payloads.add(payload.toString());
                payload = new StringBuilder(self);
            }
            payload.append(SEPARATOR).append(queue.replace(SEPARATOR, ""));
        }
        payloads.add(payload.toString());
        return payloads;
    }

    private void hear(PGNotification[] notifications) {
        for (PGNotification notification : notifications) {
            List<String> lines = notification.getParameter().lines().toList();
            if (!lines.isEmpty() && !lines.get(0).equals(self)) {
                lines.subList(1, lines.size()).forEach(this::wake);
            }
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
