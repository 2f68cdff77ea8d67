package dev.sluice.connect.source;

import static dev.sluice.connect.source.QueueSourceConfig.BYTES;
import static dev.sluice.connect.source.QueueSourceConfig.CONNECTOR;
import static dev.sluice.connect.source.QueueSourceConfig.JSON;
import static dev.sluice.connect.source.QueueSourceConfig.VALUE_TYPE;

import dev.sluice.connect.plugin.ConnectSettings;
import dev.sluice.connect.plugin.Converters;
import dev.sluice.connect.plugin.Converters.Kind;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds the converters that do not go with what the source hands over: text, bytes, or maps and lists. */
final class ConverterConflicts {
    private ConverterConflicts() {}

    /**
     * Returns the conflicts of the converters: the setting to change, and the reason.
     *
     * @param properties of the connector
     * @param valueType value of {@code value.type}
     */
    static Map<String, String> of(Map<String, String> properties, String valueType) {
        var conflicts = new LinkedHashMap<String, String>();
        var converters = new Converters(properties);
        String problem = switch (valueType) {
            // A transform may make text or bytes of a map.
            case JSON -> ConnectSettings.hasTransforms(properties) ? null : jsonProblem(converters);
            default -> valueProblem(converters, valueType.equals(BYTES));
        };
        if (problem != null) {
            String setting =
                    VALUE_TYPE + "=" + valueType + " does not go with " + converters.assignment(Converters.VALUE);
            conflicts.put(VALUE_TYPE, setting + problem);
        }
        // Keys and headers are text, and each record would fail in a converter that accepts only bytes or numbers.
        addTextConflict(converters, Converters.KEY, "keys", conflicts);
        addTextConflict(converters, Converters.HEADER, "headers", conflicts);
        return conflicts;
    }

    private static @Nullable String jsonProblem(Converters converters) {
        return switch (converters.kind(Converters.VALUE)) {
            case TEXT, BYTES, NUMBER ->
                ": that converter cannot write an object or an array as JSON. Set " + Converters.VALUE + "="
                        + Converters.JSON_CLASS + " and " + Converters.schemasSetting(Converters.VALUE) + "=false, or "
                        + VALUE_TYPE + "=string";
            default -> null;
        };
    }

    private static @Nullable String valueProblem(Converters converters, boolean isBytes) {
        return switch (converters.kind(Converters.VALUE)) {
            case NUMBER -> ": that converter writes numbers or truth values only";
            case TEXT ->
                isBytes
                        ? ": that converter writes the name of an array instead of its bytes. Set " + Converters.VALUE
                                + "=" + Converters.BYTE_ARRAY_CLASS + ", or " + VALUE_TYPE + "=string"
                        : null;
            case BYTES -> isBytes ? null : ": that converter takes no text. Set " + VALUE_TYPE + "=bytes";
            case JSON ->
                isBytes && !converters.hasSchemas(Converters.VALUE)
                        ? " and " + Converters.schemasSetting(Converters.VALUE)
                                + "=false: that converter writes bytes as Base64, and no reader can tell. Set "
                                + Converters.VALUE + "=" + Converters.BYTE_ARRAY_CLASS
                        : null;
            default -> null;
        };
    }

    private static void addTextConflict(
            Converters converters, String setting, String what, Map<String, String> conflicts) {
        Kind kind = converters.kind(setting);
        if (kind == Kind.BYTES || kind == Kind.NUMBER) {
            conflicts.put(
                    setting,
                    converters.assignment(setting) + " does not go with " + ConnectSettings.CONNECTOR_CLASS + "="
                            + CONNECTOR + ", whose " + what + " are text. Set " + setting + "="
                            + Converters.STRING_CLASS);
        }
    }
}
