package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.StoredOffsets;
import java.sql.ResultSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/**
 * How many partitions the topics of a source have, as far as its tasks have seen. Only a running task knows that, so it
 * keeps the numbers in {@code state}; a later change of {@link StoredOffsets} is checked against them. The number of a
 * topic never decreases.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class KnownTopics {
    private final Transactions transactions;
    private final Statements statements;

    /** Makes it for a schema that {@link QueueSchema} has brought up to date. */
    public KnownTopics(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("known_topics.sql", schema);
    }

    /**
     * Notes that topics have at least so many partitions.
     *
     * @param partitions by topic
     * @throws QueueException if PostgreSQL failed
     */
    public void note(String source, Map<String, Integer> partitions) {
        var inOrder = new TreeMap<>(partitions);
        transactions.run("could not note the partitions of topics", connection -> {
            try (var statement = new BoundStatement(connection, statements.get("note-topics"))
                    .set(
                            "keys",
                            inOrder.keySet().stream()
                                    .map(topic -> key(source, topic))
                                    .toArray(String[]::new))
                    .set(
                            "partitions",
                            inOrder.values().stream()
                                    .mapToInt(Integer::intValue)
                                    .toArray())) {
                return statement.update();
            }
        });
    }

    /**
     * Returns how many partitions topics have. Leaves out unknown topics.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, Integer> partitions(String source, Collection<String> topics) {
        return transactions.run("could not read the partitions of topics", connection -> {
            var known = new HashMap<String, Integer>();
            for (String topic : topics) {
                try (var statement = new BoundStatement(connection, statements.get("known-topic"))
                                .set("key", key(source, topic));
                        ResultSet row = statement.query()) {
                    if (row.next()) {
                        known.put(topic, row.getInt("partitions"));
                    }
                }
            }
            return known;
        });
    }

    /** No topic has a slash in its name, so the last one separates. */
    private static String key(String source, String topic) {
        return "sink-topic:" + source + "/" + topic;
    }
}
