package dev.sluice.connect.record;

import static dev.sluice.connect.plugin.SettingGroup.checked;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.Converters;
import dev.sluice.connect.plugin.Converters.Kind;
import dev.sluice.connect.plugin.SettingGroup;
import dev.sluice.connect.record.RecordMapping.Attribute;
import dev.sluice.connect.record.WatchedSelector.Missing;
import dev.sluice.queue.HeaderLimits;
import dev.sluice.queue.Origin;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.jspecify.annotations.Nullable;

/** The settings that say how a record becomes a message, and the {@link RecordMapping} they make. */
public final class MappingSettings {
    public static final String QUEUE_NAME_FORMAT = "queue.name.format";
    public static final String PARTITION_FROM = "partition.from";
    public static final String TRANSACTION_ID_FROM = "transaction.id.from";
    static final String TRACE_ID_FROM = "trace.id.from";
    static final String CREATED_FROM = "created.from";
    static final String LANE_FROM = "lane.from";
    static final String FIELD_PARSE_JSON = "field.parse.json";
    static final String MESSAGE_HEADERS = "message.headers";
    static final String MESSAGE_MAX_BYTES = "message.max.bytes";
    static final String HEADERS = "headers";
    static final String HEADERS_INVALID = "headers.invalid";
    static final String HEADERS_MAX_COUNT = "message.headers.max.count";
    static final String HEADERS_MAX_BYTES = "message.headers.max.bytes";

    private final AbstractConfig config;

    /** Reads the settings from the configuration of a sink. */
    public MappingSettings(AbstractConfig config) {
        this.config = config;
    }

    /** Defines the settings. */
    public static void define(SettingGroup group) {
        group.setting(
                        QUEUE_NAME_FORMAT,
                        "Queue name",
                        "The name of the queue that a record goes to. ${topic} stands for the topic. If a record has"
                                + " the header sluice.queue, it goes to the queue that the header names. If a topic"
                                + " gets no valid queue name, the task skips the topic.")
                .ofText(
                        RecordMapping.TOPIC,
                        checked("a name; ${topic} stands for the topic", RecordMapping::checkQueueNameFormat),
                        Importance.MEDIUM,
                        Width.MEDIUM);
        defineSelectors(group);
        group.setting(
                        FIELD_PARSE_JSON,
                        "Fields of JSON text",
                        "Whether field: in the settings above finds fields in a value that is text or bytes. If true,"
                                + " the task parses such a value as JSON for these settings, and the payload stays"
                                + " the text, byte for byte. If false, only structs and maps have fields.")
                .ofBoolean(false, Importance.MEDIUM);
        group.setting(
                        MESSAGE_HEADERS,
                        "Read sluice headers",
                        "Whether the headers sluice.* of a record override the settings above. Turn this off if"
                                + " producers of the topics must not choose the queue or the limit key of a work, or to"
                                + " copy messages into another queue.")
                .ofBoolean(true, Importance.MEDIUM);
        defineHeaders(group);
        group.setting(
                        MESSAGE_MAX_BYTES,
                        "Largest message (bytes)",
                        "The largest payload in bytes, as JSON. A record with a longer payload is an error of the"
                                + " record.")
                .ofInt(16 << 20, Range.between(1, 256 << 20), Importance.MEDIUM);
    }

    private static void defineHeaders(SettingGroup group) {
        group.setting(
                        HEADERS,
                        "Headers",
                        "The headers of a record that become headers of its message: all, none, or names separated by"
                                + " commas, in any case. Headers sluice.* never do.")
                .recommending(HeaderReader.ALL, HeaderReader.NONE)
                .ofText(
                        HeaderReader.ALL,
                        checked("all, none, or names of headers, separated by commas", HeaderReader::parse),
                        Importance.MEDIUM,
                        Width.MEDIUM);
        group.setting(
                        HEADERS_INVALID,
                        "Invalid headers",
                        "The effect of a header that no message can have, such as one with bytes that are not UTF-8."
                                + " drop: the task leaves the header out, counts it, and warns once. fail: the record"
                                + " is an error.")
                .recommending(HeaderReader.DROP, HeaderReader.FAIL)
                .ofText(
                        HeaderReader.DROP,
                        ValidString.in(HeaderReader.DROP, HeaderReader.FAIL),
                        Importance.LOW,
                        Width.SHORT);
        group.setting(
                        HEADERS_MAX_COUNT,
                        "Most headers",
                        "The largest number of headers of a message. The task leaves out the headers behind it, except"
                                + " in records that Sluice has written.")
                .ofInt(HeaderLimits.DEFAULT.count(), Range.between(0, HeaderLimits.ABSOLUTE.count()), Importance.LOW);
        group.setting(
                        HEADERS_MAX_BYTES,
                        "Largest headers (bytes)",
                        "The largest size in bytes of the names and values of a message's headers in UTF-8. The task"
                                + " leaves out the headers that do not fit, except in records that Sluice has written.")
                .ofInt(
                        HeaderLimits.DEFAULT.bytes(),
                        Range.between(0, HeaderLimits.ABSOLUTE.bytes() / 2),
                        Importance.LOW);
    }

    private static void defineSelectors(SettingGroup group) {
        defineSelector(
                group,
                PARTITION_FROM,
                "key",
                "Partition from",
                "Where the task finds the name of the queue's partition. If a record has none, for example because it"
                        + " has no key, it goes to <topic>-<partition>. The header sluice.partition overrides this.",
                "key",
                "topic-partition");
        defineSelector(
                group,
                TRANSACTION_ID_FROM,
                "topic-partition-offset",
                "Transaction id from",
                "Where the task finds the transaction id, which identifies a message within its partition. If a"
                        + " record has none, the id is <topic>-<partition>-<offset>. The header sluice.transaction-id"
                        + " overrides this.",
                "topic-partition-offset",
                "key");
        defineSelector(
                group,
                TRACE_ID_FROM,
                null,
                "Trace id from",
                "Where the task finds the trace id, a UUID. If a record has none, the message has no trace id. The"
                        + " header sluice.trace-id overrides this.");
        defineSelector(
                group,
                CREATED_FROM,
                null,
                "Created time from",
                "Where the task finds the time at which a message was created: RFC 3339 (with T or a space; without an"
                        + " offset, UTC), a date (its midnight UTC), or milliseconds since 1970, negative ones too."
                        + " It must lie in the years 1600 to 9999. If not set, it is the time of the write."
                        + " Retention and delays always use the time of the write. The header sluice.created-at"
                        + " overrides this.",
                "timestamp");
        defineSelector(
                group,
                LANE_FROM,
                null,
                "Lane from",
                "Where the task finds the lane in which it creates a new partition of the queue: critical, high,"
                        + " normal or low. If not set, it is the lane of the queue's priority. An existing partition"
                        + " stays in its lane. The header sluice.lane overrides this.",
                "constant:critical",
                "constant:high",
                "constant:normal",
                "constant:low");
    }

    private static void defineSelector(
            SettingGroup group,
            String key,
            @Nullable String defaultValue,
            String displayName,
            String documentation,
            String... recommended) {
        group.setting(key, displayName, documentation)
                .recommending(recommended)
                .ofText(
                        defaultValue,
                        checked(Selector.SYNTAX, text -> {
                            Selector.parse(key, text, new RecordFields(false));
                            checkFits(key, text);
                        }),
                        Importance.MEDIUM,
                        Width.MEDIUM);
        group.setting(
                        Missing.settingOf(key),
                        displayName + ": if missing",
                        "The effect on a record that has nothing where " + key + " looks. default: the record gets the"
                                + " default of " + key + ". warn: the record gets it, and the task logs a warning."
                                + " fail: the record is an error. If not set, it is warn for field: and header:, and"
                                + " default for the rest.")
                .recommending("default", "warn", "fail")
                .ofText(null, checked(Missing.SYNTAX, Missing::parse), Importance.LOW, Width.SHORT);
    }

    /** Checks a selector that gives every record the same text, or that can never give a text of the right form. */
    private static void checkFits(String key, String from) {
        boolean isConstant = from.startsWith(Selector.CONSTANT);
        String constant = isConstant ? from.substring(Selector.CONSTANT.length()) : null;
        switch (key) {
            case LANE_FROM -> RecordHeaders.lane(LANE_FROM, constant);
            case TRACE_ID_FROM -> RecordHeaders.uuid(TRACE_ID_FROM, constant);
            case CREATED_FROM -> checkCreated(constant);
            default -> {
                return;
            }
        }
        boolean isTime = from.equals(Selector.TIMESTAMP);
        if (from.startsWith("topic-partition") || (isTime && !key.equals(CREATED_FROM))) {
            throw new IllegalArgumentException(key + " must not be " + from + ", which is never a "
                    + (key.equals(LANE_FROM) ? "lane" : key.equals(TRACE_ID_FROM) ? "UUID" : "time"));
        }
    }

    private static void checkCreated(@Nullable String constant) {
        try {
            var unused = new Origin(RecordHeaders.time(CREATED_FROM, constant), null);
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            throw new IllegalArgumentException(message.replace("createdAt", CREATED_FROM), e);
        }
    }

    /** Returns the settings that select a part of a record. */
    public static List<String> selectors() {
        return Arrays.stream(Attribute.values())
                .map(attribute -> attribute.setting)
                .toList();
    }

    /** Returns the mapping that these settings describe. */
    public RecordMapping mapping() {
        var selectors = new EnumMap<Attribute, Selector>(Attribute.class);
        var fields = new RecordFields(config.getBoolean(FIELD_PARSE_JSON));
        for (Attribute attribute : Attribute.values()) {
            String from = config.getString(attribute.setting);
            if (from != null) {
                selectors.put(attribute, selector(attribute.setting, from, fields));
            }
        }
        return new RecordMapping(
                config.getString(QUEUE_NAME_FORMAT),
                selectors,
                config.getBoolean(MESSAGE_HEADERS),
                headers(),
                config.getInt(MESSAGE_MAX_BYTES));
    }

    private HeaderReader headers() {
        return new HeaderReader(
                config.getString(HEADERS),
                new HeaderLimits(config.getInt(HEADERS_MAX_COUNT), config.getInt(HEADERS_MAX_BYTES)),
                config.getString(HEADERS_INVALID).equals(HeaderReader.FAIL));
    }

    /** Returns a selector. It is a watched one if a record may have nothing where it looks. */
    private Selector selector(String key, String from, RecordFields fields) {
        if (!Selector.mayMiss(from)) {
            return Selector.parse(key, from, fields);
        }
        String missing = config.getString(Missing.settingOf(key));
        return new WatchedSelector(key, from, missing == null ? null : Missing.parse(missing), fields);
    }

    /** Returns the selector of the transaction id if it gives many records the same id; null if it does not. */
    public @Nullable String sharedTransactionId() {
        String from = config.getString(TRANSACTION_ID_FROM);
        return from.startsWith(Selector.CONSTANT) || from.equals("topic-partition") ? from : null;
    }

    /**
     * Returns the conflicts between settings that are valid one by one: the setting to change, and the reason.
     *
     * @param properties of the connector, with those of Connect
     */
    public Map<String, String> conflicts(Map<String, String> properties) {
        var conflicts = new LinkedHashMap<String, String>();
        var selectors = new TreeMap<String, String>();
        for (Attribute attribute : Attribute.values()) {
            String key = attribute.setting;
            String from = config.getString(key);
            String missing = Missing.settingOf(key);
            if (from != null) {
                selectors.put(key, from);
            } else if (config.getString(missing) != null) {
                conflicts.put(missing, missing + " has no use without " + key);
            }
        }
        addHeaderConflicts(new Converters(properties), selectors, conflicts);
        addFieldConflicts(properties, selectors, conflicts);
        addKeyConflicts(new Converters(properties), selectors, conflicts);
        addNameConflicts(properties, conflicts);
        return conflicts;
    }

    private void addHeaderConflicts(
            Converters converters, Map<String, String> selectors, Map<String, String> conflicts) {
        Kind kind = converters.kind(Converters.HEADER);
        if (kind != Kind.GUESS && kind != Kind.NUMBER) {
            return;
        }
        String set = converters.assignment(Converters.HEADER);
        String remedy = Converters.HEADER + "=" + Converters.STRING_CLASS;
        selectors.forEach((key, from) -> {
            if (from.startsWith(Selector.HEADER)) {
                conflicts.put(
                        key,
                        key + "=" + from + " does not go with " + set
                                + ": that converter makes 7 of 007, and two texts may become one. Set " + remedy);
            }
        });
        if (config.getBoolean(MESSAGE_HEADERS)) {
            conflicts.put(
                    Converters.HEADER,
                    set + " does not go with " + MESSAGE_HEADERS
                            + "=true: the headers are text, and that converter makes 7 of 007. Set " + remedy + ", or "
                            + MESSAGE_HEADERS + "=false");
        }
    }

    private void addFieldConflicts(
            Map<String, String> properties, Map<String, String> selectors, Map<String, String> conflicts) {
        var converters = new Converters(properties);
        Kind kind = converters.kind(Converters.VALUE);
        boolean isText = kind == Kind.TEXT || kind == Kind.BYTES;
        boolean hasFields = isText ? config.getBoolean(FIELD_PARSE_JSON) : kind != Kind.NUMBER;
        if (hasFields || ConnectSettings.hasTransforms(properties)) {
            return;
        }
        selectors.forEach((key, from) -> {
            if (from.startsWith(Selector.FIELD)) {
                conflicts.put(
                        key,
                        key + "=" + from + " does not go with " + converters.assignment(Converters.VALUE)
                                + ": its values have no fields. "
                                + (isText
                                        ? RecordFields.remedy()
                                        : "Set " + Converters.VALUE + "=" + Converters.JSON_CLASS));
            }
        });
    }

    /** Adds the attributes that take the key, if the key is a number and the attribute never is one. */
    private static void addKeyConflicts(
            Converters converters, Map<String, String> selectors, Map<String, String> conflicts) {
        if (converters.kind(Converters.KEY) != Kind.NUMBER) {
            return;
        }
        Map.of(LANE_FROM, "lane", TRACE_ID_FROM, "UUID").forEach((key, what) -> {
            if (Selector.KEY.equals(selectors.get(key))) {
                conflicts.put(
                        key,
                        key + "=" + Selector.KEY + " does not go with " + converters.assignment(Converters.KEY)
                                + ": a number or truth value is never a " + what);
            }
        });
    }

    private void addNameConflicts(Map<String, String> properties, Map<String, String> conflicts) {
        for (String topic : properties.getOrDefault(ConnectSettings.TOPICS, "").split(",", -1)) {
            try {
                RecordMapping.checkQueueName(config.getString(QUEUE_NAME_FORMAT), topic.strip());
            } catch (IllegalArgumentException e) {
                conflicts.put(
                        QUEUE_NAME_FORMAT,
                        QUEUE_NAME_FORMAT + " gives the topic " + topic.strip() + " of " + ConnectSettings.TOPICS
                                + " a queue name that is not possible: " + e.getMessage());
            }
        }
    }
}
