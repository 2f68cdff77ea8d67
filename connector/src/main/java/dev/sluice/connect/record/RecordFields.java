package dev.sluice.connect.record;

import dev.sluice.connect.plugin.Converters;
import dev.sluice.connect.record.FieldPath.Found;
import dev.sluice.connect.record.FieldPath.NoFieldsException;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * Finds fields in the values of records. A struct or a map has fields. Text and bytes have fields only if they are
 * parsed as JSON, which {@value MappingSettings#FIELD_PARSE_JSON} allows.
 *
 * <p>Parsing is for selectors alone: the payload stays the text, byte for byte. A number of the text stays as written,
 * {@code 12.50} or {@code 12345678901234567890}.
 *
 * <p>Not thread-safe, because it caches the last parsed value: several selectors read one record. The task's thread
 * owns it.
 */
final class RecordFields {
    private static final String REMEDY = "Set " + Converters.VALUE + "=" + Converters.JSON_CLASS + " and "
            + Converters.VALUE + ".schemas.enable=false, or " + MappingSettings.FIELD_PARSE_JSON + "=true";

    private final boolean parsesJson;
    private @Nullable Object lastText;
    private Optional<JsonValue.Parsed> lastParsed = Optional.empty();

    /** The text of a number in JSON. {@link JsonText} writes it as it is. */
    record NumberText(String text) {
        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Makes a finder for the records of a task.
     *
     * @param parsesJson whether text and bytes are parsed
     */
    RecordFields(boolean parsesJson) {
        this.parsesJson = parsesJson;
    }

    /** Returns a sentence for an error message: either setting gives fields to text and bytes. */
    static String remedy() {
        return REMEDY;
    }

    /**
     * Returns the field of a record's value; null if the value has no such field, or the field is null.
     *
     * @throws NoFieldsException if the path leads into a value without fields
     */
    @Nullable
    Found find(SinkRecord record, FieldPath path) {
        Object value = record.value();
        if (!(value instanceof String) && !(value instanceof byte[]) && !(value instanceof ByteBuffer)) {
            return path.find(record.valueSchema(), value);
        }
        String kind = value instanceof String ? "text" : "bytes";
        if (!parsesJson) {
            throw new NoFieldsException("value has no field " + path + ": it is " + kind + ". " + REMEDY);
        }
        JsonValue.Parsed parsed = parsed(value)
                .orElseThrow(() -> new NoFieldsException("value has no field " + path + ": it is " + kind
                        + " that is not JSON (" + MappingSettings.FIELD_PARSE_JSON + "=true)"));
        return path.find(null, parsed.value());
    }

    private Optional<JsonValue.Parsed> parsed(Object value) {
        if (value != lastText) {
            String text = value instanceof String string ? string : JsonText.asPlainText(null, value);
            lastParsed = JsonValue.parse(text, NumberText::new);
            lastText = value;
        }
        return lastParsed;
    }
}
