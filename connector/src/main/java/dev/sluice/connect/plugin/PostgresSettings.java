package dev.sluice.connect.plugin;

import static dev.sluice.connect.plugin.SettingGroup.checked;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.sql.ConnectionUrl;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/** The settings that both connectors have: where PostgreSQL is, and the keys of encrypted queues. */
public final class PostgresSettings {
    public static final String CONNECTION_URL = "connection.url";
    public static final String CONNECTION_USER = "connection.user";
    public static final String CONNECTION_PASSWORD = "connection.password";
    public static final String CONNECTION_TIMEOUT_MS = "connection.timeout.ms";
    public static final String QUEUE_SCHEMA = "queue.schema";
    public static final String SCHEMA_APPLY = "schema.apply";
    public static final String ENCRYPTION_KEYS = "encryption.keys";
    public static final String ENCRYPTION_KEY_ID = "encryption.key.id";

    private static final Pattern SCHEMA_NAME = Pattern.compile("[a-z_][a-z0-9_]{0,62}");

    private final AbstractConfig config;

    public PostgresSettings(AbstractConfig config) {
        this.config = config;
    }

    public static void defineConnection(SettingGroup group) {
        group.define(
                        CONNECTION_URL,
                        ConfigDef.Type.PASSWORD,
                        ConfigDef.NO_DEFAULT_VALUE,
                        new UrlCheck(),
                        Importance.HIGH,
                        Width.LONG,
                        "JDBC URL",
                        "JDBC URL of the PostgreSQL database that holds the queue. It has no user and password before the host."
                                + " Logs and validation hide it, because its parameters may hold passwords. Connect's API returns"
                                + " the configuration of a connector as it was given: put secrets behind a config provider.")
                .define(
                        CONNECTION_USER,
                        ConfigDef.Type.STRING,
                        null,
                        null,
                        Importance.HIGH,
                        Width.MEDIUM,
                        "User",
                        "Role to connect as; wins over the URL's. Without both, the name of the system user.")
                .define(
                        CONNECTION_PASSWORD,
                        ConfigDef.Type.PASSWORD,
                        null,
                        null,
                        Importance.HIGH,
                        Width.MEDIUM,
                        "Password",
                        "Password of the role; wins over the URL's. Connect resolves ${provider:…} in it where the worker has that"
                                + " config provider. A password that holds such a text belongs behind a config provider, whose"
                                + " values are taken as they are.")
                .define(
                        CONNECTION_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        10_000L,
                        ConfigDef.Range.between(1_000, 600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Connection timeout (ms)",
                        "Longest time to wait for a connection, rounded up to seconds.")
                .define(
                        QUEUE_SCHEMA,
                        ConfigDef.Type.STRING,
                        "sluice",
                        checked("lower-case letters, digits and underscores", text -> {
                            if (!SCHEMA_NAME.matcher(text).matches()) {
                                throw new IllegalArgumentException("must be 1 to 63 lower-case letters, digits and"
                                        + " underscores, and not start with a digit");
                            }
                        }),
                        Importance.MEDIUM,
                        Width.MEDIUM,
                        "Schema",
                        "PostgreSQL schema of the queue.")
                .define(
                        SCHEMA_APPLY,
                        ConfigDef.Type.BOOLEAN,
                        false,
                        null,
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Apply the schema",
                        "Whether to make or upgrade the schema at start. Without it the version is only checked.");
    }

    /**
     * Defines the keys.
     *
     * @param keys what they are for, as a sentence
     */
    public static void defineEncryption(SettingGroup group, String keys) {
        group.define(
                        ENCRYPTION_KEYS,
                        ConfigDef.Type.PASSWORD,
                        null,
                        null,
                        Importance.MEDIUM,
                        Width.LONG,
                        "Keys",
                        keys,
                        List.of(ENCRYPTION_KEY_ID),
                        new Recommender() {
                            @Override
                            public List<Object> validValues(String name, Map<String, Object> parsed) {
                                return List.of();
                            }

                            @Override
                            public boolean visible(String name, Map<String, Object> parsed) {
                                return true;
                            }
                        })
                .define(
                        ENCRYPTION_KEY_ID,
                        ConfigDef.Type.STRING,
                        null,
                        null,
                        Importance.MEDIUM,
                        Width.MEDIUM,
                        "Key that encrypts",
                        "Id of the key that encrypts. Without it the first.",
                        List.of(),
                        new KeyIds());
    }

    /** Recommends the ids of the keys, and shows the setting only where there are keys. */
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

    /** Returns what is wrong between these settings: name of the setting to change, and why. */
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
     * Returns where connections come from. The driver's own parameters in the URL win over ours.
     *
     * @param application what PostgreSQL shows as the name of the connections
     * @param answerTimeoutMs longest time to wait for an answer
     */
    public DataSource dataSource(String application, long answerTimeoutMs) {
        var source = new DurableDataSource();
        ConnectionUrl url = url();
        source.setUrl(url.address());
        int connectSeconds = seconds(config.getLong(CONNECTION_TIMEOUT_MS));
        int answerSeconds = seconds(answerTimeoutMs);
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

    private static void unless(boolean set, Runnable setting) {
        if (!set) {
            setting.run();
        }
    }

    private ConnectionUrl url() {
        return ConnectionUrl.parse(config.getPassword(CONNECTION_URL).value());
    }

    private static int seconds(long millis) {
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, (millis + 999) / 1000));
    }

    /** Returns the URL without its parameters. */
    public String urlForLog() {
        return url().server();
    }

    /** Accepts an address, or says what is wrong with it without showing it: it may hold a password. */
    private static final class UrlCheck implements ConfigDef.Validator {
        @Override
        public void ensureValid(String setting, @Nullable Object value) {
            if (value == null) {
                return; // Said already: there is no default.
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

    public boolean appliesSchema() {
        return config.getBoolean(SCHEMA_APPLY);
    }

    /** Returns what encrypts and decrypts payloads. */
    public PayloadCipher cipher() {
        Password keys = config.getPassword(ENCRYPTION_KEYS);
        @Nullable String secret = keys == null ? null : keys.value();
        return PayloadCipher.of(secret, config.getString(ENCRYPTION_KEY_ID));
    }
}
