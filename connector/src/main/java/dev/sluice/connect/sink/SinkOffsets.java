package dev.sluice.connect.sink;

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
 * Changes offsets of a sink for Connect's API. It checks all of them before it stores one.
 *
 * <p>Connect tells a connector neither the broker's address nor the partitions of a topic, so the check goes by what
 * the connector reads ({@code topics}, {@code topics.regex}) and by what its tasks have seen ({@link KnownTopics}),
 * and, if {@code admin.override.bootstrap.servers} is set, by what Kafka says ({@link BrokerOffsets}).
 */
public final class SinkOffsets {
    private final Map<String, String> properties;
    private final QueueSinkConfig config;

    public SinkOffsets(Map<String, String> properties) {
        this.properties = properties;
        this.config = new QueueSinkConfig(properties);
    }

    /**
     * Sets or forgets offsets, all or none.
     *
     * @param offsets by topic partition the next offset, null to forget it, which is possible for any partition. None:
     *     all of the connector are forgotten
     * @throws ConnectException if one is not possible; nothing has changed
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; nothing has changed, unless it failed while
     *     committing
     * @throws IllegalStateException if the schema does not fit
     */
    public void alter(Map<TopicPartition, Long> offsets) {
        var bySource = new HashMap<SourcePartition, @Nullable Long>();
        var set = new HashMap<TopicPartition, Long>();
        offsets.forEach((partition, offset) -> {
            if (offset != null) {
                checkForm(partition, offset);
                set.put(partition, offset);
            }
            bySource.put(new SourcePartition(config.sourceName(), partition.topic(), partition.partition()), offset);
        });
        DataSource dataSource = config.dataSource();
        String schema = config.postgres().schema();
        QueueSchema.verify(dataSource, schema);
        if (!set.isEmpty()) {
            checkPartitions(set, new KnownTopics(dataSource, schema));
            BrokerOffsets.check(properties, set);
        }
        var stored = new StoredOffsets(dataSource, schema);
        if (bySource.isEmpty()) {
            stored.forget(config.sourceName());
        } else {
            stored.alter(bySource);
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
                    + QueueSinkConfig.TOPICS + " and " + QueueSinkConfig.TOPICS_REGEX);
        }
    }

    private boolean reads(String topic) {
        String topics = properties.getOrDefault(QueueSinkConfig.TOPICS, "");
        String regex = properties.getOrDefault(QueueSinkConfig.TOPICS_REGEX, "");
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
                        + ". If it has been made since, let the connector run once before you set its offset");
            }
        }
    }
}
