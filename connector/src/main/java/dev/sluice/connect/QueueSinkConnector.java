package dev.sluice.connect;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * Moves Kafka topics into Sluice queues. Every task gets the same configuration; Connect gives each its share of the topic
 * partitions.
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
}
