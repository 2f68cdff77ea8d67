package dev.sluice.connect.source;

import dev.sluice.connect.record.JsonValue;
import dev.sluice.queue.Message;
import java.util.Optional;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the value of a record from the payload of a message.
 *
 * <p>With {@code value.type=json} the value has no schema: an object is a {@code Map}, an array a {@code List}. A
 * {@code Struct} would need a schema, and a queue has none. A schema that is derived from each message would differ
 * from message to message: a member that is missing, an empty array or a number without a fraction makes another one.
 *
 * <p>Values without a schema have two kinds of numbers, {@code Long} and {@code Double}: Connect's converters accept no
 * other. {@code inexact.numbers} decides about a number that neither holds exactly.
 *
 * <p>Not thread-safe, because it counts. The task's thread owns it.
 */
final class RecordValues {
    private static final Logger log = LoggerFactory.getLogger(RecordValues.class);

    private static final int WARNING_FACTOR = 10;

    /** The value of a record without a value. Each converter makes a tombstone of it. */
    private static final SchemaAndValue TOMBSTONE = new SchemaAndValue(null, null);

    /** JSON's null as a value. With a schema, {@code JsonConverter} writes {@code null} and no tombstone. */
    private static final SchemaAndValue NULL = new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, null);

    private final Type type;
    private final Inexact inexact;
    private final boolean makesTombstones;
    private long inexactNumbers;
    private long nextWarning = 1;

    /** The setting {@code value.type}. */
    enum Type {
        STRING,
        BYTES,
        JSON
    }

    /** The setting {@code inexact.numbers}: what a number becomes that no {@code Long} or {@code Double} is. */
    enum Inexact {
        /** A text with the digits of the payload. */
        STRING,
        /** The nearest {@code Double}; a text if there is none, because the number is too large. */
        DOUBLE,
        /** The message is an error, and the task fails. */
        FAIL
    }

    /**
     * Makes the values of a task.
     *
     * @param makesTombstones whether the payload {@code null} becomes a record without a value
     */
    RecordValues(Type type, Inexact inexact, boolean makesTombstones) {
        this.type = type;
        this.inexact = inexact;
        this.makesTombstones = makesTombstones;
    }

    /**
     * Returns the value of a message's record. A payload that is not JSON, such as one of another writer, is a text.
     *
     * @throws DataException if the payload has a number that is not exact, and that is an error
     */
    SchemaAndValue of(Message message) {
        if (makesTombstones && message.payloadText().strip().equals("null")) {
            return TOMBSTONE;
        }
        return switch (type) {
            case STRING -> new SchemaAndValue(Schema.STRING_SCHEMA, message.payloadText());
            case BYTES -> new SchemaAndValue(Schema.BYTES_SCHEMA, message.payload());
            case JSON -> json(message);
        };
    }

    private SchemaAndValue json(Message message) {
        Optional<JsonValue.Parsed> parsed = JsonValue.parse(message.payloadText(), number -> number(message, number));
        if (parsed.isEmpty()) {
            return new SchemaAndValue(null, message.payloadText());
        }
        Object value = parsed.get().value();
        return value == null ? NULL : new SchemaAndValue(null, value);
    }

    private Object number(Message message, String text) {
        Optional<Number> exact = JsonValue.exact(text);
        return exact.isPresent() ? exact.get() : inexact(message, text);
    }

    private Object inexact(Message message, String text) {
        String shown = text.length() > 50 ? text.substring(0, 50) + "…" : text;
        if (inexact == Inexact.FAIL) {
            throw new DataException("the number " + shown + " is no 64-bit integer and no double ("
                    + QueueSourceConfig.INEXACT_NUMBERS + "=fail): message " + message.seq() + " of partition "
                    + message.partition() + " of queue " + message.queue() + ", transaction id "
                    + message.transactionId());
        }
        double nearest = Double.parseDouble(text);
        boolean isText = inexact == Inexact.STRING || Double.isInfinite(nearest);
        if (++inexactNumbers >= nextWarning) {
            nextWarning = inexactNumbers * WARNING_FACTOR;
            log.warn(
                    "Numbers of payloads are no 64-bit integer and no double; see the setting inexact.numbers"
                            + " number={} becomes={} numbers={} queue={} partition={} seq={}",
                    shown,
                    isText ? "string" : nearest,
                    inexactNumbers,
                    message.queue(),
                    message.partition(),
                    message.seq());
        }
        return isText ? text : nearest;
    }
}
