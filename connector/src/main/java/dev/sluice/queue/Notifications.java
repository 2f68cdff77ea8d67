package dev.sluice.queue;

import dev.sluice.queue.Statements.Sql;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.postgresql.PGNotification;

/**
 * What a process tells others on the same database by {@code NOTIFY}: names of queues that have got something to read. Collected
 * here until they are sent, each once. A payload is one line that says whose it is, then queues, one a line.
 *
 * <p>Any thread may add; who has the connection sends.
 */
final class Notifications {
    /** Without waiting for the disk at the commit: who listens at a crash of the server must look again anyway. */
    private static final Sql NOTIFY =
            Sql.parse("select set_config('synchronous_commit', 'off', true), pg_notify( :channel , :payload )");

    private static final String SEPARATOR = "\n";
    /** PostgreSQL takes payloads of less than 8000 bytes; a character has at most 3 here (4 take two chars). */
    private static final int MAX_PAYLOAD_CHARS = 2_600;

    private final String channel;
    private final String self = UUID.randomUUID().toString();
    private final Set<String> told = new HashSet<>();

    /**
     * Makes it.
     *
     * @param schema each schema has a channel of its own
     */
    Notifications(String schema) {
        this.channel = "sluice." + schema;
    }

    String channel() {
        return channel;
    }

    void add(Iterable<String> queues) {
        synchronized (told) {
            queues.forEach(told::add);
        }
    }

    boolean isEmpty() {
        synchronized (told) {
            return told.isEmpty();
        }
    }

    /**
     * Sends what was added, and forgets it; what cannot be sent is not sent again.
     *
     * @param connection with nothing else in its transaction: the commit does not wait for the disk
     */
    void send(Connection connection) throws SQLException {
        for (String payload : takePayloads()) {
            try (var statement = new BoundStatement(connection, NOTIFY)
                    .set("channel", channel)
                    .set("payload", payload)) {
                statement.query().close();
            }
        }
    }

    private List<String> takePayloads() {
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

    /** Returns the queues that somebody else has named; none if it was sent here. */
    List<String> heard(PGNotification notification) {
        List<String> lines = notification.getParameter().lines().toList();
        return lines.isEmpty() || lines.get(0).equals(self) ? List.of() : lines.subList(1, lines.size());
    }
}
