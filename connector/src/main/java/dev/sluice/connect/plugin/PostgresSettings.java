package dev.sluice.connect.plugin;

import static dev.sluice.connect.plugin.SettingGroup.checked;
import static org.apache.kafka.common.config.ConfigDef.Range.between;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.sql.ConnectionUrl;
import dev.sluice.queue.sql.QueueSchema;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/** The settings that both connectors have: how to reach PostgreSQL, and the keys of encrypted queues. */
public final class PostgresSettings {
    public static final String CONNECTION_URL = "connection.url";
    public static final String CONNECTION_USER = "connection.user";
    public static final String CONNECTION_PASSWORD = "connection.password";
    public static final String CONNECTION_TIMEOUT_MS = "connection.timeout.ms";
    public static final String QUEUE_SCHEMA = "queue.schema";
    public static final String SCHEMA_APPLY = "schema.apply";
    public static final String ENCRYPTION_KEYS = "encryption.keys";
    public static final String ENCRYPTION_KEY_ID = "encryption.key.id";

    private final AbstractConfig config;

    /** Reads the settings from the configuration of a connector. */
    public PostgresSettings(AbstractConfig config) {
        this.config = config;
    }

    /** Defines the settings of the connection and of the schema. */
    public static void defineConnection(SettingGroup group) {
        group.setting(
                        CONNECTION_URL,
                        "JDBC URL",
                        "The JDBC URL of the PostgreSQL database that holds the queue. It must not have a user and"
                                + " password before the host. Logs and validation hide it, because its parameters may"
                                + " hold passwords. Connect's API returns the configuration of a connector as it was"
                                + " given, so put secrets behind a config provider.")
                .of(ConfigDef.Type.PASSWORD, ConfigDef.NO_DEFAULT_VALUE, new UrlCheck(), Importance.HIGH, Width.LONG);
        group.setting(
                        CONNECTION_USER,
                        "User",
                        "The role to connect as. It overrides a user in the URL. If neither is set, it is the name of"
                                + " the system user.")
                .ofText(null, null, Importance.HIGH, Width.MEDIUM);
        group.setting(
                        CONNECTION_PASSWORD,
                        "Password",
                        "The password of the role. It overrides a password in the URL. If the worker has the config"
                                + " provider, Connect resolves ${provider:…} in the password. If a password contains"
                                + " such a text, put it behind a config provider: Connect does not resolve the values"
                                + " of a config provider again.")
                .of(ConfigDef.Type.PASSWORD, null, null, Importance.HIGH, Width.MEDIUM);
        group.setting(
                        CONNECTION_TIMEOUT_MS,
                        "Connection timeout (ms)",
                        "The longest time in ms to wait for a connection, rounded up to seconds.")
                .ofLong(10_000, between(1_000, 600_000), Importance.LOW);
        group.setting(QUEUE_SCHEMA, "Schema", "The PostgreSQL schema of the queue.")
                .ofText(
                        "sluice",
                        checked("lower-case letters, digits and underscores", PostgresSettings::checkSchemaName),
                        Importance.MEDIUM,
                        Width.MEDIUM);
        group.setting(
                        SCHEMA_APPLY,
                        "Apply the schema",
                        "Whether the task creates or upgrades the schema at start. If false, the task only checks the"
                                + " version.")
                .ofBoolean(false, Importance.MEDIUM);
    }

    private static void checkSchemaName(String name) {
        if (!QueueSchema.isPossibleName(name)) {
            throw new IllegalArgumentException(
                    "must be 1 to 63 lower-case letters, digits and underscores, and not start with a digit");
        }
    }

    /** Defines what Connect checks when it validates a configuration. */
    public static void defineChecks(SettingGroup group) {
        ConnectionCheck.define(group);
        UnknownSettings.define(group);
    }

    /**
     * Defines the encryption keys.
     *
     * @param keys a sentence that says what the connector uses the keys for
     */
    public static void defineEncryption(SettingGroup group, String keys) {
        group.setting(ENCRYPTION_KEYS, "Keys", keys)
                .dependents(List.of(ENCRYPTION_KEY_ID))
                .of(ConfigDef.Type.PASSWORD, null, null, Importance.MEDIUM, Width.LONG);
        group.setting(
                        ENCRYPTION_KEY_ID,
                        "Key that encrypts",
                        "The id of the key that encrypts. If not set, the first key encrypts.")
                .recommender(new KeyIds())
                .ofText(null, null, Importance.MEDIUM, Width.MEDIUM);
    }

    /** Recommends the ids of the keys. It shows the setting only if there are keys. */
    private static final class KeyIds implements Recommender {
        @Override
        public List<Object> validValues(String name, Map<String, Object> parsed) {
            var ids = new ArrayList<Object>();
            if (parsed.get(ENCRYPTION_KEYS) instanceof Password keys) {
                for (String entry : keys.value().split(",", -1)) {
                    int colon = entry.indexOf(':');
                    if (colon > 0) {
                        ids.add(entry.substring(0, colon).strip());
                    }
                }
            }
            return ids;
        }

        @Override
        public boolean visible(String name, Map<String, Object> parsed) {
            return parsed.get(ENCRYPTION_KEYS) != null;
        }
    }

    /** Returns the conflicts between these settings: the setting to change, and the reason. */
    public Map<String, String> conflicts() {
        var conflicts = new LinkedHashMap<String, String>();
        try {
            cipher();
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            conflicts.put(message.startsWith(ENCRYPTION_KEY_ID) ? ENCRYPTION_KEY_ID : ENCRYPTION_KEYS, message);
        }
        return conflicts;
    }

    /**
     * Returns a data source that opens a new connection on each call. The driver's own parameters in the URL win over
     * these settings.
     *
     * @param application the name of the connections in PostgreSQL
     * @param answerTimeoutMs longest time to wait for an answer
     */
    public DataSource dataSource(String application, long answerTimeoutMs) {
        var source = new DurableDataSource();
        ConnectionUrl url = url();
        source.setUrl(url.address());
        int connectSeconds = roundUpToSeconds(config.getLong(CONNECTION_TIMEOUT_MS));
        int answerSeconds = roundUpToSeconds(answerTimeoutMs);
        unless(url.sets(PGProperty.CONNECT_TIMEOUT), () -> source.setConnectTimeout(connectSeconds));
        unless(url.sets(PGProperty.LOGIN_TIMEOUT), () -> source.setLoginTimeout(connectSeconds));
        unless(url.sets(PGProperty.SOCKET_TIMEOUT), () -> source.setSocketTimeout(answerSeconds));
        unless(url.sets(PGProperty.TCP_KEEP_ALIVE), () -> source.setTcpKeepAlive(true));
        unless(url.sets(PGProperty.APPLICATION_NAME), () -> source.setApplicationName(application));
        Password password = config.getPassword(CONNECTION_PASSWORD);
        url.secrets(config.getString(CONNECTION_USER), password == null ? null : password.value())
                .forEach((name, value) -> {
                    PGProperty property = PGProperty.forName(String.valueOf(name));
                    if (property != null) {
                        source.setProperty(property, String.valueOf(value));
                    }
                });
        return source;
    }

    /** Returns a data source as {@link #dataSource} does. The times hold whatever the URL says. */
    DataSource impatientDataSource(String application, long answerTimeoutMs) {
        var source = (DurableDataSource) dataSource(application, answerTimeoutMs);
        int seconds = roundUpToSeconds(answerTimeoutMs);
        source.setConnectTimeout(seconds);
        source.setLoginTimeout(seconds);
        source.setSocketTimeout(seconds);
        return source;
    }

    private static void unless(boolean set, Runnable setting) {
        if (!set) {
            setting.run();
        }
    }

    private ConnectionUrl url() {
        return ConnectionUrl.parse(config.getPassword(CONNECTION_URL).value());
    }

    /** Hides each secret that a text repeats, for a message of the driver or the server. */
    String withoutSecrets(String text) {
        Password password = config.getPassword(CONNECTION_PASSWORD);
        String shown = text;
        for (Map.Entry<Object, Object> each :
                url().secrets(null, password == null ? null : password.value()).entrySet()) {
            String value = String.valueOf(each.getValue());
            if (!each.getKey().equals(PGProperty.USER.getName()) && !value.isEmpty()) {
                shown = shown.replace(value, ConnectionUrl.HIDDEN);
            }
        }
        return shown;
    }

    /** Returns true if the settings or the URL have a password. */
    boolean hasPassword() {
        return config.getPassword(CONNECTION_PASSWORD) != null || url().sets(PGProperty.PASSWORD);
    }

    private static int roundUpToSeconds(long millis) {
        return Math.max(1, Math.toIntExact(TimeUnit.MILLISECONDS.toSeconds(millis + 999)));
    }

    /** Returns the URL without its parameters. */
    public String urlForLog() {
        return url().server();
    }

    /** Accepts a JDBC URL. Its message never shows the URL, which may contain a password. */
    private static final class UrlCheck implements ConfigDef.Validator {
        @Override
        public void ensureValid(String setting, @Nullable Object value) {
            if (value == null) {
                return; // Kafka reports a missing value itself, because there is no default.
            }
            try {
                ConnectionUrl.parse(((Password) value).value());
            } catch (IllegalArgumentException e) {
                throw new ConfigException(setting + " " + e.getMessage());
            }
        }

        @Override
        public String toString() {
            return "a JDBC URL like jdbc:postgresql://host:5432/database";
        }
    }

    public String schema() {
        return config.getString(QUEUE_SCHEMA);
    }

    /**
     * Applies the schema if {@link #SCHEMA_APPLY} is set, and checks it otherwise.
     *
     * @param check the check, of a data source and a schema; it throws an {@link IllegalStateException}
     * @throws ConnectException if the schema has another version
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed
     */
    public void prepareSchema(DataSource dataSource, BiConsumer<DataSource, String> check) {
        try {
            if (config.getBoolean(SCHEMA_APPLY)) {
                QueueSchema.apply(dataSource, schema());
            } else {
                check.accept(dataSource, schema());
            }
        } catch (IllegalStateException e) {
            throw new ConnectException(e.getMessage(), e);
        }
    }

    /** Returns the cipher for payloads. */
    public PayloadCipher cipher() {
        Password keys = config.getPassword(ENCRYPTION_KEYS);
        @Nullable String secret = keys == null ? null : keys.value();
        return PayloadCipher.of(secret, config.getString(ENCRYPTION_KEY_ID));
    }
}
