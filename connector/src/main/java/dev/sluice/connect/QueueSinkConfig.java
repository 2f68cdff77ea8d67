package dev.sluice.connect;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueWriterConfig;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.types.Password;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGProperty;

/** Settings of the sink: where PostgreSQL is, how a record becomes a message, how messages are written. */
public final class QueueSinkConfig extends AbstractConfig {
    /** Name of the connector, given by Connect. */
    static final String NAME = "name";

    public static final String CONNECTION_URL = "connection.url";
    public static final String CONNECTION_USER = "connection.user";
    public static final String CONNECTION_PASSWORD = "connection.password";
    public static final String CONNECTION_TIMEOUT_MS = "connection.timeout.ms";
    public static final String WRITE_TIMEOUT_MS = "write.timeout.ms";
    public static final String QUEUE_SCHEMA = "queue.schema";
    public static final String SCHEMA_APPLY = "schema.apply";
    public static final String SOURCE_NAME = "source.name";

    public static final String QUEUE_NAME_FORMAT = "queue.name.format";
    public static final String PARTITION_FROM = "partition.from";
    public static final String TRANSACTION_ID_FROM = "transaction.id.from";

    public static final String BATCH_SIZE = "batch.size";
    public static final String BATCH_BYTES = "batch.bytes";
    public static final String LINGER_MS = "linger.ms";
    public static final String MAX_RETRIES = "max.retries";
    public static final String RETRY_BACKOFF_MS = "retry.backoff.ms";
    public static final String RETRY_BACKOFF_MAX_MS = "retry.backoff.max.ms";

    public static final String DEDUP_WINDOW_MS = "dedup.window.ms";
    public static final String DEDUP_MAX_IDS = "dedup.max.ids";

    public static final String ENCRYPTION_KEYS = "encryption.keys";
    public static final String ENCRYPTION_KEY_ID = "encryption.key.id";

    private static final Pattern SCHEMA_NAME = Pattern.compile("[a-z_][a-z0-9_]{0,62}");

    /** Every setting: key, type, default, range, sentence. */
    public static final ConfigDef DEFINITION = definition();

    /**
     * Reads the settings; keys it does not know are Connect's own and are left alone.
     *
     * @throws ConfigException if one is missing, out of range, or does not fit another
     */
    public QueueSinkConfig(Map<String, String> properties) {
        super(DEFINITION, properties, false);
        conflicts(properties).forEach((name, message) -> {
            throw new ConfigException(message);
        });
    }

    /** Returns what is wrong between settings that are valid one by one: name of the setting to change, and why. */
    static Map<String, String> conflicts(Map<String, String> properties) {
        var config = new AbstractConfig(DEFINITION, properties, false);
        var conflicts = new LinkedHashMap<String, String>();
        long first = config.getLong(RETRY_BACKOFF_MS);
        long longest = config.getLong(RETRY_BACKOFF_MAX_MS);
        if (longest < first) {
            conflicts.put(
                    RETRY_BACKOFF_MAX_MS,
                    RETRY_BACKOFF_MAX_MS + " must be at least " + RETRY_BACKOFF_MS + " (" + first + "), was "
                            + longest);
        }
        if (config.getString(SOURCE_NAME) == null && !properties.containsKey(NAME)) {
            conflicts.put(SOURCE_NAME, SOURCE_NAME + " must be set when the connector has no " + NAME);
        }
        try {
            cipher(config);
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            conflicts.put(message.startsWith(ENCRYPTION_KEY_ID) ? ENCRYPTION_KEY_ID : ENCRYPTION_KEYS, message);
        }
        return conflicts;
    }

    /** Returns the name under which PostgreSQL remembers offsets. */
    String sourceName() {
        String configured = getString(SOURCE_NAME);
        return configured == null ? (String) originals().get(NAME) : configured;
    }

    String schema() {
        return getString(QUEUE_SCHEMA);
    }

    boolean appliesSchema() {
        return getBoolean(SCHEMA_APPLY);
    }

    /** Returns where connections come from. The driver's own parameters in the URL win over ours. */
    DataSource dataSource() {
        var source = new DurableDataSource();
        source.setUrl(getString(CONNECTION_URL));
        int connectSeconds = seconds(getLong(CONNECTION_TIMEOUT_MS));
        int writeSeconds = seconds(getLong(WRITE_TIMEOUT_MS));
        unlessInUrl(PGProperty.CONNECT_TIMEOUT, () -> source.setConnectTimeout(connectSeconds));
        unlessInUrl(PGProperty.LOGIN_TIMEOUT, () -> source.setLoginTimeout(connectSeconds));
        unlessInUrl(PGProperty.SOCKET_TIMEOUT, () -> source.setSocketTimeout(writeSeconds));
        unlessInUrl(PGProperty.TCP_KEEP_ALIVE, () -> source.setTcpKeepAlive(true));
        unlessInUrl(PGProperty.APPLICATION_NAME, () -> source.setApplicationName("sluice sink " + sourceName()));
        String user = getString(CONNECTION_USER);
        if (user != null) {
            source.setUser(user);
        }
        Password password = getPassword(CONNECTION_PASSWORD);
        if (password != null) {
            source.setPassword(password.value());
        }
        return source;
    }

    private void unlessInUrl(PGProperty property, Runnable setting) {
        if (!getString(CONNECTION_URL).contains(property.getName() + "=")) {
            setting.run();
        }
    }

    private static int seconds(long millis) {
        return (int) Math.max(1, Math.min(Integer.MAX_VALUE, (millis + 999) / 1000));
    }

    /** Returns the URL without its parameters, which may hold secrets. */
    String urlForLog() {
        String url = getString(CONNECTION_URL);
        int parameters = url.indexOf('?');
        return parameters < 0 ? url : url.substring(0, parameters);
    }

    QueueWriterConfig writer() {
        return new QueueWriterConfig(
                schema(), Duration.ofMillis(getLong(DEDUP_WINDOW_MS)), getInt(DEDUP_MAX_IDS), cipher(this));
    }

    private static PayloadCipher cipher(AbstractConfig config) {
        Password keys = config.getPassword(ENCRYPTION_KEYS);
        return PayloadCipher.of(keys == null ? null : keys.value(), config.getString(ENCRYPTION_KEY_ID));
    }

    RecordMapping mapping() {
        return new RecordMapping(
                getString(QUEUE_NAME_FORMAT),
                Selector.parse(PARTITION_FROM, getString(PARTITION_FROM)),
                Selector.parse(TRANSACTION_ID_FROM, getString(TRANSACTION_ID_FROM)));
    }

    int batchSize() {
        return getInt(BATCH_SIZE);
    }

    long batchBytes() {
        return getLong(BATCH_BYTES);
    }

    Duration linger() {
        return Duration.ofMillis(getLong(LINGER_MS));
    }

    /** Returns how many tries may follow a failed one, {@code -1} for any number. */
    int maxRetries() {
        return getInt(MAX_RETRIES);
    }

    long retryBackoffMs() {
        return getLong(RETRY_BACKOFF_MS);
    }

    long retryBackoffMaxMs() {
        return getLong(RETRY_BACKOFF_MAX_MS);
    }

    private static ConfigDef definition() {
        var definition = new ConfigDef();
        defineConnection(definition, new Group("Connection"));
        defineMapping(definition, new Group("Mapping"));
        defineWriting(definition, new Group("Writing"));
        defineDuplicates(definition, new Group("Duplicates"));
        defineEncryption(definition, new Group("Encryption"));
        return definition;
    }

    private static void defineConnection(ConfigDef definition, Group group) {
        definition
                .define(
                        CONNECTION_URL,
                        ConfigDef.Type.STRING,
                        ConfigDef.NO_DEFAULT_VALUE,
                        checked("a JDBC URL like jdbc:postgresql://host:5432/database", text -> {
                            if (!text.startsWith("jdbc:postgresql:")) {
                                throw new IllegalArgumentException("must start with jdbc:postgresql:");
                            }
                        }),
                        Importance.HIGH,
                        "JDBC URL of the PostgreSQL database that holds the queue.",
                        group.name,
                        group.next(),
                        Width.LONG,
                        "JDBC URL")
                .define(
                        CONNECTION_USER,
                        ConfigDef.Type.STRING,
                        null,
                        Importance.HIGH,
                        "Role to connect as. Without it the URL's, or the name of the system user.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "User")
                .define(
                        CONNECTION_PASSWORD,
                        ConfigDef.Type.PASSWORD,
                        null,
                        Importance.HIGH,
                        "Password of the role.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Password")
                .define(
                        CONNECTION_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        10_000L,
                        ConfigDef.Range.between(1_000, 600_000),
                        Importance.LOW,
                        "Longest time to wait for a connection, rounded up to seconds.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Connection timeout (ms)")
                .define(
                        WRITE_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        60_000L,
                        ConfigDef.Range.between(1_000, 3_600_000),
                        Importance.LOW,
                        "Longest time to wait for an answer of PostgreSQL, rounded up to seconds. The connection is given up"
                                + " after it, and the batch tried again. Keep it below the consumer's max.poll.interval.ms.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Write timeout (ms)")
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
                        "PostgreSQL schema of the queue.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Schema")
                .define(
                        SCHEMA_APPLY,
                        ConfigDef.Type.BOOLEAN,
                        false,
                        Importance.MEDIUM,
                        "Whether to make or upgrade the schema at start. Without it the version is only checked.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Apply the schema")
                .define(
                        SOURCE_NAME,
                        ConfigDef.Type.STRING,
                        null,
                        checked("a name of at least one character", text -> {
                            if (text.isBlank()) {
                                throw new IllegalArgumentException("must not be blank");
                            }
                        }),
                        Importance.LOW,
                        "Name under which PostgreSQL remembers how far each topic partition is written. Without it the name of"
                                + " the connector. A connector under another name that should continue where this one stopped"
                                + " must keep this value.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Source name");
    }

    private static void defineMapping(ConfigDef definition, Group group) {
        definition
                .define(
                        QUEUE_NAME_FORMAT,
                        ConfigDef.Type.STRING,
                        RecordMapping.TOPIC,
                        checked("a name of at least one character", text -> {
                            if (text.isEmpty()) {
                                throw new IllegalArgumentException("must not be empty");
                            }
                        }),
                        Importance.MEDIUM,
                        "Name of the queue a record goes to; ${topic} stands for the topic. A record with the header"
                                + " sluice.queue goes to the queue named there.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Queue name")
                .define(
                        PARTITION_FROM,
                        ConfigDef.Type.STRING,
                        "key",
                        checked(Selector.SYNTAX, text -> Selector.parse(PARTITION_FROM, text)),
                        Importance.MEDIUM,
                        "Where the name of the queue's partition comes from: key, topic-partition, header:NAME, field:PATH or"
                                + " constant:TEXT. A record that has none, such as one without a key, goes to"
                                + " <topic>-<partition>. A record with the header sluice.partition goes to the partition named"
                                + " there.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Partition from")
                .define(
                        TRANSACTION_ID_FROM,
                        ConfigDef.Type.STRING,
                        "topic-partition-offset",
                        checked(Selector.SYNTAX, text -> Selector.parse(TRANSACTION_ID_FROM, text)),
                        Importance.MEDIUM,
                        "Where the id comes from under which a message is unique in its partition: topic-partition-offset, key,"
                                + " header:NAME or field:PATH. A record that has none gets <topic>-<partition>-<offset>. The"
                                + " header sluice.transaction-id wins over this.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Transaction id from");
    }

    private static void defineWriting(ConfigDef definition, Group group) {
        definition
                .define(
                        BATCH_SIZE,
                        ConfigDef.Type.INT,
                        10_000,
                        ConfigDef.Range.between(1, 1_000_000),
                        Importance.MEDIUM,
                        "Most messages written in one transaction.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Batch size")
                .define(
                        BATCH_BYTES,
                        ConfigDef.Type.LONG,
                        16L << 20,
                        ConfigDef.Range.between(1 << 10, 1 << 30),
                        Importance.LOW,
                        "Payload bytes after which a transaction takes no more messages.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Batch bytes")
                .define(
                        LINGER_MS,
                        ConfigDef.Type.LONG,
                        0L,
                        ConfigDef.Range.between(0, 60_000),
                        Importance.MEDIUM,
                        "How long a record may wait for others to make a bigger batch. 0 writes what Connect delivers at once.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Linger (ms)")
                .define(
                        MAX_RETRIES,
                        ConfigDef.Type.INT,
                        -1,
                        ConfigDef.Range.atLeast(-1),
                        Importance.MEDIUM,
                        "Tries after a failed one, for errors that may pass, before the task gives up; nothing is lost then."
                                + " -1 tries as long as it takes.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Retries")
                .define(
                        RETRY_BACKOFF_MS,
                        ConfigDef.Type.LONG,
                        500L,
                        ConfigDef.Range.between(1, 600_000),
                        Importance.LOW,
                        "Wait before the first retry; each further one waits twice as long.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Retry backoff (ms)")
                .define(
                        RETRY_BACKOFF_MAX_MS,
                        ConfigDef.Type.LONG,
                        10_000L,
                        ConfigDef.Range.between(1, 600_000),
                        Importance.LOW,
                        "Longest wait between two tries.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Longest retry backoff (ms)");
    }

    private static void defineDuplicates(ConfigDef definition, Group group) {
        definition
                .define(
                        DEDUP_WINDOW_MS,
                        ConfigDef.Type.LONG,
                        QueueWriterConfig.DEFAULTS.dedupWindow().toMillis(),
                        ConfigDef.Range.atLeast(0),
                        Importance.MEDIUM,
                        "How long a transaction id is remembered: a second message with it in the same partition is a duplicate."
                                + " The option dedupWindowMs of a queue wins over this."
                                + " 0 disables.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Duplicate window (ms)")
                .define(
                        DEDUP_MAX_IDS,
                        ConfigDef.Type.INT,
                        QueueWriterConfig.DEFAULTS.dedupMaxIds(),
                        ConfigDef.Range.atLeast(1),
                        Importance.LOW,
                        "Most transaction ids a task remembers, about 16 bytes each; the oldest go first.",
                        group.name,
                        group.next(),
                        Width.SHORT,
                        "Most remembered ids");
    }

    private static void defineEncryption(ConfigDef definition, Group group) {
        definition
                .define(
                        ENCRYPTION_KEYS,
                        ConfigDef.Type.PASSWORD,
                        null,
                        Importance.MEDIUM,
                        "Keys for queues with the option encryptionEnabled: id:key separated by commas, a key being 64"
                                + " hexadecimal digits. Without one, records for such a queue wait.",
                        group.name,
                        group.next(),
                        Width.LONG,
                        "Keys")
                .define(
                        ENCRYPTION_KEY_ID,
                        ConfigDef.Type.STRING,
                        null,
                        Importance.MEDIUM,
                        "Id of the key that encrypts. Without it the first.",
                        group.name,
                        group.next(),
                        Width.MEDIUM,
                        "Key that encrypts");
    }

    /** Accepts a text that {@code check} does not throw on; null is left to whether the setting has a default. */
    private static Validator checked(String description, Consumer<String> check) {
        return new Validator() {
            @Override
            public void ensureValid(String name, @Nullable Object value) {
                if (value == null) {
                    return;
                }
                try {
                    check.accept((String) value);
                } catch (IllegalArgumentException e) {
                    throw new ConfigException(name, value, e.getMessage());
                }
            }

            @Override
            public String toString() {
                return description;
            }
        };
    }

    /** A heading of the reference page; hands out the order of its settings. */
    private static final class Group {
        private final String name;
        private int order;

        Group(String name) {
            this.name = name;
        }

        int next() {
            return ++order;
        }
    }
}
