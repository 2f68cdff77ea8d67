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
 * A sink that drops its records. It stores only the number of records of each delivery, and not durably: no sink on the
 * same worker does less. This class, {@link Counter} and the driver are a plug-in.
 */
public final class CountSink extends SinkConnector {
    private static final String URL = "connection.url";
    private static final String USER = "connection.user";

    private Map<String, String> properties = Map.of();

    @Override
    public String version() {
        return "1";
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef()
                .define(URL, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "URL of the database.")
                .define(USER, ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "User.");
    }

    @Override
    public void start(Map<String, String> given) {
        properties = given;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return Counter.class;
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
    public static final class Counter extends SinkTask {
        private @Nullable Connection connection;
        private @Nullable PreparedStatement note;

        @Override
        public String version() {
            return "1";
        }

        @Override
        public void start(Map<String, String> properties) {
            try {
                connection = DriverManager.getConnection(properties.get(URL), properties.get(USER), "");
                try (var setting = connection.createStatement()) {
                    setting.execute("set synchronous_commit = off");
                }
                note = connection.prepareStatement("insert into deliveries (records) values (?)");
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
                note.setInt(1, records.size());
                note.executeUpdate();
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
