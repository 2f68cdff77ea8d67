package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * Exchanges the names of queues with new messages between the processes on one database, by {@code NOTIFY} and
 * {@code LISTEN}. Collects names and sends each once. A payload is a line that identifies the sender and a line for
 * each queue, encoded by {@link WireName}.
 *
 * <p>Any thread may add queues. The thread that owns the connection sends.
 */
final class Notifications {
    private static final Statements STATEMENTS = Statements.read("notifications.sql");

    private static final String SEPARATOR = "\n";

    /** PostgreSQL takes payloads of less than 8000 bytes. An encoded name is ASCII, so a character is a byte. */
    static final int MAX_PAYLOAD = 7_999;

    /** PostgreSQL takes names of channels of less than 64 bytes. */
    private static final int MAX_CHANNEL = 63;

    private static final String CHANNEL_PREFIX = "sluice.";

    private final String channel;
    private final String self = UUID.randomUUID().toString();
    private final Set<String> pending = new HashSet<>();

    /** Makes notifications on the channel of a schema. */
    Notifications(String schema) {
        this.channel = channelOf(schema);
    }

    /** Returns the channel of a schema. If the schema's name is too long for a channel, a hash stands for it. */
    static String channelOf(String schema) {
        String plain = CHANNEL_PREFIX + schema;
        return plain.getBytes(StandardCharsets.UTF_8).length <= MAX_CHANNEL
                ? plain
                : CHANNEL_PREFIX + UUID.nameUUIDFromBytes(schema.getBytes(StandardCharsets.UTF_8));
    }

    String channel() {
        return channel;
    }

    /** Adds queues. Leaves out a name that no queue can have. */
    void add(Iterable<String> queues) {
        synchronized (pending) {
            queues.forEach(queue -> {
                if (WireName.canBeQueue(queue)) {
                    pending.add(queue);
                }
            });
        }
    }

    boolean isEmpty() {
        synchronized (pending) {
            return pending.isEmpty();
        }
    }

    /**
     * Sends the queues that were added, and forgets them even if sending fails.
     *
     * @param connection its transaction must do nothing else, because the commit does not wait for the disk
     */
    void send(Connection connection) throws SQLException {
        for (String payload : takePayloads()) {
            STATEMENTS
                    .on(connection, "notify")
                    .set("channel", channel)
                    .set("payload", payload)
                    .run();
        }
    }

    private List<String> takePayloads() {
        List<String> queues;
        synchronized (pending) {
            if (pending.isEmpty()) {
                return List.of();
            }
            queues = new ArrayList<>(pending);
            pending.clear();
        }
        var payloads = new ArrayList<String>();
        var payload = new StringBuilder(self);
        for (String queue : queues) {
            String name = WireName.of(queue);
            if (payload.length() + SEPARATOR.length() + name.length() > MAX_PAYLOAD) {
                payloads.add(payload.toString());
                payload = new StringBuilder(self);
            }
            payload.append(SEPARATOR).append(name);
        }
        payloads.add(payload.toString());
        return payloads;
    }

    /** Makes a connection listen on the channel. */
    void listen(Connection connection) throws SQLException {
        new BoundStatement(connection, STATEMENTS.get("listen").with("channel", Statements.quoted(channel))).execute();
    }

    /** Returns the notifications that arrive within {@code wait}. */
    static List<PGNotification> receive(Connection connection, Duration wait) throws SQLException {
        try {
            PGNotification[] received = connection.unwrap(PGConnection.class).getNotifications((int) wait.toMillis());
            return received == null ? List.of() : List.of(received);
        } catch (SQLException e) {
            // The pool does not see this call fail. A statement shows the pool that the connection is broken.
            STATEMENTS.on(connection, "ping").run();
            throw e;
        }
    }

    /** Makes a connection stop listening. */
    static void stopListening(Connection connection) throws SQLException {
        STATEMENTS.on(connection, "unlisten").execute();
    }

    /** Returns the queues that another process names; none if this process sent the notification. */
    List<String> heard(PGNotification notification) {
        String[] lines = notification.getParameter().split(SEPARATOR, -1);
        if (lines[0].equals(self)) {
            return List.of();
        }
        return Arrays.stream(lines).skip(1).map(WireName::read).toList();
    }
}
