package dev.sluice.connect.source;

import static dev.sluice.connect.plugin.SettingGroup.checked;
import static org.apache.kafka.common.config.ConfigDef.Range.between;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.ConnectionCheck;
import dev.sluice.connect.plugin.Converters;
import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.plugin.UnknownSettings;
import dev.sluice.queue.read.QueueReader.Share;
import dev.sluice.queue.sql.QueueSchema;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;

/**
 * The settings of the source: how to reach PostgreSQL, which queues go to which topics, where and how the task reads.
 */
public final class QueueSourceConfig extends AbstractConfig {
    static final String QUEUES = "queues";
    static final String QUEUES_PATTERN = "queues.pattern";
    static final String TOPIC_FORMAT = "topic.format";
    static final String VALUE_TYPE = "value.type";
    static final String INEXACT_NUMBERS = "inexact.numbers";
    static final String NULL_PAYLOAD = "null.payload";
    static final String START_FROM = "start.from";
    static final String BATCH_SIZE = "batch.size";
    static final String BATCH_BYTES = "batch.bytes";
    static final String POLL_INTERVAL_MS = "poll.interval.ms";
    static final String READ_TIMEOUT_MS = "read.timeout.ms";
    static final String RETRY_BACKOFF_MS = "retry.backoff.ms";

    /** The connector, as configurations name it. */
    static final String CONNECTOR = "dev.sluice.connect.QueueSourceConnector";

    private static final String STRING = "string";
    static final String BYTES = "bytes";
    static final String JSON = "json";
    private static final String TOMBSTONE = "tombstone";
    private static final String EXACTLY_ONCE = "exactly.once.support";
    private static final String TRANSACTION_BOUNDARY = "transaction.boundary";

    /** Prefix of the settings by which a connector configures its producer. */
    private static final String PRODUCER = "producer.override.";

    /**
     * Age at which the pool replaces a connection. After a failover, the old primary still answers reads but gets no
     * new messages, and a read does not detect that.
     */
    private static final Duration MAX_LIFETIME = Duration.ofSeconds(30);

    /** The number of a task, from 0. The connector sets it. */
    private static final String TASK_INDEX = "task.index";

    /** How many tasks share the partitions. The connector sets it. */
    private static final String TASK_COUNT = "task.count";

    /** Every setting, with type, default, range and documentation. */
    public static final ConfigDef DEFINITION = definition();

    /**
     * Reads the settings. It ignores keys that it does not know: {@link #unknown} is for the connector.
     *
     * @throws ConfigException if a setting is missing, out of range, or in conflict with another
     */
    public QueueSourceConfig(Map<String, String> properties) {
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
        return ConnectionCheck.problems(config, "sluice source validation", QueueSchema::verifyReadable);
    }

    /** Returns the conflicts between settings that are valid one by one: the setting to change, and the reason. */
    private static Map<String, String> conflicts(Map<String, String> properties) {
        var config = new AbstractConfig(DEFINITION, properties, false);
        var conflicts = new LinkedHashMap<String, String>();
        boolean named = !config.getList(QUEUES).isEmpty();
        boolean matched = config.getString(QUEUES_PATTERN) != null;
        if (named == matched) {
            conflicts.put(
                    QUEUES,
                    named
                            ? QUEUES + " and " + QUEUES_PATTERN + " must not both be set"
                            : QUEUES + " or " + QUEUES_PATTERN + " must be set");
        }
        if (config.getList(QUEUES).contains("")) {
            conflicts.put(
                    QUEUES,
                    QUEUES + " has an empty entry; " + QUEUES_PATTERN + "=^$ selects the queue with the empty name");
        }
        if (properties.get(ConnectSettings.NAME) == null) {
            conflicts.put(ConnectSettings.NAME, "the connector must have a " + ConnectSettings.NAME);
        }
        conflicts.putAll(ConverterConflicts.of(properties, config.getString(VALUE_TYPE)));
        if (config.getString(INEXACT_NUMBERS) != null
                && !config.getString(VALUE_TYPE).equals(JSON)) {
            conflicts.put(
                    INEXACT_NUMBERS,
                    INEXACT_NUMBERS + " has no use without " + VALUE_TYPE + "=json: the other types keep each digit");
        }
        QueueTopics.problem(config.getList(QUEUES), new TopicFormat(config.getString(TOPIC_FORMAT)))
                .ifPresent(problem ->
                        conflicts.put(TOPIC_FORMAT, QUEUES + " and " + TOPIC_FORMAT + " do not fit: " + problem));
        addProducerConflicts(properties, conflicts);
        conflicts.putAll(new PostgresSettings(config).conflicts());
        return conflicts;
    }

    /**
     * Returns the conflicts that the connector reports, which are more than a task checks. With bytes and with json,
     * the configuration must name the converter. The worker's own converter is not visible here. If it writes bytes in
     * another form, no reader can distinguish them from payloads, and {@code StringConverter} writes a map as
     * {@code {a=1}}.
     *
     * @param properties of the connector, each of them valid
     */
    public static Map<String, String> connectorConflicts(Map<String, String> properties) {
        Map<String, String> conflicts = conflicts(properties);
        String type = properties.getOrDefault(VALUE_TYPE, STRING);
        if (!type.equals(STRING)
                && properties.getOrDefault(Converters.VALUE, "").isBlank()) {
            conflicts.put(
                    VALUE_TYPE,
                    VALUE_TYPE + "=" + type + " needs " + Converters.VALUE + " in this configuration: set "
                            + Converters.VALUE + "="
                            + (type.equals(BYTES) ? Converters.BYTE_ARRAY_CLASS : Converters.JSON_CLASS));
        }
        return conflicts;
    }

    /** Adds the settings that Kafka's producer would reject when a task starts, and those that would lose messages. */
    private static void addProducerConflicts(Map<String, String> properties, Map<String, String> conflicts) {
        if (ConnectSettings.toleratesErrors(properties)) {
            conflicts.put(
                    ConnectSettings.ERRORS_TOLERANCE,
                    ConnectSettings.ERRORS_TOLERANCE + "=all does not go with " + ConnectSettings.CONNECTOR_CLASS + "="
                            + CONNECTOR + ": a source has no dead letter topic, so a message that a topic does not take"
                            + " would vanish");
        }
        String boundary = properties.getOrDefault(TRANSACTION_BOUNDARY, "poll").strip();
        if (boundary.equalsIgnoreCase("connector")) {
            conflicts.put(
                    TRANSACTION_BOUNDARY,
                    TRANSACTION_BOUNDARY + "=" + boundary + " does not go with " + ConnectSettings.CONNECTOR_CLASS + "="
                            + CONNECTOR + ", which defines no transactions. Set " + TRANSACTION_BOUNDARY
                            + "=poll or interval");
        }
        if (!properties.getOrDefault(EXACTLY_ONCE, "requested").strip().equalsIgnoreCase("required")) {
            return;
        }
        forExactlyOnce(
                properties, conflicts, PRODUCER + "acks", value -> value.equals("all") || value.equals("-1"), "all");
        forExactlyOnce(properties, conflicts, PRODUCER + "enable.idempotence", Boolean::parseBoolean, "true");
        forExactlyOnce(
                properties,
                conflicts,
                PRODUCER + "max.in.flight.requests.per.connection",
                value -> value.matches("[1-5]"),
                "1 to 5");
        forExactlyOnce(properties, conflicts, PRODUCER + "retries", value -> !value.equals("0"), "1 or more");
    }

    private static void forExactlyOnce(
            Map<String, String> properties,
            Map<String, String> conflicts,
            String setting,
            Predicate<String> fits,
            String wanted) {
        String value = properties.get(setting);
        if (value != null && !fits.test(value.strip())) {
            conflicts.put(
                    setting,
                    setting + "=" + value + " does not go with " + EXACTLY_ONCE + "=required, which needs " + wanted);
        }
    }

    /** Returns the connector's name. */
    String connectorName() {
        return String.valueOf(originals().get(ConnectSettings.NAME));
    }

    /** Returns the settings of the database. */
    PostgresSettings postgres() {
        return new PostgresSettings(this);
    }

    /** Returns a data source that opens a new connection on each call. */
    DataSource connections() {
        return postgres().dataSource("sluice source " + connectorName(), getLong(READ_TIMEOUT_MS));
    }

    /** Returns a pool of one connection, which the pool opens on first use. The caller closes the pool. */
    HikariDataSource dataSource() {
        var pool = new HikariConfig();
        pool.setPoolName("sluice source " + connectorName());
        pool.setDataSource(connections());
        pool.setMaximumPoolSize(1);
        pool.setMinimumIdle(0);
        pool.setConnectionTimeout(getLong(PostgresSettings.CONNECTION_TIMEOUT_MS));
        pool.setInitializationFailTimeout(-1);
        // Otherwise, if the first connection breaks while Hikari reads its level, the pool rejects all later ones.
        pool.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        pool.setExceptionOverride(new BrokenConnections());
        pool.setMaxLifetime(MAX_LIFETIME.toMillis());
        pool.setKeepaliveTime(0);
        return new HikariDataSource(pool);
    }

    /** Returns a predicate on the names of the queues that the connector reads. */
    Predicate<String> queues() {
        String pattern = getString(QUEUES_PATTERN);
        return pattern == null
                ? Set.copyOf(getList(QUEUES))::contains
                : compiled(pattern).asMatchPredicate();
    }

    /** Returns the queues that the connector reads, with their topics. */
    QueueTopics topics() {
        return new QueueTopics(queues(), new TopicFormat(getString(TOPIC_FORMAT)));
    }

    /** Returns what makes the values of records. */
    RecordValues recordValues() {
        String inexact = getString(INEXACT_NUMBERS);
        return new RecordValues(
                RecordValues.Type.valueOf(getString(VALUE_TYPE).toUpperCase(Locale.ROOT)),
                RecordValues.Inexact.valueOf((inexact == null ? STRING : inexact).toUpperCase(Locale.ROOT)),
                getString(NULL_PAYLOAD).equals(TOMBSTONE));
    }

    StartFrom startFrom() {
        return StartFrom.parse(getString(START_FROM));
    }

    int batchSize() {
        return getInt(BATCH_SIZE);
    }

    long batchBytes() {
        return getLong(BATCH_BYTES);
    }

    Duration pollInterval() {
        return Duration.ofMillis(getLong(POLL_INTERVAL_MS));
    }

    Duration retryBackoff() {
        return Duration.ofMillis(getLong(RETRY_BACKOFF_MS));
    }

    private static ConfigDef definition() {
        var definition = new ConfigDef();
        PostgresSettings.defineConnection(new SettingGroup(definition, "Connection"));
        defineMapping(new SettingGroup(definition, "Mapping"));
        defineReading(new SettingGroup(definition, "Reading"));
        PostgresSettings.defineEncryption(
                new SettingGroup(definition, "Encryption"),
                "Keys that decrypt the payloads of encrypted queues, as id:key separated by commas. A key has 64"
                        + " hexadecimal digits. If the key of a payload is missing, the task writes the payload to"
                        + " the topic as it is stored, encrypted.");
        PostgresSettings.defineChecks(new SettingGroup(definition, "Checks"));
        return definition;
    }

    private static void defineMapping(SettingGroup group) {
        group.setting(
                        QUEUES,
                        "Queues",
                        "Names of the queues to read, separated by commas. If a queue does not exist yet, the task"
                                + " reads it once it exists. A name with a comma needs queues.pattern. Set either"
                                + " this or queues.pattern.")
                .of(ConfigDef.Type.LIST, List.of(), null, Importance.HIGH, Width.LONG);
        group.setting(
                        QUEUES_PATTERN,
                        "Pattern of queues",
                        "A regular expression (java.util.regex) that matches the whole name of each queue to read,"
                                + " existing or future. A dot also matches a line end.")
                .ofText(
                        null,
                        checked("a regular expression", QueueSourceConfig::checkPattern),
                        Importance.HIGH,
                        Width.LONG);
        group.setting(
                        TOPIC_FORMAT,
                        "Topic name",
                        "The topic that a queue goes to. ${queue} stands for the name of the queue, with an"
                                + " underscore for every character that no topic may have. If a queue gets no topic,"
                                + " or the topic of an older queue, the task skips the queue.")
                .ofText(
                        TopicFormat.QUEUE,
                        checked("a topic name; ${queue} stands for the queue", TopicFormat::new),
                        Importance.MEDIUM,
                        Width.MEDIUM);
        defineValues(group);
    }

    private static void defineValues(SettingGroup group) {
        group.setting(
                        VALUE_TYPE,
                        "Type of values",
                        "string goes with value.converter=org.apache.kafka.connect.storage.StringConverter. bytes"
                                + " goes with org.apache.kafka.connect.converters.ByteArrayConverter, and then this"
                                + " configuration must name that converter. With either, the value in the topic is"
                                + " the payload, byte for byte. json parses the payload into maps, lists and scalars"
                                + " without a schema, so that transforms and converters reach its fields. It goes"
                                + " with org.apache.kafka.connect.json.JsonConverter and"
                                + " value.converter.schemas.enable=false, and this configuration must name the"
                                + " converter.")
                .recommending(STRING, BYTES, JSON)
                .ofText(STRING, ConfigDef.ValidString.in(STRING, BYTES, JSON), Importance.MEDIUM, Width.SHORT);
        group.setting(
                        INEXACT_NUMBERS,
                        "Inexact numbers",
                        "With value.type=json, the effect on a number of a payload that neither a 64-bit integer nor a"
                                + " double holds exactly. string: the number becomes a string with the same digits."
                                + " double: it becomes the nearest double; a number that is too large for one becomes"
                                + " a string. fail: the task fails. If not set, it is string.")
                .recommending(STRING, "double", "fail")
                .ofText(
                        null,
                        checked("string, double or fail", QueueSourceConfig::checkInexact),
                        Importance.LOW,
                        Width.SHORT);
        group.setting(
                        NULL_PAYLOAD,
                        "Null payload",
                        "What the payload null becomes. value: a value, the JSON text null. tombstone: a record"
                                + " without a value, which deletes its key from a compacted topic.")
                .recommending("value", TOMBSTONE)
                .ofText("value", ConfigDef.ValidString.in("value", TOMBSTONE), Importance.LOW, Width.SHORT);
    }

    private static void checkInexact(String text) {
        if (!Set.of(STRING, "double", "fail").contains(text)) {
            throw new IllegalArgumentException("must be string, double or fail, was " + text);
        }
    }

    /** Compiles a pattern. Names of queues may contain line ends, and {@code .*} means all queues. */
    private static Pattern compiled(String pattern) {
        return Pattern.compile(pattern, Pattern.DOTALL);
    }

    private static void checkPattern(String text) {
        try {
            compiled(text);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("must be a regular expression: " + e.getMessage(), e);
        }
    }

    private static void defineReading(SettingGroup group) {
        group.setting(
                        START_FROM,
                        "Start from",
                        "Where the task begins in a partition that has no offset yet. beginning: with the oldest"
                                + " message. end: with messages written after the connector of this name first"
                                + " started. timestamp:TIME: with messages written from that time on. TIME is RFC"
                                + " 3339 (without an offset, UTC), a date, or milliseconds since 1970.")
                .ofText("beginning", checked(StartFrom.SYNTAX, StartFrom::parse), Importance.MEDIUM, Width.MEDIUM);
        group.setting(
                        BATCH_SIZE,
                        "Batch size",
                        "The largest number of messages that the task hands to Connect at a time.")
                .ofInt(2_000, between(1, 100_000), Importance.MEDIUM);
        group.setting(
                        BATCH_BYTES,
                        "Batch bytes",
                        "The total size of payloads and headers in bytes from which a batch takes no more messages.")
                .ofLong(8L << 20, between(1 << 10, 1 << 30), Importance.LOW);
        group.setting(
                        POLL_INTERVAL_MS,
                        "Poll interval (ms)",
                        "The time in ms that a task waits before it looks again for new messages, partitions and"
                                + " queues, if it found nothing new. Each task looks for itself. Each look costs"
                                + " PostgreSQL one row per partition.")
                .ofLong(500, between(10, 60_000), Importance.MEDIUM);
        group.setting(
                        READ_TIMEOUT_MS,
                        "Read timeout (ms)",
                        "The longest time in ms to wait for an answer of PostgreSQL, rounded up to seconds. After it"
                                + " the task closes the connection and retries the read.")
                .ofLong(60_000, between(1_000, 3_600_000), Importance.LOW);
        group.setting(
                        RETRY_BACKOFF_MS,
                        "Retry backoff (ms)",
                        "The backoff in ms before the next try if a read from PostgreSQL failed.")
                .ofLong(1_000, between(1, 600_000), Importance.LOW);
    }

    /** Returns the configurations of the tasks, each with its share of the partitions. */
    public static List<Map<String, String>> taskConfigs(Map<String, String> properties, int tasks) {
        var configs = new ArrayList<Map<String, String>>(tasks);
        for (int i = 0; i < tasks; i++) {
            var config = new HashMap<>(properties);
            config.put(TASK_INDEX, Integer.toString(i));
            config.put(TASK_COUNT, Integer.toString(tasks));
            configs.add(config);
        }
        return configs;
    }

    /** Returns the share of the partitions that the configuration of a task has; without one, all partitions. */
    static Share share(Map<String, String> taskConfig) {
        return new Share(
                Integer.parseInt(taskConfig.getOrDefault(TASK_INDEX, "0")),
                Integer.parseInt(taskConfig.getOrDefault(TASK_COUNT, "1")));
    }
}
