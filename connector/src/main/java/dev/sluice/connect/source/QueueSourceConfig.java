package dev.sluice.connect.source;

import static dev.sluice.connect.plugin.SettingGroup.checked;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.connect.QueueSourceConnector;
import dev.sluice.connect.plugin.ConverterPairs;
import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.record.TopicNames;
import dev.sluice.connect.sink.ErrantRecords;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.queue.NewMessage;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/**
 * Settings of the source: where PostgreSQL is, which queues go to which topics, from where on, and how they are read.
 */
public final class QueueSourceConfig extends AbstractConfig {
    public static final String QUEUES = "queues";
    public static final String QUEUES_PATTERN = "queues.pattern";
    public static final String TOPIC_FORMAT = "topic.format";
    public static final String VALUE_TYPE = "value.type";
    public static final String START_FROM = "start.from";
    public static final String BATCH_SIZE = "batch.size";
    public static final String BATCH_BYTES = "batch.bytes";
    public static final String POLL_INTERVAL_MS = "poll.interval.ms";
    public static final String READ_TIMEOUT_MS = "read.timeout.ms";
    public static final String RETRY_BACKOFF_MS = "retry.backoff.ms";

    private static final String CONNECTOR_CLASS = "connector.class";
    private static final String EXACTLY_ONCE = "exactly.once.support";

    /** Prefix of the properties that a worker takes from a connector for its producer. */
    private static final String PRODUCER = "producer.override.";

    /**
     * Age at which a connection is replaced. A read does not notice that its server has lost its role to another one,
     * and then gets no new messages.
     */
    private static final Duration LONGEST_LIFE = Duration.ofSeconds(30);

    /** Which share of the partitions a task has; set by the connector. */
    public static final String TASK_INDEX = "task.index";

    /** How many tasks share the partitions; set by the connector. */
    public static final String TASK_COUNT = "task.count";

    /** Every setting: key, type, default, range, sentence. */
    public static final ConfigDef DEFINITION = definition();

    /**
     * Reads the settings; keys it does not know are Connect's own and are left alone.
     *
     * @throws ConfigException if one is missing, out of range, or does not fit another
     */
    public QueueSourceConfig(Map<String, String> properties) {
        super(DEFINITION, properties, false);
        conflicts(properties).forEach((name, message) -> {
            throw new ConfigException(message);
        });
    }

    /** Returns what is wrong between settings that are valid one by one: name of the setting to change, and why. */
    static Map<String, String> conflicts(Map<String, String> properties) {
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
        if (properties.get(QueueSinkConfig.NAME) == null) {
            conflicts.put(QueueSinkConfig.NAME, "the connector must have a " + QueueSinkConfig.NAME);
        }
        conflicts.putAll(ConverterPairs.ofSource(properties, config.getString(VALUE_TYPE)));
        QueueTopics.conflict(config.getList(QUEUES), new TopicFormat(config.getString(TOPIC_FORMAT)))
                .ifPresent(message -> conflicts.put(TOPIC_FORMAT, message));
        producerConflicts(properties, conflicts);
        conflicts.putAll(new PostgresSettings(config).conflicts());
        return conflicts;
    }

    /**
     * The same with what only the connector asks for. Bytes that the worker's own converter writes as something else
     * could not be told from payloads, so the converter must be named here, where it can be seen.
     */
    public static Map<String, String> connectorConflicts(Map<String, String> properties) {
        Map<String, String> conflicts = conflicts(properties);
        boolean isBytes = "bytes".equals(properties.get(VALUE_TYPE));
        if (isBytes
                && properties.getOrDefault(ConverterPairs.VALUE_CONVERTER, "").isBlank()) {
            conflicts.put(
                    VALUE_TYPE,
                    VALUE_TYPE + "=bytes needs " + ConverterPairs.VALUE_CONVERTER + " in this configuration: set "
                            + ConverterPairs.VALUE_CONVERTER + "=" + ConverterPairs.BYTE_ARRAY);
        }
        return conflicts;
    }

    /** Adds what Kafka's producer would refuse when a task starts, or what would let messages vanish. */
    private static void producerConflicts(Map<String, String> properties, Map<String, String> conflicts) {
        if (properties.getOrDefault(ErrantRecords.TOLERANCE, "none").strip().equalsIgnoreCase("all")) {
            conflicts.put(
                    ErrantRecords.TOLERANCE,
                    ErrantRecords.TOLERANCE + "=all does not go with " + CONNECTOR_CLASS + "="
                            + QueueSourceConnector.class.getName()
                            + ": a source has no dead letter topic, so a message that a topic does not take would"
                            + " vanish");
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
        return String.valueOf(originals().get(QueueSinkConfig.NAME));
    }

    /** Returns the settings of the database. */
    public PostgresSettings postgres() {
        return new PostgresSettings(this);
    }

    /** Returns where connections come from, a new one each time. */
    public DataSource connections() {
        return postgres().dataSource("sluice source " + connectorName(), getLong(READ_TIMEOUT_MS));
    }

    /** Returns a pool of one connection, which is opened when it is needed. Close it. */
    public HikariDataSource dataSource() {
        var pool = new HikariConfig();
        pool.setPoolName("sluice source " + connectorName());
        pool.setDataSource(connections());
        pool.setMaximumPoolSize(1);
        pool.setMinimumIdle(0);
        pool.setConnectionTimeout(getLong(PostgresSettings.CONNECTION_TIMEOUT_MS));
        pool.setInitializationFailTimeout(-1);
        // Without it a pool whose first connection breaks while Hikari asks for the level refuses all later ones.
        pool.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        pool.setExceptionOverride(new BrokenConnections());
        pool.setMaxLifetime(LONGEST_LIFE.toMillis());
        pool.setKeepaliveTime(0);
        return new HikariDataSource(pool);
    }

    /** Returns what tells by its name whether a queue is read. */
    public Predicate<String> queues() {
        String pattern = getString(QUEUES_PATTERN);
        return pattern == null
                ? Set.copyOf(getList(QUEUES))::contains
                : compiled(pattern).asMatchPredicate();
    }

    /** Returns which queues are read, and into which topics. */
    QueueTopics topics() {
        return new QueueTopics(queues(), new TopicFormat(getString(TOPIC_FORMAT)));
    }

    /** Returns whether values are bytes, and not text. */
    boolean writesBytes() {
        return getString(VALUE_TYPE).equals("bytes");
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
                "Keys to decrypt payloads of encrypted queues with: id:key separated by commas, a key being 64 hexadecimal"
                        + " digits. A payload whose key is not here goes to the topic as it is stored, encrypted.");
        return definition;
    }

    private static void defineMapping(SettingGroup group) {
        group.define(
                        QUEUES,
                        ConfigDef.Type.LIST,
                        List.of(),
                        null,
                        Importance.HIGH,
                        Width.LONG,
                        "Queues",
                        "Names of the queues to read, separated by commas. A queue that does not exist yet is read when it does."
                                + " A name with a comma needs queues.pattern. Either this or queues.pattern.")
                .define(
                        QUEUES_PATTERN,
                        ConfigDef.Type.STRING,
                        null,
                        checked("a regular expression", QueueSourceConfig::checkPattern),
                        Importance.HIGH,
                        Width.LONG,
                        "Pattern of queues",
                        "Regular expression (java.util.regex) for the whole name of the queues to read, present and future ones."
                                + " A dot stands for a line end, too.")
                .define(
                        TOPIC_FORMAT,
                        ConfigDef.Type.STRING,
                        TopicFormat.QUEUE,
                        checked("a topic name, ${queue} standing for the queue", TopicFormat::new),
                        Importance.MEDIUM,
                        Width.MEDIUM,
                        "Topic name",
                        "Topic a queue goes to; ${queue} stands for the queue, with an underscore for every character that no"
                                + " topic may have. A queue that gets no topic by it, or the topic of an older queue,"
                                + " is passed over.")
                .define(
                        VALUE_TYPE,
                        ConfigDef.Type.STRING,
                        "string",
                        ConfigDef.ValidString.in("string", "bytes"),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Type of values",
                        "string for value.converter=org.apache.kafka.connect.storage.StringConverter, bytes for"
                                + " org.apache.kafka.connect.converters.ByteArrayConverter, which must then be in this"
                                + " configuration. With either, the value in the topic is the payload, byte for byte.",
                        List.of(),
                        new Recommender() {
                            @Override
                            public List<Object> validValues(String name, Map<String, Object> parsed) {
                                return List.of("string", "bytes");
                            }

                            @Override
                            public boolean visible(String name, Map<String, Object> parsed) {
                                return true;
                            }
                        });
    }

    /** Names of queues may hold line ends, and {@code .*} means all queues. */
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
        group.define(
                        START_FROM,
                        ConfigDef.Type.STRING,
                        "beginning",
                        checked(StartFrom.SYNTAX, StartFrom::parse),
                        Importance.MEDIUM,
                        Width.MEDIUM,
                        "Start from",
                        "Where to begin in a partition that has no offset yet: beginning; end, that is with what is written after"
                                + " the connector of this name first started; or timestamp:TIME, with what is written from that"
                                + " time on (RFC 3339, without an offset UTC; a date; or milliseconds since 1970).")
                .define(
                        BATCH_SIZE,
                        ConfigDef.Type.INT,
                        2_000,
                        ConfigDef.Range.between(1, 100_000),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Batch size",
                        "Most messages handed to Connect at a time.")
                .define(
                        BATCH_BYTES,
                        ConfigDef.Type.LONG,
                        8L << 20,
                        ConfigDef.Range.between(1 << 10, 1 << 30),
                        Importance.LOW,
                        Width.SHORT,
                        "Batch bytes",
                        "Payload bytes after which a batch takes no more messages.")
                .define(
                        POLL_INTERVAL_MS,
                        ConfigDef.Type.LONG,
                        500L,
                        ConfigDef.Range.between(10, 60_000),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Poll interval (ms)",
                        "How long to wait before looking again for new messages, partitions and queues, when there was nothing"
                                + " new. Each task looks for itself, which costs PostgreSQL a row a partition.")
                .define(
                        READ_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        60_000L,
                        ConfigDef.Range.between(1_000, 3_600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Read timeout (ms)",
                        "Longest time to wait for an answer of PostgreSQL, rounded up to seconds. The connection is given up"
                                + " after it, and the read tried again.")
                .define(
                        RETRY_BACKOFF_MS,
                        ConfigDef.Type.LONG,
                        1_000L,
                        ConfigDef.Range.between(1, 600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Retry backoff (ms)",
                        "Wait before the next try after PostgreSQL could not be read.");
    }

    /** Names the topics of queues. */
    static final class TopicFormat {
        static final String QUEUE = "${queue}";

        private final String format;

        /**
         * Takes a format.
         *
         * @throws IllegalArgumentException if it has characters that no topic may have
         */
        TopicFormat(String format) {
            this.format = format;
            // The shortest queue name that makes no special name together with the text around it.
            if (!TopicNames.isPossible(format.replace(QUEUE, "q"))) {
                throw new IllegalArgumentException("must be 1 to " + TopicNames.MAX_LENGTH
                        + " letters, digits, dots, underscores and hyphens, and " + QUEUE + " for the queue");
            }
        }

        /**
         * Returns the topic of a queue.
         *
         * @throws IllegalArgumentException if the name would be one that no topic can have
         */
        String topic(String queue) {
            NewMessage.checkName("queue", queue);
            String topic =
                    format.replace(QUEUE, TopicNames.ILLEGAL.matcher(queue).replaceAll("_"));
            if (!TopicNames.isPossible(topic)) {
                throw new IllegalArgumentException("queue " + queue + " has no topic: no topic can be named " + topic
                        + "; change " + TOPIC_FORMAT);
            }
            return topic;
        }

        /** Says whether each queue is to have a topic of its own. */
        boolean separatesQueues() {
            return format.contains(QUEUE);
        }
    }

    /** Returns the value of a setting that only the connector sets. */
    static int taskNumber(Map<String, String> properties, String key, int otherwise) {
        @Nullable String text = properties.get(key);
        return text == null ? otherwise : Integer.parseInt(text);
    }
}
