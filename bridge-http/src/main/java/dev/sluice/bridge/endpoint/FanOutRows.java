package dev.sluice.bridge.endpoint;

import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The groups of endpoints on the queues that they read. Safe for use by many threads. */
final class FanOutRows {
    private final Statements statements;

    FanOutRows(String schema) {
        this.statements = Statements.read(FanOutRows.class, "fan_out.sql", schema);
    }

    /**
     * A queue, and the groups of endpoints that are registered on it.
     *
     * @param groups their names
     */
    record QueueGroups(String queue, List<String> groups) {}

    /**
     * A group that may have something to read.
     *
     * @param encrypted whether payloads of the queue are stored encrypted
     */
    record Ready(String group, String queue, boolean encrypted) {
        String endpoint() {
            return EndpointNames.ofType(group);
        }
    }

    List<QueueGroups> queues(Connection connection) throws SQLException {
        return statements
                .on(connection, "queues")
                .list(row -> new QueueGroups(row.getString("queue"), List.of((String[])
                        row.getArray("groups").getArray())));
    }

    /** Returns where groups may have something to read. */
    List<Ready> ready(Connection connection, Collection<String> groups) throws SQLException {
        return statements
                .on(connection, "ready")
                .setTexts("groups", groups, group -> group)
                .list(row ->
                        new Ready(row.getString("group_name"), row.getString("queue"), row.getBoolean("encrypted")));
    }

    /** Returns how many works wait in queues, by queue; a queue that is missing has none. */
    Map<String, Long> waiting(Connection connection, Collection<String> queues) throws SQLException {
        var waiting = new HashMap<String, Long>();
        statements
                .on(connection, "waiting")
                .setTexts("queues", queues, queue -> queue)
                .forEach(row -> waiting.put(row.getString("queue"), row.getLong("waiting")));
        return waiting;
    }

    /** Returns how many messages a group has not read, by queue. */
    Map<String, Long> lag(Connection connection, String group) throws SQLException {
        var lag = new LinkedHashMap<String, Long>();
        statements
                .on(connection, "lag")
                .set("group", group)
                .forEach(row -> lag.put(row.getString("queue"), row.getLong("messages")));
        return lag;
    }
}
