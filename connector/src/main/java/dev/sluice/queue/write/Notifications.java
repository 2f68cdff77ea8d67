package dev.sluice.queue.write;

import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements.Sql;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.postgresql.PGNotification;

/**
 * What a process tells others on the same database by {@code NOTIFY}: names of queues that have got something to read.
 * Collected here until they are sent, each once. A payload is one line that says whose it is, then queues, one a line,
 * each as {@link WireName} writes it.
 *
 * <p>Any thread may add; who has the connection sends.
 */
final class Notifications {
    /** Without waiting for the disk at the commit: who listens at a crash of the server must look again anyway. */
    private static final Sql NOTIFY =
            Sql.parse("select set_config('synchronous_commit', 'off', true), pg_notify( :channel , :payload )");

    private static final String SEPARATOR = "\n";

    /** PostgreSQL takes payloads of less than 8000 bytes. A wire name is ASCII, so a character is a byte. */
    static final int MAX_PAYLOAD = 7_999;

    /** PostgreSQL takes names of channels of less than 64 bytes. */
    private static final int MAX_CHANNEL = 63;

    private static final String CHANNEL_PREFIX = "sluice.";

    private final String channel;
    private final String self = UUID.randomUUID().toString();
    private final Set<String> told = new HashSet<>();

    /**
     * Makes it.
     *
     * @param schema each schema has a channel of its own
     */
    Notifications(String schema) {
        this.channel = channelOf(schema);
    }

    /** Returns the channel of a schema. A schema whose name is too long for a channel is named by a hash. */
    static String channelOf(String schema) {
        String plain = CHANNEL_PREFIX + schema;
        return plain.getBytes(StandardCharsets.UTF_8).length <= MAX_CHANNEL
                ? plain
                : CHANNEL_PREFIX + UUID.nameUUIDFromBytes(schema.getBytes(StandardCharsets.UTF_8));
    }

    String channel() {
        return channel;
    }

    /** Adds queues. Leaves out a name that no queue can have: no consumer waits for it. */
    void add(Iterable<String> queues) {
        synchronized (told) {
            queues.forEach(queue -> {
                if (WireName.canBeQueue(queue)) {
                    told.add(queue);
                }
            });
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

    /** Returns the queues that somebody else has named; none if it was sent here. */
    List<String> heard(PGNotification notification) {
        String[] lines = notification.getParameter().split(SEPARATOR, -1);
        if (lines[0].equals(self)) {
            return List.of();
        }
        return Arrays.stream(lines).skip(1).map(WireName::read).toList();
    }
}
