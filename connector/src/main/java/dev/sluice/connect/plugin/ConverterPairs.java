package dev.sluice.connect.plugin;

import dev.sluice.connect.QueueSourceConnector;
import dev.sluice.connect.record.Selector;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.source.QueueSourceConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Finds settings of a connector that cannot work with the converter that Connect is told to use. Every message names
 * both settings.
 *
 * <p>Only the converters that come with Connect are known, by their class name or by the short names that a worker
 * accepts. Another converter may do anything. A converter that only the worker's own configuration names cannot be seen
 * from here.
 */
public final class ConverterPairs {
    public static final String KEY_CONVERTER = "key.converter";
    public static final String VALUE_CONVERTER = "value.converter";
    public static final String HEADER_CONVERTER = "header.converter";
    public static final String BYTE_ARRAY = "org.apache.kafka.connect.converters.ByteArrayConverter";

    private static final String PACKAGE = "org.apache.kafka.connect.";
    private static final String SUFFIX = "Converter";
    private static final String SCHEMAS_ENABLE = ".schemas.enable";
    private static final String TRANSFORMS = "transforms";

    /** Short name of the converter of headers that guesses types. */
    private static final String GUESSING = "SimpleHeader";

    private static final Set<String> NUMBERS = Set.of("Boolean", "Double", "Float", "Integer", "Long", "Short");

    private final Map<String, String> properties;
    private final Map<String, String> conflicts = new LinkedHashMap<>();

    private ConverterPairs(Map<String, String> properties) {
        this.properties = properties;
    }

    /**
     * Returns what is wrong with a source, by the setting to change.
     *
     * @param valueType the setting {@link QueueSourceConfig#VALUE_TYPE}
     */
    public static Map<String, String> ofSource(Map<String, String> properties, String valueType) {
        var pairs = new ConverterPairs(properties);
        pairs.sourceValue(valueType);
        // Keys and headers are text, and these converters take bytes or numbers alone: each record would fail.
        pairs.sourceText(KEY_CONVERTER, "keys");
        pairs.sourceText(HEADER_CONVERTER, "headers");
        return pairs.conflicts;
    }

    private void sourceValue(String valueType) {
        String converter = kind(VALUE_CONVERTER);
        boolean isBytes = valueType.equals("bytes");
        String setting = QueueSourceConfig.VALUE_TYPE + "=" + valueType + " does not go with " + set(VALUE_CONVERTER);
        if (NUMBERS.contains(converter)) {
            put(QueueSourceConfig.VALUE_TYPE, setting + ": that converter writes numbers or truth values only");
        } else if (isBytes && converter.equals("String")) {
            put(
                    QueueSourceConfig.VALUE_TYPE,
                    setting + ": that converter writes the name of an array instead of its bytes. Set "
                            + VALUE_CONVERTER + "=" + BYTE_ARRAY + ", or " + QueueSourceConfig.VALUE_TYPE + "=string");
        } else if (!isBytes && converter.equals("ByteArray")) {
            put(
                    QueueSourceConfig.VALUE_TYPE,
                    setting + ": that converter takes no text. Set " + QueueSourceConfig.VALUE_TYPE + "=bytes");
        } else if (isBytes && converter.equals("Json") && !hasSchemas(VALUE_CONVERTER)) {
            put(
                    QueueSourceConfig.VALUE_TYPE,
                    setting + " and " + VALUE_CONVERTER + SCHEMAS_ENABLE
                            + "=false: that converter writes bytes as Base64, and no" + " reader can tell. Set "
                            + VALUE_CONVERTER + "=" + BYTE_ARRAY);
        }
    }

    private void sourceText(String setting, String what) {
        String converter = kind(setting);
        if (converter.equals("ByteArray") || NUMBERS.contains(converter)) {
            put(
                    setting,
                    set(setting) + " does not go with connector.class=" + QueueSourceConnector.class.getName()
                            + ", whose "
                            + what + " are text. Set " + setting
                            + "=org.apache.kafka.connect.storage.StringConverter");
        }
    }

    /**
     * Returns what is wrong with a sink, by the setting to change.
     *
     * @param selectors the settings that say where a part of a message comes from, with their values
     * @param readsHeaders the setting {@link QueueSinkConfig#MESSAGE_HEADERS}
     */
    public static Map<String, String> ofSink(
            Map<String, String> properties, Map<String, String> selectors, boolean readsHeaders) {
        var pairs = new ConverterPairs(properties);
        String headers = pairs.kind(HEADER_CONVERTER);
        boolean isNoText = headers.equals(GUESSING) || NUMBERS.contains(headers);
        if (isNoText) {
            selectors.forEach((setting, from) -> {
                if (from.startsWith(Selector.HEADER)) {
                    pairs.put(
                            setting,
                            setting + "=" + from + " does not go with " + pairs.set(HEADER_CONVERTER)
                                    + ": that converter makes 7 of 007, and two texts may become one. Set "
                                    + HEADER_CONVERTER + "=org.apache.kafka.connect.storage.StringConverter");
                }
            });
        }
        if (readsHeaders && isNoText) {
            pairs.put(
                    HEADER_CONVERTER,
                    pairs.set(HEADER_CONVERTER) + " does not go with " + QueueSinkConfig.MESSAGE_HEADERS
                            + "=true: the headers are text, and that converter makes 7 of 007. Set " + HEADER_CONVERTER
                            + "=org.apache.kafka.connect.storage.StringConverter, or " + QueueSinkConfig.MESSAGE_HEADERS
                            + "=false");
        }
        String converter = pairs.kind(VALUE_CONVERTER);
        boolean hasFields =
                !NUMBERS.contains(converter) && !converter.equals("String") && !converter.equals("ByteArray");
        boolean isTransformed = !properties.getOrDefault(TRANSFORMS, "").isBlank();
        if (!hasFields && !isTransformed) {
            selectors.forEach((setting, from) -> {
                if (from.startsWith(Selector.FIELD)) {
                    pairs.put(
                            setting,
                            setting + "=" + from + " does not go with " + pairs.set(VALUE_CONVERTER)
                                    + ": its values have no fields. Set " + VALUE_CONVERTER
                                    + "=org.apache.kafka.connect.json.JsonConverter");
                }
            });
        }
        return pairs.conflicts;
    }

    private void put(String setting, String message) {
        conflicts.put(setting, message);
    }

    private String set(String setting) {
        return setting + "=" + properties.get(setting);
    }

    /**
     * Returns the short name of a converter of Connect's own, such as {@code Json}; empty if it is another or none is
     * set.
     */
    private String kind(String setting) {
        String name = properties.getOrDefault(setting, "").strip();
        int dot = name.lastIndexOf('.');
        if (dot >= 0 && !name.startsWith(PACKAGE)) {
            return "";
        }
        String simple = name.substring(dot + 1);
        return simple.endsWith(SUFFIX) ? simple.substring(0, simple.length() - SUFFIX.length()) : simple;
    }

    /** Says whether a {@code JsonConverter} writes the schema beside the value, as it does unless told otherwise. */
    private boolean hasSchemas(String setting) {
        return Boolean.parseBoolean(
                properties.getOrDefault(setting + SCHEMAS_ENABLE, "true").strip());
    }
}
