package dev.sluice.connect;

import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.source.QueueSourceConfig;
import dev.sluice.connect.source.QueueSourceTask;
import dev.sluice.connect.source.SourceOffsets;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.ConnectorTransactionBoundaries;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * Moves Sluice queues into Kafka topics.
 *
 * <p>Each partition belongs to one task, by the remainder of its id. Each task finds new queues and partitions of its
 * share by itself, so new ones need no reconfiguration.
 *
 * @see QueueSourceConfig
 * @see QueueSourceTask
 */
public final class QueueSourceConnector extends SourceConnector {
    private Map<String, String> properties = Map.of();

    /** The Connect worker calls this constructor. */
    public QueueSourceConnector() {}

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
        new QueueSourceConfig(props);
        Conflicts.refuse(QueueSourceConfig.unknown(props));
        Conflicts.refuse(QueueSourceConfig.connectorConflicts(props));
        properties = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return QueueSourceTask.class;
    }

    /** Returns one configuration for each task, with the task's share of the partitions. */
    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return QueueSourceConfig.taskConfigs(properties, maxTasks);
    }

    /** Does nothing: the connector itself holds no connection and no thread. */
    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return QueueSourceConfig.DEFINITION;
    }

    /**
     * Checks each property by itself and finds unknown ones. If each is valid, it checks the conflicts between them,
     * and then the connection if the configuration asks for it.
     */
    @Override
    public Config validate(Map<String, String> connectorConfigs) {
        return Conflicts.addTo(
                super.validate(connectorConfigs),
                QueueSourceConfig.unknown(connectorConfigs),
                () -> QueueSourceConfig.connectorConflicts(connectorConfigs),
                () -> QueueSourceConfig.connectionProblems(connectorConfigs));
    }

    /**
     * Exactly once is supported: a position is the offset of a record, so a read from an offset repeats the records.
     */
    @Override
    public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> connectorConfig) {
        return ExactlyOnceSupport.SUPPORTED;
    }

    /** The connector defines no transactions: no messages belong together, so the worker commits each batch. */
    @Override
    public ConnectorTransactionBoundaries canDefineTransactionBoundaries(Map<String, String> connectorConfig) {
        return ConnectorTransactionBoundaries.UNSUPPORTED;
    }

    /**
     * Checks offsets that an operator sets through Connect's API, as {@link SourceOffsets#check} says. Connect then
     * stores them, because the task keeps them nowhere else.
     *
     * @return true: an operator may change offsets
     * @throws ConfigException if the configuration is not valid; Connect stores nothing then
     * @throws ConnectException if one offset is not possible, or PostgreSQL is not reachable; Connect stores nothing
     *     then
     */
    @Override
    public boolean alterOffsets(Map<String, String> connectorConfig, Map<Map<String, ?>, Map<String, ?>> newOffsets) {
        SourceOffsets.check(connectorConfig, newOffsets);
        return true;
    }
}
