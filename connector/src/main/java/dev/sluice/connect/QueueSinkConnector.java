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
 * Moves Kafka topics into Sluice queues. All tasks have the same configuration, and Connect distributes the topic
 * partitions among them.
 *
 * @see QueueSinkConfig
 * @see QueueSinkTask
 */
public final class QueueSinkConnector extends SinkConnector {
    private Map<String, String> properties = Map.of();

    /** The Connect worker calls this constructor. */
    public QueueSinkConnector() {}

    @Override
    public String version() {
        return PluginVersion.VERSION;
    }

    /**
     * Checks the configuration and stores it for the tasks.
     *
     * @throws ConfigException if the configuration is not valid
     */
    @Override
    public void start(Map<String, String> props) {
        new QueueSinkConfig(props);
        Conflicts.refuse(QueueSinkConfig.unknown(props));
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

    /**
     * Checks each property by itself and finds unknown ones. If each is valid, it checks the conflicts between them,
     * and then the connection if the configuration asks for it.
     */
    @Override
    public Config validate(Map<String, String> connectorConfigs) {
        return Conflicts.addTo(
                super.validate(connectorConfigs),
                QueueSinkConfig.unknown(connectorConfigs),
                () -> QueueSinkConfig.conflicts(connectorConfigs),
                () -> QueueSinkConfig.connectionProblems(connectorConfigs));
    }

    /**
     * Sets or resets the offsets in PostgreSQL, which the tasks follow. An operator asks for it through Connect's API.
     * The tasks then write again what they read again, and never write what they skip.
     *
     * <p>Connect calls this method first and Kafka second. Kafka rejects the request while the consumer group has
     * members. So after an error the rows may have changed, and a task that still runs may follow them. The operator
     * repeats the request once the tasks have stopped.
     *
     * @param offsets the next offset by topic partition; null resets it. An empty map resets all offsets of the
     *     connector: Connect passes the partitions of the consumer group, and a group without offsets is reset as a
     *     whole
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if an offset is not possible ({@link SinkOffsets}), the schema has another version, or
     *     PostgreSQL failed. Nothing has changed, unless PostgreSQL failed during the commit
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
