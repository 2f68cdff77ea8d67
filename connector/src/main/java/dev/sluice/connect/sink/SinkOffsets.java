package dev.sluice.connect.sink;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.queue.admin.KnownTopics;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.StoredOffsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;

/**
 * Changes the offsets of a sink for Connect's API. It checks all of them before it stores one.
 *
 * <p>Connect tells a connector neither the broker's address nor the partitions of a topic. So the check uses the topics
 * that the connector reads ({@code topics}, {@code topics.regex}) and the partitions that its tasks have seen
 * ({@link KnownTopics}). If {@code admin.override.bootstrap.servers} is set, it also asks Kafka
 * ({@link BrokerOffsets}).
 */
public final class SinkOffsets {
    private final Map<String, String> properties;
    private final QueueSinkConfig config;

    /** Reads the configuration of a sink. */
    public SinkOffsets(Map<String, String> properties) {
        this.properties = properties;
        this.config = new QueueSinkConfig(properties);
    }

    /**
     * Sets or resets offsets in one transaction.
     *
     * @param offsets the next offset by topic partition; null resets it, which is possible for any partition. An empty
     *     map resets all offsets of the connector
     * @throws ConnectException if one offset is not possible; nothing has changed
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; nothing has changed, unless it failed during the
     *     commit
     * @throws IllegalStateException if the schema has another version
     */
    public void alter(Map<TopicPartition, Long> offsets) {
        var rows = new HashMap<SourcePartition, @Nullable Long>();
        var set = new HashMap<TopicPartition, Long>();
        offsets.forEach((partition, offset) -> {
            if (offset != null) {
                checkForm(partition, offset);
                set.put(partition, offset);
            }
            rows.put(new SourcePartition(config.sourceName(), partition.topic(), partition.partition()), offset);
        });
        DataSource dataSource = config.dataSource();
        String schema = config.postgres().schema();
        QueueSchema.verify(dataSource, schema);
        if (!set.isEmpty()) {
            checkPartitions(set, new KnownTopics(dataSource, schema));
            BrokerOffsets.check(properties, set);
        }
        var stored = new StoredOffsets(dataSource, schema);
        if (rows.isEmpty()) {
            stored.forget(config.sourceName());
        } else {
            stored.alter(rows);
        }
    }

    private void checkForm(TopicPartition partition, long offset) {
        if (offset < 0) {
            throw new ConnectException("offset " + offset + " of " + partition + " must be at least 0");
        }
        if (partition.partition() < 0) {
            throw new ConnectException("partition " + partition.partition() + " of the topic " + partition.topic()
                    + " must be at least 0");
        }
        if (!reads(partition.topic())) {
            throw new ConnectException("the connector does not read the topic " + partition.topic() + ", see "
                    + ConnectSettings.TOPICS + " and " + ConnectSettings.TOPICS_REGEX);
        }
    }

    private boolean reads(String topic) {
        String topics = properties.getOrDefault(ConnectSettings.TOPICS, "");
        String regex = properties.getOrDefault(ConnectSettings.TOPICS_REGEX, "");
        if (!regex.isBlank()) {
            return Pattern.matches(regex, topic);
        }
        return topics.isBlank() || Set.of(topics.strip().split("\\s*,\\s*")).contains(topic);
    }

    private void checkPartitions(Map<TopicPartition, Long> offsets, KnownTopics known) {
        var topics = new TreeSet<String>();
        offsets.keySet().forEach(partition -> topics.add(partition.topic()));
        Map<String, Integer> counts = known.partitions(config.sourceName(), topics);
        for (TopicPartition partition : offsets.keySet()) {
            Integer count = counts.get(partition.topic());
            if (count != null && partition.partition() >= count) {
                throw new ConnectException("the topic " + partition.topic() + " has no partition "
                        + partition.partition() + ": tasks of this connector have seen " + count
                        + ". If the partition is new, let the connector run once before you set its offset");
            }
        }
    }
}
