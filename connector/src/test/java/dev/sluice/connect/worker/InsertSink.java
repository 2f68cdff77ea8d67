package dev.sluice.connect.worker;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.jspecify.annotations.Nullable;

/**
 * A sink to compare with. It inserts one row per record with batched inserts of the JDBC driver, in one transaction for
 * each delivery. It stores no offsets, detects no duplicates and reports no bad record, which is the least such a sink
 * can do. This class, {@link Writer} and the driver are a plug-in.
 */
public final class InsertSink extends SinkConnector {
    /** The table has the columns {@code key text, value text}. */
    static final String TABLE = "table";

    private static final String URL = "connection.url";
    private static final String USER = "connection.user";
    private static final String BATCH_SIZE = "batch.size";

    private Map<String, String> properties = Map.of();

    @Override
    public String version() {
        return "1";
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef()
                .define(URL, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "URL of the database.")
                .define(USER, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "User.")
                .define(TABLE, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "Name of the table.")
                .define(
                        BATCH_SIZE,
                        ConfigDef.Type.INT,
                        ConfigDef.Importance.HIGH,
                        "Most rows handed to the driver at a time.");
    }

    @Override
    public void start(Map<String, String> given) {
        properties = given;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return Writer.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return Collections.nCopies(maxTasks, properties);
    }

    @Override
    public void stop() {
        // The connector has nothing to close.
    }

    /** The task. */
    public static final class Writer extends SinkTask {
        private int batchSize;
        private @Nullable Connection connection;
        private @Nullable PreparedStatement insert;

        @Override
        public String version() {
            return "1";
        }

        @Override
        public void start(Map<String, String> properties) {
            batchSize = Integer.parseInt(properties.get(BATCH_SIZE));
            try {
                connection = DriverManager.getConnection(properties.get(URL), properties.get(USER), "");
                connection.setAutoCommit(false);
                insert = connection.prepareStatement(
                        "insert into " + properties.get(TABLE) + " (key, value) values (?, ?)");
            } catch (SQLException e) {
                throw new ConnectException(e);
            }
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            if (records.isEmpty()) {
                return;
            }
            try {
                int open = 0;
                for (SinkRecord record : records) {
                    insert.setString(1, (String) record.key());
                    insert.setString(2, (String) record.value());
                    insert.addBatch();
                    open++;
                    if (open == batchSize) {
                        insert.executeBatch();
                        open = 0;
                    }
                }
                if (open > 0) {
                    insert.executeBatch();
                }
                connection.commit();
            } catch (SQLException e) {
                throw new ConnectException(e);
            }
        }

        @Override
        public void stop() {
            if (connection != null) {
                try {
                    connection.close();
                } catch (SQLException e) {
                    throw new ConnectException(e);
                }
            }
        }
    }
}
