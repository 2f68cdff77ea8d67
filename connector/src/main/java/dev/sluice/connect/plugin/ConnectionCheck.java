package dev.sluice.connect.plugin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;

/**
 * Tries the connection to PostgreSQL when Connect validates a configuration, if the configuration asks for it.
 *
 * <p>The check waits a bounded time for each answer, whatever the URL says, because a person or a script waits for the
 * result. It changes nothing in the database. No message shows a secret.
 */
public final class ConnectionCheck {
    static final String CONNECTION_VALIDATE = "connection.validate";

    /** Longest time to wait for the connection, and then for each answer. Connect's REST API waits for 90 s in all. */
    private static final long ANSWER_MS = 10_000;

    /** SQLSTATE of the server for a wrong password, or for a role that has none. */
    private static final String INVALID_PASSWORD = "28P01";

    /** SQLSTATE of the driver, among others if the server asks for a password and there is none. */
    private static final String REJECTED = "08004";

    private ConnectionCheck() {}

    /** Defines the setting that asks for the check. */
    static void define(SettingGroup group) {
        group.setting(
                        CONNECTION_VALIDATE,
                        "Validate the connection",
                        "Whether a validation of this configuration, and so its creation or change, connects to"
                                + " PostgreSQL and checks the role and the version of the schema. It waits at most 10 s,"
                                + " or connection.timeout.ms if that is shorter, for the connection and for each"
                                + " answer. A start does not repeat the check, so a connector starts while PostgreSQL"
                                + " is away.")
                .ofBoolean(false, Importance.LOW);
    }

    /**
     * Tries the connection if the configuration asks for it.
     *
     * @param config a valid configuration
     * @param application the name of the connection in PostgreSQL
     * @param checkSchema checks a schema in a data source; it throws an {@link IllegalStateException}
     * @return the setting to change, and the reason; empty if the task can connect
     */
    public static Map<String, String> problems(
            AbstractConfig config, String application, BiConsumer<DataSource, String> checkSchema) {
        var problems = new LinkedHashMap<String, String>();
        if (!config.getBoolean(CONNECTION_VALIDATE)) {
            return problems;
        }
        var postgres = new PostgresSettings(config);
        long answerMs = Math.min(ANSWER_MS, config.getLong(PostgresSettings.CONNECTION_TIMEOUT_MS));
        DataSource source = postgres.impatientDataSource(application, answerMs);
        try {
            connect(source);
        } catch (SQLException e) {
            problems.put(setting(e, postgres), message(postgres, e.getSQLState(), SessionFailures.reason(e)));
            return problems;
        }
        if (config.getBoolean(PostgresSettings.SCHEMA_APPLY)) {
            return problems; // The task makes the schema that the check would miss.
        }
        try {
            checkSchema.accept(source, postgres.schema());
        } catch (IllegalStateException | ConnectException e) {
            problems.put(PostgresSettings.QUEUE_SCHEMA, postgres.withoutSecrets(String.valueOf(e.getMessage())));
        } catch (QueueException e) {
            problems.put(
                    PostgresSettings.CONNECTION_URL, message(postgres, e.sqlState(), String.valueOf(e.getMessage())));
        }
        return problems;
    }

    private static void connect(DataSource source) throws SQLException {
        try (Connection connection = source.getConnection()) {
            connection.isReadOnly();
        }
    }

    /** Returns the setting that the failure is most likely about. */
    private static String setting(SQLException e, PostgresSettings postgres) {
        String state = e.getSQLState() == null ? "" : e.getSQLState();
        boolean isMissing = state.equals(REJECTED) && !postgres.hasPassword() && isAboutPassword(e);
        if (state.equals(INVALID_PASSWORD) || isMissing) {
            return PostgresSettings.CONNECTION_PASSWORD;
        }
        return state.startsWith("28") ? PostgresSettings.CONNECTION_USER : PostgresSettings.CONNECTION_URL;
    }

    private static boolean isAboutPassword(SQLException e) {
        return String.valueOf(e.getMessage()).contains("password");
    }

    private static String message(PostgresSettings postgres, @Nullable String state, String reason) {
        String code =
                state == null || state.isEmpty() || reason.contains("SQLSTATE") ? "" : " (SQLSTATE " + state + ")";
        return postgres.withoutSecrets("cannot connect to " + postgres.urlForLog() + ": " + reason + code);
    }
}
