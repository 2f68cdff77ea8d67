package dev.sluice.connect;

import dev.sluice.connect.plugin.PluginVersion;
import dev.sluice.connect.source.QueueSourceConfig;
import dev.sluice.connect.source.QueueSourceTask;
import dev.sluice.connect.source.SourceOffsets;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.sql.QueueSchema;
import java.util.ArrayList;
import java.util.HashMap;
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
 * Moves Sluice queues into Kafka topics. Every partition belongs to one task, by the remainder of its id; each task
 * finds new queues and partitions of its share by itself, so nothing has to be reconfigured when they come.
 *
 * @see QueueSourceConfig
 * @see QueueSourceTask
 */
public final class QueueSourceConnector extends SourceConnector {
    private Map<String, String> properties = Map.of();

    /** Made by the Connect worker. */
    public QueueSourceConnector() {}

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
        new QueueSourceConfig(props);
        QueueSourceConfig.connectorConflicts(props).forEach((name, message) -> {
            throw new ConfigException(message);
        });
        properties = Map.copyOf(props);
    }

    @Override
    public Class<? extends Task> taskClass() {
        return QueueSourceTask.class;
    }

    /** Returns as many configurations as there may be tasks, each with its share. */
    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        var configs = new ArrayList<Map<String, String>>(maxTasks);
        for (int i = 0; i < maxTasks; i++) {
            var config = new HashMap<>(properties);
            config.put(QueueSourceConfig.TASK_INDEX, Integer.toString(i));
            config.put(QueueSourceConfig.TASK_COUNT, Integer.toString(maxTasks));
            configs.add(config);
        }
        return configs;
    }

    /** Does nothing: the connector itself holds no connection and no thread. */
    @Override
    public void stop() {}

    @Override
    public ConfigDef config() {
        return QueueSourceConfig.DEFINITION;
    }

    /** Checks every property by itself, then, if each is valid, how they fit together. */
    @Override
    public Config validate(Map<String, String> connectorConfigs) {
        return Conflicts.addTo(
                super.validate(connectorConfigs), () -> QueueSourceConfig.connectorConflicts(connectorConfigs));
    }

    /** Supported: a position is the offset of a record, so a replay from an offset gives the same records. */
    @Override
    public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> connectorConfig) {
        return ExactlyOnceSupport.SUPPORTED;
    }

    /** Not supported: no two messages belong together, so each batch is a transaction, the worker's own way. */
    @Override
    public ConnectorTransactionBoundaries canDefineTransactionBoundaries(Map<String, String> connectorConfig) {
        return ConnectorTransactionBoundaries.UNSUPPORTED;
    }

    /**
     * Says that offsets may be changed through Connect's API: the task keeps them nowhere else. All entries are checked
     * before Connect stores one: each must name a partition of the database, in a queue that the connector reads, and a
     * position that the partition has. An offset may be reset whatever it is, also while the database is away.
     *
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if one is not the position of a partition, or PostgreSQL cannot be asked; Connect stores
     *     nothing then
     */
    @Override
    public boolean alterOffsets(Map<String, String> connectorConfig, Map<Map<String, ?>, Map<String, ?>> newOffsets) {
        newOffsets.forEach(SourceOffsets::check);
        var ids = new ArrayList<Long>();
        newOffsets.forEach((key, offset) -> {
            if (offset != null) {
                ids.add(SourceOffsets.id(key));
            }
        });
        if (ids.isEmpty()) {
            return true;
        }
        var config = new QueueSourceConfig(connectorConfig);
        Map<Long, Partition> partitions = partitions(config, ids);
        newOffsets.forEach((key, offset) -> {
            if (offset != null) {
                SourceOffsets.check(key, offset, partitions.get(SourceOffsets.id(key)), config.queues());
            }
        });
        return true;
    }

    private static Map<Long, Partition> partitions(QueueSourceConfig config, List<Long> ids) {
        String schema = config.postgres().schema();
        try {
            QueueSchema.verify(config.connections(), schema);
            var reader = new QueueReader(
                    config.connections(), schema, config.postgres().cipher());
            var found = new HashMap<Long, Partition>();
            reader.partitions(ids).forEach(partition -> found.put(partition.id(), partition));
            return found;
        } catch (QueueException | IllegalStateException e) {
            throw new ConnectException("the offsets cannot be checked, and nothing is changed: " + e.getMessage(), e);
        }
    }
}
