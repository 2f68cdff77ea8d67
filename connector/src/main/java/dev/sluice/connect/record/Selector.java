package dev.sluice.connect.record;

import dev.sluice.queue.NewMessage;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * Selects one text of a record. A setting such as {@code partition.from} has one of these forms:
 *
 * <table>
 *   <caption>Forms</caption>
 *   <tr><td>{@code key}</td><td>the record's key; nothing if it is null</td></tr>
 *   <tr><td>{@code header:NAME}</td><td>the last header of that name; nothing if there is none</td></tr>
 *   <tr><td>{@code field:PATH}</td><td>a field of the value, see {@link FieldPath} and {@link RecordFields}; nothing if
 *       it is missing or null</td></tr>
 *   <tr><td>{@code constant:TEXT}</td><td>always {@code TEXT}</td></tr>
 *   <tr><td>{@code timestamp}</td><td>the record's time in Kafka, milliseconds since 1970; nothing if it has
 *       none</td></tr>
 *   <tr><td>{@code topic-partition}</td><td>topic, dash, Kafka partition: {@code orders-3}</td></tr>
 *   <tr><td>{@code topic-partition-offset}</td><td>the same with the offset: {@code orders-3-1042}</td></tr>
 * </table>
 */
@FunctionalInterface
interface Selector {
    String SYNTAX = "key, timestamp, topic-partition, topic-partition-offset, header:NAME, field:PATH or constant:TEXT";

    /** Prefix of a constant. */
    String CONSTANT = "constant:";

    /** Prefix of a field. */
    String FIELD = "field:";

    /** Prefix of a header. */
    String HEADER = "header:";

    String KEY = "key";
    String TIMESTAMP = "timestamp";

    Selector TOPIC_PARTITION = record -> record.originalTopic() + '-' + record.originalKafkaPartition();
    Selector TOPIC_PARTITION_OFFSET = record ->
            record.originalTopic() + '-' + record.originalKafkaPartition() + '-' + record.originalKafkaOffset();

    /**
     * Returns the text, or null if the record has nothing there.
     *
     * @throws DataException if the value there has no form as text
     */
    @Nullable
    String select(SinkRecord record);

    /**
     * Parses a selector.
     *
     * @param setting key of the setting, for the message
     * @param fields finds the fields of values
     * @throws IllegalArgumentException if the text has none of the forms; the message lists the forms
     */
    static Selector parse(String setting, String text, RecordFields fields) {
        int colon = text.indexOf(':');
        String kind = colon < 0 ? text : text.substring(0, colon);
        String argument = colon < 0 ? "" : text.substring(colon + 1);
        boolean hasArgument = !argument.isEmpty();
        if (text.equals(KEY)) {
            return record -> text(record.keySchema(), record.key());
        } else if (text.equals(TIMESTAMP)) {
            return record ->
                    record.timestamp() == null ? null : record.timestamp().toString();
        } else if (text.equals("topic-partition")) {
            return TOPIC_PARTITION;
        } else if (text.equals("topic-partition-offset")) {
            return TOPIC_PARTITION_OFFSET;
        } else if (hasArgument && kind.equals("header")) {
            return record -> header(record, argument);
        } else if (hasArgument && kind.equals("field")) {
            FieldPath path = path(setting, argument);
            return record -> text(fields.find(record, path));
        } else if (hasArgument && kind.equals("constant")) {
            NewMessage.checkName(setting, argument);
            return record -> argument;
        }
        throw new IllegalArgumentException(setting + " must be " + SYNTAX + ", was " + text);
    }

    /** Returns true if a record may have nothing where this selector looks. */
    static boolean mayMiss(String text) {
        return text.equals(KEY) || text.equals(TIMESTAMP) || text.startsWith(HEADER) || text.startsWith(FIELD);
    }

    /** Returns the last header of that name as text, or null. */
    static @Nullable String header(SinkRecord record, String name) {
        Header header = record.headers().lastWithName(name);
        return header == null ? null : text(header.schema(), header.value());
    }

    private static FieldPath path(String setting, String text) {
        try {
            return FieldPath.parse(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(setting + " " + e.getMessage(), e);
        }
    }

    private static @Nullable String text(FieldPath.@Nullable Found found) {
        return found == null ? null : text(found.schema(), found.value());
    }

    /**
     * Returns a value as text. A string stays as it is. Bytes become UTF-8 text, or Base64 if they are not UTF-8. Any
     * other value becomes JSON as in a payload, without the quotes of a JSON string.
     */
    private static @Nullable String text(@Nullable Schema schema, @Nullable Object value) {
        if (value == null) {
            return null;
        }
        if (value instanceof String string) {
            return string;
        }
        return JsonText.asPlainText(schema, value);
    }
}
