package dev.sluice.connect.plugin;

import java.util.Map;
import java.util.Set;

/**
 * The converters that a connector's configuration names.
 *
 * <p>It recognises the converters that Connect brings along, by class name or by the short name that a worker accepts.
 * Any other converter may do anything. A converter that only the worker's configuration names is not visible here.
 */
public final class Converters {
    public static final String KEY = "key.converter";
    public static final String VALUE = "value.converter";
    public static final String HEADER = "header.converter";

    public static final String STRING_CLASS = "org.apache.kafka.connect.storage.StringConverter";
    public static final String BYTE_ARRAY_CLASS = "org.apache.kafka.connect.converters.ByteArrayConverter";
    public static final String JSON_CLASS = "org.apache.kafka.connect.json.JsonConverter";

    private static final String PACKAGE = "org.apache.kafka.connect.";
    private static final String SUFFIX = "Converter";
    private static final String SCHEMAS_ENABLE = ".schemas.enable";
    private static final Set<String> NUMBERS = Set.of("Boolean", "Double", "Float", "Integer", "Long", "Short");

    private final Map<String, String> properties;

    /** What a converter makes of values. */
    public enum Kind {
        TEXT,
        BYTES,
        JSON,
        /** Numbers or booleans only. */
        NUMBER,
        /** It guesses the type of a header, so {@code 007} becomes 7. */
        GUESS,
        /** A converter that Connect does not bring along, or none. */
        UNKNOWN
    }

    /** Reads the converters of a connector's configuration. */
    public Converters(Map<String, String> properties) {
        this.properties = properties;
    }

    /** Returns what the converter of a setting makes of values. */
    public Kind kind(String setting) {
        String name = properties.getOrDefault(setting, "").strip();
        int dot = name.lastIndexOf('.');
        if (dot >= 0 && !name.startsWith(PACKAGE)) {
            return Kind.UNKNOWN;
        }
        String simple = name.substring(dot + 1);
        String type = simple.endsWith(SUFFIX) ? simple.substring(0, simple.length() - SUFFIX.length()) : simple;
        return switch (type) {
            case "String" -> Kind.TEXT;
            case "ByteArray" -> Kind.BYTES;
            case "Json" -> Kind.JSON;
            case "SimpleHeader" -> Kind.GUESS;
            default -> NUMBERS.contains(type) ? Kind.NUMBER : Kind.UNKNOWN;
        };
    }

    /** Returns the setting with its value, for a message: {@code value.converter=…}. */
    public String assignment(String setting) {
        return setting + "=" + properties.get(setting);
    }

    /** Returns the setting that has a {@code JsonConverter} write the schema beside the value. */
    public static String schemasSetting(String setting) {
        return setting + SCHEMAS_ENABLE;
    }

    /** Returns true if a {@code JsonConverter} writes the schema beside the value, which is its default. */
    public boolean hasSchemas(String setting) {
        return Boolean.parseBoolean(
                properties.getOrDefault(schemasSetting(setting), "true").strip());
    }
}
