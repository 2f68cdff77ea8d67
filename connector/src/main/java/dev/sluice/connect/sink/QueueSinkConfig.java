package dev.sluice.connect.sink;

import static dev.sluice.connect.plugin.SettingGroup.checked;

import dev.sluice.connect.plugin.ConverterPairs;
import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.connect.record.RecordMapping;
import dev.sluice.connect.record.RecordMapping.Part;
import dev.sluice.connect.record.Selector;
import dev.sluice.connect.record.WatchedSelector;
import dev.sluice.connect.record.WatchedSelector.Missing;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Recommender;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;
import org.jspecify.annotations.Nullable;

/** Settings of the sink: where PostgreSQL is, how a record becomes a message, how messages are written. */
public final class QueueSinkConfig extends AbstractConfig {
    /** Name of the connector, given by Connect. */
    public static final String NAME = "name";

    /** The topics the connector reads, a setting of Connect. */
    static final String TOPICS = "topics";

    /** A regular expression for the topics the connector reads, a setting of Connect. */
    static final String TOPICS_REGEX = "topics.regex";

    public static final String CONNECTION_URL = PostgresSettings.CONNECTION_URL;
    public static final String CONNECTION_USER = PostgresSettings.CONNECTION_USER;
    public static final String CONNECTION_PASSWORD = PostgresSettings.CONNECTION_PASSWORD;
    public static final String CONNECTION_TIMEOUT_MS = PostgresSettings.CONNECTION_TIMEOUT_MS;
    public static final String WRITE_TIMEOUT_MS = "write.timeout.ms";
    public static final String LOCK_TIMEOUT_MS = "lock.timeout.ms";
    public static final String QUEUE_SCHEMA = PostgresSettings.QUEUE_SCHEMA;
    public static final String SCHEMA_APPLY = PostgresSettings.SCHEMA_APPLY;
    public static final String SOURCE_NAME = "source.name";

    public static final String QUEUE_NAME_FORMAT = "queue.name.format";
    public static final String PARTITION_FROM = "partition.from";
    public static final String TRANSACTION_ID_FROM = "transaction.id.from";
    public static final String TRACE_ID_FROM = "trace.id.from";
    public static final String CREATED_FROM = "created.from";
    public static final String LANE_FROM = "lane.from";
    public static final String MESSAGE_HEADERS = "message.headers";
    public static final String MESSAGE_MAX_BYTES = "message.max.bytes";

    public static final String BATCH_SIZE = "batch.size";
    public static final String BATCH_BYTES = "batch.bytes";
    public static final String LINGER_MS = "linger.ms";
    public static final String PUT_TIMEOUT_MS = "put.timeout.ms";
    public static final String MAX_RETRIES = "max.retries";
    public static final String RETRY_BACKOFF_MS = "retry.backoff.ms";
    public static final String RETRY_BACKOFF_MAX_MS = "retry.backoff.max.ms";

    public static final String DEDUP_WINDOW_MS = "dedup.window.ms";
    public static final String DEDUP_MAX_IDS = "dedup.max.ids";

    public static final String ENCRYPTION_KEYS = PostgresSettings.ENCRYPTION_KEYS;
    public static final String ENCRYPTION_KEY_ID = PostgresSettings.ENCRYPTION_KEY_ID;

    /** What a worker takes from a connector for its consumer's {@code max.poll.interval.ms}. */
    static final String MAX_POLL_INTERVAL_MS = "consumer.override.max.poll.interval.ms";

    /** The settings that say where a part of a message comes from. */
    private static final Map<String, Part> SELECTORS = Map.of(
            PARTITION_FROM,
            Part.PARTITION,
            TRANSACTION_ID_FROM,
            Part.TRANSACTION_ID,
            TRACE_ID_FROM,
            Part.TRACE_ID,
            CREATED_FROM,
            Part.CREATED_AT,
            LANE_FROM,
            Part.LANE);

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
        if (config.getString(SOURCE_NAME) == null && !properties.containsKey(NAME)) {
            conflicts.put(SOURCE_NAME, SOURCE_NAME + " must be set when the connector has no " + NAME);
        }
        long put = config.getLong(PUT_TIMEOUT_MS) + config.getLong(WRITE_TIMEOUT_MS);
        OptionalLong pollInterval = pollInterval(properties);
        if (pollInterval.isPresent() && put >= pollInterval.getAsLong()) {
            conflicts.put(
                    PUT_TIMEOUT_MS,
                    PUT_TIMEOUT_MS + " and " + WRITE_TIMEOUT_MS + " must together be below " + MAX_POLL_INTERVAL_MS
                            + " (" + pollInterval.getAsLong() + "), were " + put);
        }
        mappingConflicts(config, properties, conflicts);
        conflicts.putAll(new PostgresSettings(config).conflicts());
        return conflicts;
    }

    private static void mappingConflicts(
            AbstractConfig config, Map<String, String> properties, Map<String, String> conflicts) {
        var selectors = new TreeMap<String, String>();
        for (String key : SELECTORS.keySet()) {
            String from = config.getString(key);
            String missing = Missing.settingOf(key);
            if (from != null) {
                selectors.put(key, from);
            } else if (config.getString(missing) != null) {
                conflicts.put(missing, missing + " has no use without " + key);
            }
        }
        conflicts.putAll(ConverterPairs.ofSink(properties, selectors, config.getBoolean(MESSAGE_HEADERS)));
        String id = config.getString(TRANSACTION_ID_FROM);
        long window = config.getLong(DEDUP_WINDOW_MS);
        if (window > 0 && (id.startsWith(Selector.CONSTANT) || id.equals("topic-partition"))) {
            conflicts.put(
                    TRANSACTION_ID_FROM,
                    TRANSACTION_ID_FROM + "=" + id + " does not go with " + DEDUP_WINDOW_MS + "=" + window
                            + ": records would share one id, and all but the first would be dropped as duplicates");
        }
        for (String topic : properties.getOrDefault(TOPICS, "").split(",", -1)) {
            try {
                RecordMapping.checkQueueName(config.getString(QUEUE_NAME_FORMAT), topic.strip());
            } catch (IllegalArgumentException e) {
                conflicts.put(
                        QUEUE_NAME_FORMAT,
                        QUEUE_NAME_FORMAT + " gives the topic " + topic.strip() + " of " + TOPICS
                                + " a queue name that is not possible: " + e.getMessage());
            }
        }
    }

    /** Returns the name under which PostgreSQL remembers offsets. */
    public String sourceName() {
        String configured = getString(SOURCE_NAME);
        return configured == null ? (String) originals().get(NAME) : configured;
    }

    /** Returns the settings of the database. */
    public PostgresSettings postgres() {
        return new PostgresSettings(this);
    }

    /** Returns where connections come from. */
    public DataSource dataSource() {
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

    public RecordMapping mapping() {
        var selectors = new EnumMap<Part, Selector>(Part.class);
        SELECTORS.forEach((key, part) -> {
            String from = getString(key);
            if (from != null) {
                selectors.put(part, selector(key, from));
            }
        });
        return new RecordMapping(
                getString(QUEUE_NAME_FORMAT), selectors, getBoolean(MESSAGE_HEADERS), getInt(MESSAGE_MAX_BYTES));
    }

    /** Returns a selector, watched where records may have nothing there. */
    private Selector selector(String key, String from) {
        if (!Selector.mayMiss(from)) {
            return Selector.parse(key, from);
        }
        String missing = getString(Missing.settingOf(key));
        return new WatchedSelector(key, from, missing == null ? null : Missing.parse(missing));
    }

    /** Says whether transforms may give records another topic than Kafka has them in. */
    boolean isTransformed() {
        return originals().get("transforms") instanceof String transforms && !transforms.isBlank();
    }

    /** Returns how long one delivery may go on writing batches. */
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

    private static OptionalLong pollInterval(Map<String, String> properties) {
        String text = properties.get(MAX_POLL_INTERVAL_MS);
        try {
            return text == null ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(text.strip()));
        } catch (NumberFormatException e) {
            // Connect refuses it, and says so.
            return OptionalLong.empty();
        }
    }

    private static ConfigDef definition() {
        var definition = new ConfigDef();
        var connection = new SettingGroup(definition, "Connection");
        PostgresSettings.defineConnection(connection);
        defineConnection(connection);
        defineMapping(new SettingGroup(definition, "Mapping"));
        defineWriting(new SettingGroup(definition, "Writing"));
        defineDuplicates(new SettingGroup(definition, "Duplicates"));
        PostgresSettings.defineEncryption(
                new SettingGroup(definition, "Encryption"),
                "Keys for queues with the option encryptionEnabled: id:key separated by commas, a key being 64"
                        + " hexadecimal digits. Without one, records for such a queue wait.");
        return definition;
    }

    private static void defineConnection(SettingGroup group) {
        group.define(
                        WRITE_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        60_000L,
                        ConfigDef.Range.between(1_000, 3_600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Write timeout (ms)",
                        "Longest time to wait for an answer of PostgreSQL, rounded up to seconds. The connection is given up"
                                + " after it, and the batch tried again. Keep it, together with put.timeout.ms, below the"
                                + " consumer's max.poll.interval.ms.")
                .define(
                        LOCK_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        2_000L,
                        ConfigDef.Range.between(0, 3_600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Lock timeout (ms)",
                        "Longest time to wait for rows that another transaction has locked. Then the messages of these queues"
                                + " wait in the table parked, in order, and the messages of other queues go on. 0 waits"
                                + " as long as write.timeout.ms, and parks nothing.")
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
                        Width.MEDIUM,
                        "Source name",
                        "Name under which PostgreSQL remembers how far each topic partition is written. Without it the name of"
                                + " the connector. A connector under another name that should continue where this one stopped"
                                + " must keep this value.");
    }

    private static void defineMapping(SettingGroup group) {
        group.define(
                QUEUE_NAME_FORMAT,
                ConfigDef.Type.STRING,
                RecordMapping.TOPIC,
                checked("a name, ${topic} standing for the topic", RecordMapping::checkQueueNameFormat),
                Importance.MEDIUM,
                Width.MEDIUM,
                "Queue name",
                "Name of the queue a record goes to; ${topic} stands for the topic. A record with the header"
                        + " sluice.queue goes to the queue named there. A topic that gets no possible name by it is"
                        + " passed over.");
        defineSelector(
                group,
                PARTITION_FROM,
                "key",
                List.of("key", "topic-partition"),
                "Partition from",
                "Where the name of the queue's partition comes from. A record that has none, such as one without a key, goes"
                        + " to <topic>-<partition>. The header sluice.partition wins over this.");
        defineSelector(
                group,
                TRANSACTION_ID_FROM,
                "topic-partition-offset",
                List.of("topic-partition-offset", "key"),
                "Transaction id from",
                "Where the id comes from under which a message is unique in its partition. A record that has none gets"
                        + " <topic>-<partition>-<offset>. The header sluice.transaction-id wins over this.");
        defineSelector(
                group,
                TRACE_ID_FROM,
                null,
                List.of(),
                "Trace id from",
                "Where the trace id comes from, a UUID. A record that has none gets none. The header sluice.trace-id wins"
                        + " over this.");
        defineSelector(
                group,
                CREATED_FROM,
                null,
                List.of("timestamp"),
                "Created time from",
                "Where the time comes from at which a message was created: ISO 8601 with its offset from UTC, or milliseconds"
                        + " since 1970. Without it the time of the write. Retention and delays go by the time of the write in"
                        + " any case. The header sluice.created-at wins over this.");
        defineSelector(
                group,
                LANE_FROM,
                null,
                List.of("constant:critical", "constant:high", "constant:normal", "constant:low"),
                "Lane from",
                "Where the lane comes from that a new partition of the queue is created in: critical, high, normal or low."
                        + " Without it that of the queue's priority. A partition that exists stays in its lane. The header"
                        + " sluice.lane wins over this.");
        group.define(
                        MESSAGE_HEADERS,
                        ConfigDef.Type.BOOLEAN,
                        true,
                        null,
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Read sluice headers",
                        "Whether the headers sluice.* of a record win over the settings above. Turn it off where those who write"
                                + " the topics must not choose the queue, or to copy messages into another queue.")
                .define(
                        MESSAGE_MAX_BYTES,
                        ConfigDef.Type.INT,
                        16 << 20,
                        ConfigDef.Range.between(1, 256 << 20),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Largest message (bytes)",
                        "Most bytes of a payload, as JSON. A record with a longer one is an error of the record.");
    }

    private static void defineSelector(
            SettingGroup group,
            String key,
            @Nullable String defaultValue,
            List<String> recommended,
            String displayName,
            String documentation) {
        group.define(
                key,
                ConfigDef.Type.STRING,
                defaultValue,
                checked(Selector.SYNTAX, text -> {
                    Selector.parse(key, text);
                    checkFits(key, text);
                }),
                Importance.MEDIUM,
                Width.MEDIUM,
                displayName,
                documentation,
                List.of(),
                new Recommended(recommended));
        String missing = Missing.settingOf(key);
        group.define(
                missing,
                ConfigDef.Type.STRING,
                null,
                checked(Missing.SYNTAX, Missing::parse),
                Importance.LOW,
                Width.SHORT,
                displayName + ": if missing",
                "Effect on a record that has nothing where " + key + " looks. default: it gets the default of " + key
                        + "; warn: the same with a warning; fail: the record is an error. If not set: warn"
                        + " for field: and header:, and default for the rest.",
                List.of(),
                new Recommended(List.of("default", "warn", "fail")));
    }

    /** Checks what a selector gives every record alike, or can never give. */
    private static void checkFits(String key, String from) {
        boolean isConstant = from.startsWith(Selector.CONSTANT);
        String constant = isConstant ? from.substring(Selector.CONSTANT.length()) : null;
        switch (key) {
            case LANE_FROM -> RecordHeaders.lane(LANE_FROM, constant);
            case TRACE_ID_FROM -> RecordHeaders.uuid(TRACE_ID_FROM, constant);
            case CREATED_FROM -> RecordHeaders.time(CREATED_FROM, constant);
            default -> {
                return;
            }
        }
        boolean isTime = from.equals("timestamp");
        if (from.startsWith("topic-partition") || (isTime && !key.equals(CREATED_FROM))) {
            throw new IllegalArgumentException(key + " must not be " + from + ", which is never a "
                    + (key.equals(LANE_FROM) ? "lane" : key.equals(TRACE_ID_FROM) ? "UUID" : "time"));
        }
    }

    /** Values to begin with; others may be as good. */
    private record Recommended(List<String> values) implements Recommender {
        @Override
        public List<Object> validValues(String name, Map<String, Object> parsed) {
            return List.copyOf(values);
        }

        @Override
        public boolean visible(String name, Map<String, Object> parsed) {
            return true;
        }
    }

    private static void defineWriting(SettingGroup group) {
        group.define(
                        BATCH_SIZE,
                        ConfigDef.Type.INT,
                        10_000,
                        ConfigDef.Range.between(1, 1_000_000),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Batch size",
                        "Most messages written in one transaction.")
                .define(
                        BATCH_BYTES,
                        ConfigDef.Type.LONG,
                        16L << 20,
                        ConfigDef.Range.between(1 << 10, 1 << 30),
                        Importance.LOW,
                        Width.SHORT,
                        "Batch bytes",
                        "Payload bytes after which a transaction takes no more messages.")
                .define(
                        LINGER_MS,
                        ConfigDef.Type.LONG,
                        0L,
                        ConfigDef.Range.between(0, 60_000),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Linger (ms)",
                        "How long a record may wait for others to make a bigger batch. 0 writes what Connect delivers at once.")
                .define(
                        PUT_TIMEOUT_MS,
                        ConfigDef.Type.LONG,
                        60_000L,
                        ConfigDef.Range.between(1, 3_600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Put timeout (ms)",
                        "How long one delivery may go on writing batches. What is left then is handed back and delivered again,"
                                + " so that the consumer polls in time. Keep it, together with write.timeout.ms, below the"
                                + " consumer's max.poll.interval.ms.")
                .define(
                        MAX_RETRIES,
                        ConfigDef.Type.INT,
                        -1,
                        ConfigDef.Range.atLeast(-1),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Retries",
                        "Tries after a failed one, for errors that may pass, before the task gives up; nothing is lost then."
                                + " -1 tries as long as it takes.")
                .define(
                        RETRY_BACKOFF_MS,
                        ConfigDef.Type.LONG,
                        500L,
                        ConfigDef.Range.between(1, 600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Retry backoff (ms)",
                        "Wait before the first retry; each further one waits twice as long.")
                .define(
                        RETRY_BACKOFF_MAX_MS,
                        ConfigDef.Type.LONG,
                        10_000L,
                        ConfigDef.Range.between(1, 600_000),
                        Importance.LOW,
                        Width.SHORT,
                        "Longest retry backoff (ms)",
                        "Longest wait between two tries.");
    }

    private static void defineDuplicates(SettingGroup group) {
        group.define(
                        DEDUP_WINDOW_MS,
                        ConfigDef.Type.LONG,
                        QueueWriterConfig.DEFAULTS.dedupWindow().toMillis(),
                        ConfigDef.Range.atLeast(0),
                        Importance.MEDIUM,
                        Width.SHORT,
                        "Duplicate window (ms)",
                        "How long a transaction id is remembered: a second message with it in the same partition is a duplicate."
                                + " The option dedupWindowMs of a queue wins over this."
                                + " 0 disables.")
                .define(
                        DEDUP_MAX_IDS,
                        ConfigDef.Type.INT,
                        QueueWriterConfig.DEFAULTS.dedupMaxIds(),
                        ConfigDef.Range.between(1, QueueWriterConfig.MAX_DEDUP_IDS),
                        Importance.LOW,
                        Width.SHORT,
                        "Most remembered ids",
                        "Most transaction ids a task remembers, 16 to 32 bytes each, and 450 for each of their partitions. There are"
                                + " at most an eighth as many partitions. With more ids, partitions not written to for an eighth of"
                                + " their window are forgotten, and read back from PostgreSQL when needed; of those in use only"
                                + " the newest ids are known.");
    }
}
