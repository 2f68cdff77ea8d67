package dev.sluice.bridge.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Describes JSON as text: fields by name with the types of their values, so that a test can check all fields of an
 * answer at once. {@code {"ok": true, "ids": [1], "at": "2026-05-16T10:00:00.123Z"}} is {@code {at: time, ids: [int],
 * ok: bool}}.
 *
 * <p>Types are {@code null}, {@code bool}, {@code int}, {@code number}, {@code text}, {@code uuid}, and {@code time}
 * for a time in UTC with milliseconds. An array shows its first element.
 */
public final class JsonShape {
    private static final Pattern UUID = Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    private static final Pattern TIME = Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z");

    private JsonShape() {}

    /** Returns the shape of a value. */
    public static String of(JsonNode value) {
        if (value.isObject()) {
            var fields = new TreeMap<String, String>();
            value.properties().forEach(field -> fields.put(field.getKey(), of(field.getValue())));
            var shown = new ArrayList<String>();
            fields.forEach((name, shape) -> shown.add(name + ": " + shape));
            return "{" + String.join(", ", shown) + "}";
        }
        if (value.isArray()) {
            return value.isEmpty() ? "[]" : "[" + of(value.get(0)) + "]";
        }
        if (value.isTextual()) {
            String text = value.textValue();
            return UUID.matcher(text).matches() ? "uuid" : TIME.matcher(text).matches() ? "time" : "text";
        }
        if (value.isNull()) {
            return "null";
        }
        return value.isBoolean() ? "bool" : value.isIntegralNumber() ? "int" : "number";
    }
}
