package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.StoredOffsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;

/**
 * Stores how many partitions the topics of a source have. Only a running sink task sees the topics, so it stores the
 * numbers in the table {@code state}. When an operator changes {@link StoredOffsets} later, the connector checks the
 * change against these numbers. The number of a topic never decreases.
 *
 * <p>Every method blocks until it has committed. Safe for use by many threads and by many processes on one database.
 */
public final class KnownTopics {
    private final Transactions transactions;
    private final Statements statements;

    /** Makes the access to a schema that {@link QueueSchema} has brought up to date. */
    public KnownTopics(DataSource dataSource, String schema) {
        this.transactions = new Transactions(dataSource);
        this.statements = Statements.read("known_topics.sql", schema);
    }

    /**
     * Stores that topics have at least these numbers of partitions.
     *
     * @param partitions number of partitions by topic
     * @throws QueueException if PostgreSQL failed
     */
    public void note(String source, Map<String, Integer> partitions) {
        var inOrder = new TreeMap<>(partitions);
        transactions.run(
                "could not note the partitions of topics",
                connection -> statements
                        .on(connection, "note-topics")
                        .setTexts("keys", inOrder.keySet(), topic -> key(source, topic))
                        .setInts("partitions", inOrder.values(), Integer::intValue)
                        .execute());
    }

    /**
     * Returns the number of partitions by topic. Leaves out unknown topics.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, Integer> partitions(String source, Collection<String> topics) {
        return transactions.run("could not read the partitions of topics", connection -> {
            var known = new HashMap<String, Integer>();
            for (String topic : topics) {
                statements
                        .on(connection, "known-topic")
                        .set("key", key(source, topic))
                        .first(row -> row.getInt("partitions"))
                        .ifPresent(partitions -> known.put(topic, partitions));
            }
            return known;
        });
    }

    /** The last slash is the separator: the name of a topic has none. */
    private static String key(String source, String topic) {
        return "sink-topic:" + source + "/" + topic;
    }
}
