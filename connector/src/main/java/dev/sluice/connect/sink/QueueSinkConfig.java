package dev.sluice.connect.sink;

import static dev.sluice.connect.plugin.SettingGroup.checked;
import static org.apache.kafka.common.config.ConfigDef.Range.atLeast;
import static org.apache.kafka.common.config.ConfigDef.Range.between;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.ConnectionCheck;
import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.plugin.UnknownSettings;
import dev.sluice.connect.record.MappingSettings;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** The settings of the sink: how to reach PostgreSQL, how a record becomes a message, how the task writes messages. */
public final class QueueSinkConfig extends AbstractConfig {
    public static final String CONNECTION_URL = PostgresSettings.CONNECTION_URL;
    public static final String CONNECTION_USER = PostgresSettings.CONNECTION_USER;
    public static final String CONNECTION_PASSWORD = PostgresSettings.CONNECTION_PASSWORD;
    public static final String CONNECTION_TIMEOUT_MS = PostgresSettings.CONNECTION_TIMEOUT_MS;
    public static final String WRITE_TIMEOUT_MS = "write.timeout.ms";
    static final String LOCK_TIMEOUT_MS = "lock.timeout.ms";
    public static final String QUEUE_SCHEMA = PostgresSettings.QUEUE_SCHEMA;
    public static final String SCHEMA_APPLY = PostgresSettings.SCHEMA_APPLY;
    public static final String SOURCE_NAME = "source.name";

    public static final String BATCH_SIZE = "batch.size";
    public static final String BATCH_BYTES = "batch.bytes";
    public static final String LINGER_MS = "linger.ms";
    static final String PUT_TIMEOUT_MS = "put.timeout.ms";
    public static final String MAX_RETRIES = "max.retries";
    public static final String RETRY_BACKOFF_MS = "retry.backoff.ms";
    public static final String RETRY_BACKOFF_MAX_MS = "retry.backoff.max.ms";

    public static final String DEDUP_WINDOW_MS = "dedup.window.ms";
    public static final String DEDUP_MAX_IDS = "dedup.max.ids";

    public static final String ENCRYPTION_KEYS = PostgresSettings.ENCRYPTION_KEYS;
    public static final String ENCRYPTION_KEY_ID = PostgresSettings.ENCRYPTION_KEY_ID;

    /** The setting by which a connector sets {@code max.poll.interval.ms} of its consumer. */
    static final String MAX_POLL_INTERVAL_MS = "consumer.override.max.poll.interval.ms";

    /** The setting by which a connector has its consumer commit by itself. */
    private static final String AUTO_COMMIT = "consumer.override.enable.auto.commit";

    /** Every setting, with type, default, range and documentation. */
    public static final ConfigDef DEFINITION = definition();

    /**
     * Reads the settings. It ignores keys that it does not know: {@link #unknown} is for the connector.
     *
     * @throws ConfigException if a setting is missing, out of range, or in conflict with another
     */
    public QueueSinkConfig(Map<String, String> properties) {
        super(DEFINITION, properties, false);
        conflicts(properties).forEach((name, message) -> {
            throw new ConfigException(message);
        });
    }

    /** Returns the settings that neither the connector nor Connect knows, each with the reason. */
    public static Map<String, String> unknown(Map<String, String> properties) {
        return UnknownSettings.problems(DEFINITION, properties);
    }

    /**
     * Tries the connection if the configuration asks for it. Returns the setting to change, and the reason.
     *
     * @param properties of the connector, without conflicts
     */
    public static Map<String, String> connectionProblems(Map<String, String> properties) {
        var config = new AbstractConfig(DEFINITION, properties, false);
        return ConnectionCheck.problems(config, "sluice sink validation", QueueSchema::verify);
    }

    /**
     * Returns the conflicts between settings that are valid one by one: the setting to change, and the reason.
     *
     * @param properties of the connector, each of them valid
     */
    public static Map<String, String> conflicts(Map<String, String> properties) {
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
        if (config.getString(SOURCE_NAME) == null && !properties.containsKey(ConnectSettings.NAME)) {
            conflicts.put(SOURCE_NAME, SOURCE_NAME + " must be set when the connector has no " + ConnectSettings.NAME);
        }
        addLockConflict(config, properties, conflicts);
        long put = config.getLong(PUT_TIMEOUT_MS) + config.getLong(WRITE_TIMEOUT_MS);
        OptionalLong pollInterval = pollInterval(properties);
        if (pollInterval.isPresent() && put >= pollInterval.getAsLong()) {
            conflicts.put(
                    PUT_TIMEOUT_MS,
                    PUT_TIMEOUT_MS + " and " + WRITE_TIMEOUT_MS + " must together be below " + MAX_POLL_INTERVAL_MS
                            + " (" + pollInterval.getAsLong() + "), were " + put);
        }
        if (Boolean.parseBoolean(properties.getOrDefault(AUTO_COMMIT, "").strip())) {
            conflicts.put(
                    AUTO_COMMIT,
                    AUTO_COMMIT + "=true does not go with a sink: the consumer would commit the offsets of records that"
                            + " are not stored");
        }
        var mapping = new MappingSettings(config);
        conflicts.putAll(mapping.conflicts(properties));
        addDedupConflict(config, mapping.sharedTransactionId(), conflicts);
        conflicts.putAll(new PostgresSettings(config).conflicts());
        return conflicts;
    }

    /** The default value of the lock timeout is no choice, so it is in conflict with nothing. */
    private static void addLockConflict(
            AbstractConfig config, Map<String, String> properties, Map<String, String> conflicts) {
        long lock = config.getLong(LOCK_TIMEOUT_MS);
        long write = config.getLong(WRITE_TIMEOUT_MS);
        if (properties.containsKey(LOCK_TIMEOUT_MS) && lock >= write) {
            conflicts.put(
                    LOCK_TIMEOUT_MS,
                    LOCK_TIMEOUT_MS + " must be below " + WRITE_TIMEOUT_MS + " (" + write + "), was " + lock
                            + ": the task would close the connection before the lock times out, and park nothing");
        }
    }

    private static void addDedupConflict(
            AbstractConfig config, @Nullable String sharedTransactionId, Map<String, String> conflicts) {
        long window = config.getLong(DEDUP_WINDOW_MS);
        if (window > 0 && sharedTransactionId != null) {
            String setting = MappingSettings.TRANSACTION_ID_FROM;
            conflicts.put(
                    setting,
                    setting + "=" + sharedTransactionId + " does not go with " + DEDUP_WINDOW_MS + "=" + window
                            + ": records would share one id, and all but the first would be dropped as duplicates");
        }
    }

    /** Returns the name under which PostgreSQL stores the offsets of this connector. */
    String sourceName() {
        String configured = getString(SOURCE_NAME);
        return configured == null ? (String) originals().get(ConnectSettings.NAME) : configured;
    }

    /** Returns the settings of the database. */
    PostgresSettings postgres() {
        return new PostgresSettings(this);
    }

    /** Returns a data source that opens a new connection on each call. */
    DataSource dataSource() {
        return postgres().dataSource("sluice sink " + sourceName(), getLong(WRITE_TIMEOUT_MS));
    }

    QueueWriterConfig writer() {
        return new QueueWriterConfig(
                postgres().schema(),
                Duration.ofMillis(getLong(DEDUP_WINDOW_MS)),
                getInt(DEDUP_MAX_IDS),
                postgres().cipher(),
                Duration.ofMillis(getLong(LOCK_TIMEOUT_MS)));
    }

    RecordMapping mapping() {
        return new MappingSettings(this).mapping();
    }

    /** Returns true if transforms may give a record another topic than it has in Kafka. */
    boolean isTransformed() {
        return ConnectSettings.hasTransforms(originalsStrings());
    }

    /** Returns how long the task may write batches of one delivery. */
    Duration putTimeout() {
        return Duration.ofMillis(getLong(PUT_TIMEOUT_MS));
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

    /** Returns the largest number of retries in a row, {@code -1} for no limit. */
    int maxRetries() {
        return getInt(MAX_RETRIES);
    }

    long retryBackoffMs() {
        return getLong(RETRY_BACKOFF_MS);
    }

    long retryBackoffMaxMs() {
        return getLong(RETRY_BACKOFF_MAX_MS);
    }

    private static OptionalLong pollInterval(Map<String, String> properties) {
        String text = properties.get(MAX_POLL_INTERVAL_MS);
        try {
            return text == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(text.strip()));
        } catch (NumberFormatException e) {
            // Connect itself reports that the setting is not a number.
            return OptionalLong.empty();
        }
    }

    private static ConfigDef definition() {
        var definition = new ConfigDef();
        var connection = new SettingGroup(definition, "Connection");
        PostgresSettings.defineConnection(connection);
        defineConnection(connection);
        MappingSettings.define(new SettingGroup(definition, "Mapping"));
        var writing = new SettingGroup(definition, "Writing");
        defineBatches(writing);
        defineRetries(writing);
        defineDuplicates(new SettingGroup(definition, "Duplicates"));
        PostgresSettings.defineEncryption(
                new SettingGroup(definition, "Encryption"),
                "Keys for queues with the option encryptionEnabled, as id:key separated by commas. A key has 64"
                        + " hexadecimal digits. If there is no key, the records for such a queue wait.");
        PostgresSettings.defineChecks(new SettingGroup(definition, "Checks"));
        return definition;
    }

    private static void defineConnection(SettingGroup group) {
        group.setting(
                        WRITE_TIMEOUT_MS,
                        "Write timeout (ms)",
                        "The longest time in ms to wait for an answer of PostgreSQL, rounded up to seconds. After it"
                                + " the task closes the connection and retries the batch. Keep the sum of this and"
                                + " put.timeout.ms below the consumer's max.poll.interval.ms.")
                .ofLong(60_000, between(1_000, 3_600_000), Importance.LOW);
        group.setting(
                        LOCK_TIMEOUT_MS,
                        "Lock timeout (ms)",
                        "The longest time in ms to wait for rows that another transaction has locked. After it the"
                                + " task parks the messages of these queues in the table parked, in order, and writes"
                                + " the messages of other queues. If 0, the task waits as long as write.timeout.ms"
                                + " and parks nothing.")
                .ofLong(2_000, between(0, 3_600_000), Importance.LOW);
        group.setting(
                        SOURCE_NAME,
                        "Source name",
                        "The name under which PostgreSQL stores how far the task has written each topic partition. If"
                                + " not set, it is the name of the connector. If a connector of another name"
                                + " continues where this one stopped, it must keep this value.")
                .ofText(
                        null,
                        checked("a name of at least one character", QueueSinkConfig::checkSourceName),
                        Importance.LOW,
                        Width.MEDIUM);
    }

    private static void checkSourceName(String name) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("must not be blank");
        }
    }

    private static void defineBatches(SettingGroup group) {
        group.setting(BATCH_SIZE, "Batch size", "The largest number of messages in one transaction.")
                .ofInt(10_000, between(1, 1_000_000), Importance.MEDIUM);
        group.setting(
                        BATCH_BYTES,
                        "Batch bytes",
                        "The total size of payloads and headers in bytes from which a transaction takes no more messages.")
                .ofLong(16L << 20, between(1 << 10, 1 << 30), Importance.LOW);
        group.setting(
                        LINGER_MS,
                        "Linger (ms)",
                        "The time in ms that a record may wait for others, so that the batch grows. If 0, the task"
                                + " writes at once what Connect delivers.")
                .ofLong(0, between(0, 60_000), Importance.MEDIUM);
        group.setting(
                        PUT_TIMEOUT_MS,
                        "Put timeout (ms)",
                        "The longest time in ms that the task writes batches of one delivery. After it the task hands"
                                + " the rest back to Connect, so that the consumer polls in time. Connect delivers"
                                + " the rest again. Keep the sum of this and write.timeout.ms below the consumer's"
                                + " max.poll.interval.ms.")
                .ofLong(60_000, between(1, 3_600_000), Importance.LOW);
    }

    private static void defineRetries(SettingGroup group) {
        group.setting(
                        MAX_RETRIES,
                        "Retries",
                        "The number of retries after a transient failure before the task fails. A failed task loses"
                                + " no record. If -1, the task retries without limit.")
                .ofInt(-1, atLeast(-1), Importance.MEDIUM);
        group.setting(
                        RETRY_BACKOFF_MS,
                        "Retry backoff (ms)",
                        "The backoff in ms before the first retry. Each further retry waits twice as long.")
                .ofLong(500, between(1, 600_000), Importance.LOW);
        group.setting(
                        RETRY_BACKOFF_MAX_MS,
                        "Longest retry backoff (ms)",
                        "The longest backoff in ms between two retries.")
                .ofLong(10_000, between(1, 600_000), Importance.LOW);
    }

    private static void defineDuplicates(SettingGroup group) {
        group.setting(
                        DEDUP_WINDOW_MS,
                        "Duplicate window (ms)",
                        "The time in ms for which the task remembers a transaction id. A second message with the same"
                                + " id in the same partition is a duplicate. The option dedupWindowMs of a queue"
                                + " overrides this. If 0, the task does not detect duplicates.")
                .ofLong(QueueWriterConfig.DEFAULTS.dedupWindow().toMillis(), atLeast(0), Importance.MEDIUM);
        group.setting(
                        DEDUP_MAX_IDS,
                        "Most remembered ids",
                        "The largest number of transaction ids that the task remembers. Each id takes 16 to 32 bytes"
                                + " of memory. Each of their partitions takes 450 bytes more. The task remembers at"
                                + " most an eighth as many partitions as ids. If there are more ids, the task evicts"
                                + " partitions without a write for an eighth of their window, and reads them back"
                                + " from PostgreSQL when it needs them. Of partitions in use it then knows only the"
                                + " newest ids.")
                .ofInt(
                        QueueWriterConfig.DEFAULTS.dedupMaxIds(),
                        between(1, QueueWriterConfig.MAX_DEDUP_IDS),
                        Importance.LOW);
    }
}
