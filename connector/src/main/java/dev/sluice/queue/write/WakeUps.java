package dev.sluice.queue.write;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Exchanges wake-ups with the other processes on the same database: tells them which queues have new messages, and
 * hears it from them, by {@code NOTIFY} and {@code LISTEN}. Queues that are told within {@link #INTERVAL} go out
 * together. Notifications have transactions of their own, because a commit with a notification takes a lock on the
 * whole database.
 *
 * <p>A wake-up is a hint. If one is lost while the connection is down, consumers find the messages by polling.
 *
 * <p>Has one thread, which owns one connection. Any thread may call {@link #tell}, which does not block. A caller that
 * has a connection sends the first wake-up itself, by {@link #sendFirst}, so it does not wait for the thread.
 */
public final class WakeUps implements AutoCloseable {
    /** How long a wake-up may wait for others. */
    static final Duration INTERVAL = Duration.ofMillis(25);

    private static final Logger log = LoggerFactory.getLogger(WakeUps.class);
    private static final Duration RETRY = Duration.ofSeconds(1);

    private final DataSource dataSource;
    private final Notifications notifications;
    private final Consumer<String> heard;
    private final Thread thread;
    private volatile boolean closed;
    private volatile boolean renewing;
    private boolean failing;
    private long sentNanos = System.nanoTime() - INTERVAL.toNanos();

    /**
     * Makes wake-ups that {@link #start} starts.
     *
     * @param schema each schema has a channel of its own
     * @param heard gets each queue that another process names, on the thread of this object
     */
    public WakeUps(DataSource dataSource, String schema, Consumer<String> heard) {
        this.dataSource = dataSource;
        this.notifications = new Notifications(schema);
        this.heard = heard;
        this.thread = new Thread(this::run, "sluice-wake-ups");
        this.thread.setDaemon(true);
    }

    /** Starts the thread. */
    public void start() {
        thread.start();
    }

    /** Tells the other processes that these queues have new messages. */
    public void tell(Iterable<String> queues) {
        notifications.add(queues);
    }

    /**
     * Sends what was told in a transaction of a session, if nothing was sent within {@link #INTERVAL}. Otherwise, or if
     * that fails, the thread of this object sends what is told. Owned by the thread that owns the session.
     */
    public void sendFirst(WriterSession session) {
        long now = System.nanoTime();
        if (notifications.isEmpty() || now - sentNanos < INTERVAL.toNanos()) {
            return;
        }
        sentNanos = now;
        try {
            boolean unused = session.run("could not wake consumers", transaction -> {
                notifications.send(transaction.connection());
                return Ending.commit(true);
            });
        } catch (RuntimeException e) { // What the caller has written stays written.
            log.debug("Other processes find new messages by polling reason={}", e.getMessage());
        }
    }

    /**
     * Gives the connection back and listens on another one. The server may have become a standby, which a session that
     * only listens does not notice. Any thread may call this method.
     */
    public void renew() {
        renewing = true;
    }

    private void run() {
        while (!closed) {
            renewing = false;
            try (Connection connection = dataSource.getConnection()) {
                connection.setAutoCommit(true);
                notifications.listen(connection);
                if (failing) {
                    failing = false;
                    log.info("Other processes wake our consumers again channel={}", notifications.channel());
                }
                while (!closed && !renewing) {
                    notifications.send(connection);
                    for (PGNotification received : Notifications.receive(connection, INTERVAL)) {
                        notifications.heard(received).forEach(this::wake);
                    }
                }
                Notifications.stopListening(connection);
            } catch (SQLException e) {
                if (!failing && !closed) {
                    failing = true;
                    log.warn(
                            "Other processes do not wake our consumers until the database answers; waiting pops poll reason={}",
                            e.getMessage());
                }
                pause();
            } catch (RuntimeException | Error e) { // The thread must not die: it would never listen again.
                log.error("Could not listen to other processes, trying again", e);
                pause();
            }
        }
    }

    private void wake(String queue) {
        try {
            heard.accept(queue);
        } catch (RuntimeException e) {
            log.error("Could not wake the consumers of a queue queue={}", queue, e);
        }
    }

    private void pause() {
        try {
            Thread.sleep(RETRY.toMillis());
        } catch (InterruptedException e) {
            closed = true;
        }
    }

    /** Stops listening, and waits a moment for the thread. */
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
