package dev.sluice.connect;

import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.connect.sink.SinkOffsets;
import dev.sluice.queue.QueueException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * Moves Kafka topics into Sluice queues. Every task gets the same configuration; Connect gives each its share of the
 * topic partitions.
 *
 * @see QueueSinkConfig
 * @see QueueSinkTask
 */
public final class QueueSinkConnector extends SinkConnector {
    private Map<String, String> properties = Map.of();

    /** Made by the Connect worker. */
    public QueueSinkConnector() {}

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Keeps the configuration for the tasks.
     *
     * @throws ConfigException if it is not valid
     */
    @Override
    public void start(Map<String, String> props) {
        new QueueSinkConfig(props);
        properties = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return QueueSinkTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return Collections.nCopies(maxTasks, properties);
    }

    /** Does nothing: the connector itself holds no connection and no thread. */
    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return QueueSinkConfig.DEFINITION;
    }

    /** Checks every property by itself, then, if each is valid, how they fit together. */
    @Override
    public Config validate(Map<String, String> connectorConfigs) {
        return Conflicts.addTo(super.validate(connectorConfigs), () -> QueueSinkConfig.conflicts(connectorConfigs));
    }

    /**
     * Sets or resets the offsets in PostgreSQL, which the tasks go by, as somebody has asked Connect's API to. What is
     * read again is written again, and what is skipped never written.
     *
     * <p>Connect asks this first and then Kafka, which refuses while the consumer group has members: so after an error
     * the rows may have changed, and a task that still ran followed them. Ask again once the tasks have stopped.
     *
     * @param offsets by topic partition the next offset, null to forget it. None: all of the connector are forgotten,
     *     for Connect names those its consumer group has, and a group that has none is reset as a whole
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if an offset is not possible, as {@link SinkOffsets} says, the schema does not fit or
     *     PostgreSQL failed; nothing has changed, unless it failed while committing
     */
    @Override
    public boolean alterOffsets(Map<String, String> connectorConfig, Map<TopicPartition, Long> offsets) {
        try {
            new SinkOffsets(connectorConfig).alter(offsets);
        } catch (QueueException | IllegalStateException e) {
            throw new ConnectException(e.getMessage(), e);
        }
        return true;
    }
}
