package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoField;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.errors.DataException;
import org.jspecify.annotations.Nullable;

/**
 * Writes Connect data as JSON text (RFC 8259). The plug-in brings no JSON library, so that none can conflict with that
 * of a worker.
 *
 * <table>
 *   <caption>The JSON of each value</caption>
 *   <tr><th>Value</th><th>JSON</th></tr>
 *   <tr><td>null</td><td>{@code null}</td></tr>
 *   <tr><td>string or bytes at the top that are JSON text in UTF-8</td><td>the same text, byte for byte</td></tr>
 *   <tr><td>any other string</td><td>a string</td></tr>
 *   <tr><td>any other bytes</td><td>a string, Base64</td></tr>
 *   <tr><td>boolean, integers, {@code BigInteger}</td><td>{@code true}, {@code 42}</td></tr>
 *   <tr><td>float, double</td><td>a number; NaN and the infinities are errors, because JSON has none</td></tr>
 *   <tr><td>Decimal ({@code BigDecimal})</td><td>a number with all its digits</td></tr>
 *   <tr><td>Date, Time, Timestamp</td><td>{@code "2026-05-16"}, {@code "10:00:00.123"},
 *       {@code "2026-05-16T10:00:00.123Z"}, all UTC. A year after 9999 has a sign: {@code "+10000-01-01"}. A time that
 *       is not within one day is an error</td></tr>
 *   <tr><td>struct</td><td>an object with every field of the schema, in its order, including null fields</td></tr>
 *   <tr><td>map</td><td>an object; a key that is not a string becomes the text of its JSON</td></tr>
 *   <tr><td>array, any collection</td><td>an array</td></tr>
 * </table>
 *
 * <p>A {@code java.util.Date} without a schema is a timestamp. A value that is nested deeper than {@value #MAX_DEPTH}
 * levels, or that has another class, is an error.
 */
final class JsonText {
    /** Most levels of nested arrays and objects. */
    static final int MAX_DEPTH = 1000;

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSS");
    private static final DateTimeFormatter TIMESTAMP =
            DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
    private static final String HEX = "0123456789abcdef";

    private final StringBuilder out = new StringBuilder(256);

    private JsonText() {}

    /**
     * Returns a value as JSON text in UTF-8.
     *
     * @param schema the schema of the value, or null if it has none
     * @throws DataException if the value has no form in JSON; the message names the part
     */
    static byte[] of(@Nullable Schema schema, @Nullable Object value) {
        if (value instanceof String text) {
            byte[] encoded = text.getBytes(UTF_8);
            // Half of a surrogate pair becomes a question mark in UTF-8, so the round trip detects it.
            if (JsonSyntax.isValid(encoded) && new String(encoded, UTF_8).equals(text)) {
                return encoded;
            }
        }
        byte[] bytes = bytes(value);
        if (bytes != null && JsonSyntax.isValid(bytes) && isUtf8(bytes)) {
            return bytes;
        }
        return write(schema, value).getBytes(UTF_8);
    }

    /**
     * Returns a value as text for a name. Bytes become UTF-8 text, or Base64 if they are not UTF-8. Any other value
     * becomes JSON, and a JSON string loses its quotes.
     *
     * @throws DataException if the value has no form in JSON
     */
    static String asPlainText(@Nullable Schema schema, Object value) {
        byte[] bytes = bytes(value);
        if (bytes != null) {
            return isUtf8(bytes)
                    ? new String(bytes, UTF_8)
                    : Base64.getEncoder().encodeToString(bytes);
        }
        String json = write(schema, value);
        boolean quoted = json.startsWith("\"");
        return quoted ? json.substring(1, json.length() - 1) : json;
    }

    private static String write(@Nullable Schema schema, @Nullable Object value) {
        var json = new JsonText();
        json.value(schema, value, 0);
        return json.out.toString();
    }

    private static byte @Nullable [] bytes(@Nullable Object value) {
        if (value instanceof byte[] array) {
            return array;
        }
        if (value instanceof ByteBuffer buffer) {
            var array = new byte[buffer.remaining()];
            buffer.duplicate().get(array);
            return array;
        }
        return null;
    }

    /** Returns true if bytes are UTF-8. Bytes that are not become U+FFFD, so the round trip detects them. */
    private static boolean isUtf8(byte[] bytes) {
        return Arrays.equals(new String(bytes, UTF_8).getBytes(UTF_8), bytes);
    }

    private void value(@Nullable Schema schema, @Nullable Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw new DataException("value is nested deeper than " + MAX_DEPTH + " levels");
        }
        if (value == null) {
            out.append("null");
        } else if (value instanceof String string) {
            string(string);
        } else if (value instanceof Struct struct) {
            struct(struct, depth);
        } else if (value instanceof Map<?, ?> map) {
            map(schema, map, depth);
        } else if (value instanceof Collection<?> collection) {
            array(schema, collection, depth);
        } else {
            scalar(schema, value);
        }
    }

    private void scalar(@Nullable Schema schema, Object value) {
        if (value instanceof Boolean
                || value instanceof Integer
                || value instanceof Long
                || value instanceof Short
                || value instanceof Byte
                || value instanceof BigInteger
                || value instanceof BigDecimal
                || value instanceof RecordFields.NumberText) {
            // BigDecimal writes an exponent if the plain form is longer. JSON allows both.
            out.append(value);
        } else if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                throw new DataException("number " + value + " has no form in JSON");
            }
            out.append(value);
        } else if (value instanceof Character) {
            string(value.toString());
        } else if (value instanceof java.util.Date date) {
            out.append('"').append(date(schema, date)).append('"');
        } else {
            byte[] bytes = bytes(value);
            if (bytes == null) {
                throw new DataException("value of class " + value.getClass().getName() + " has no form in JSON");
            }
            out.append('"').append(Base64.getEncoder().encodeToString(bytes)).append('"');
        }
    }

    @SuppressWarnings("JavaUtilDate") // What Connect uses for its logical types.
    private static String date(@Nullable Schema schema, java.util.Date date) {
        Instant instant = Instant.ofEpochMilli(date.getTime());
        String type = schema == null || schema.name() == null ? "" : schema.name();
        try {
            return switch (type) {
                case org.apache.kafka.connect.data.Date.LOGICAL_NAME ->
                    LocalDate.ofInstant(instant, ZoneOffset.UTC).toString();
                case Time.LOGICAL_NAME -> TIME.format(LocalTime.ofNanoOfDay(nanosOfDay(date.getTime())));
                default -> TIMESTAMP.format(instant);
            };
        } catch (DateTimeException e) {
            String what = type.equals(Time.LOGICAL_NAME) ? "time of day of " : "date of ";
            throw new DataException(what + date.getTime() + " ms has no form in JSON: " + e.getMessage(), e);
        }
    }

    /**
     * Returns a time of day in nanoseconds. A worker's {@code JsonConverter} hands over any number of milliseconds.
     *
     * @throws DateTimeException if it is not within one day
     */
    private static long nanosOfDay(long millis) {
        ChronoField.MILLI_OF_DAY.checkValidValue(millis);
        return TimeUnit.MILLISECONDS.toNanos(millis);
    }

    private void struct(Struct struct, int depth) {
        out.append('{');
        boolean first = true;
        for (Field field : struct.schema().fields()) {
            if (!first) {
                out.append(',');
            }
            first = false;
            string(field.name());
            out.append(':');
            value(field.schema(), struct.get(field), depth + 1);
        }
        out.append('}');
    }

    private void map(@Nullable Schema schema, Map<?, ?> map, int depth) {
        Schema keys = schema == null || schema.type() != Schema.Type.MAP ? null : schema.keySchema();
        Schema values = schema == null || schema.type() != Schema.Type.MAP ? null : schema.valueSchema();
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            if (!first) {
                out.append(',');
            }
            first = false;
            Object key = entry.getKey();
            if (key == null) {
                throw new DataException("map has a null key, which has no form in JSON");
            }
            string(key instanceof String text ? text : asPlainText(keys, key));
            out.append(':');
            value(values, entry.getValue(), depth + 1);
        }
        out.append('}');
    }

    private void array(@Nullable Schema schema, Collection<?> elements, int depth) {
        Schema of = schema == null || schema.type() != Schema.Type.ARRAY ? null : schema.valueSchema();
        out.append('[');
        boolean first = true;
        for (Object element : elements) {
            if (!first) {
                out.append(',');
            }
            first = false;
            value(of, element, depth + 1);
        }
        out.append(']');
    }

    private void string(String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < ' ' || isUnpaired(text, i)) {
                        out.append("\\u")
                                .append(HEX.charAt(c >> 12))
                                .append(HEX.charAt(c >> 8 & 15))
                                .append(HEX.charAt(c >> 4 & 15))
                                .append(HEX.charAt(c & 15));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    /** Returns true if the character is half of a surrogate pair without the other half, which UTF-8 cannot hold. */
    private static boolean isUnpaired(String text, int index) {
        char c = text.charAt(index);
        if (Character.isHighSurrogate(c)) {
            return index + 1 == text.length() || !Character.isLowSurrogate(text.charAt(index + 1));
        }
        return Character.isLowSurrogate(c) && (index == 0 || !Character.isHighSurrogate(text.charAt(index - 1)));
    }
}
