package dev.sluice.connect;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import java.util.UUID;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * Makes a message of a Kafka record. Pure, except for the ids it makes.
 *
 * <p>A record whose value already is a {@link NewMessage} (those of the bridge's log) passes through. For any other, the first
 * of these that the record has:
 *
 * <table>
 *   <caption>Where each part of the message comes from</caption>
 *   <tr><th>Part</th><th>Header</th><th>Else</th></tr>
 *   <tr><td>queue</td><td>{@code sluice.queue}</td><td>{@code queue.name.format}</td></tr>
 *   <tr><td>partition</td><td>{@code sluice.partition}</td><td>{@code partition.from}, then {@code <topic>-<partition>}</td></tr>
 *   <tr><td>transaction id</td><td>{@code sluice.transaction-id}</td><td>{@code transaction.id.from}, then
 *       {@code <topic>-<partition>-<offset>}</td></tr>
 *   <tr><td>whether the service made that id</td><td>{@code sluice.transaction-id-generated}: {@code true}</td><td>no</td></tr>
 *   <tr><td>id</td><td>{@code sluice.id}, a UUID</td><td>a new UUIDv7</td></tr>
 *   <tr><td>trace id</td><td>{@code sluice.trace-id}, a UUID</td><td>none</td></tr>
 *   <tr><td>producer</td><td>{@code sluice.producer-sub}</td><td>none</td></tr>
 *   <tr><td>payload</td><td></td><td>the value as JSON, see {@link JsonText}; a null value is the payload {@code null}</td></tr>
 * </table>
 *
 * <p>Topic, partition and offset are those in Kafka, whatever transforms did to the record. Use {@code StringConverter} as
 * {@code header.converter}: Connect's default one guesses types and would turn {@code 007} into 7.
 */
final class RecordMapping {
    private static final MessageIds IDS = new MessageIds();

    static final String TOPIC = "${topic}";

    static final String QUEUE_HEADER = "sluice.queue";
    static final String PARTITION_HEADER = "sluice.partition";
    static final String TRANSACTION_ID_HEADER = "sluice.transaction-id";
    static final String GENERATED_HEADER = "sluice.transaction-id-generated";
    static final String ID_HEADER = "sluice.id";
    static final String TRACE_ID_HEADER = "sluice.trace-id";
    static final String PRODUCER_HEADER = "sluice.producer-sub";

    private final String queueNameFormat;
    private final Selector partition;
    private final Selector transactionId;

    RecordMapping(String queueNameFormat, Selector partition, Selector transactionId) {
        this.queueNameFormat = queueNameFormat;
        this.partition = partition;
        this.transactionId = transactionId;
    }

    /**
     * Returns the message.
     *
     * @throws DataException if the record has something no rule accepts; the message names it and what was expected
     */
    NewMessage map(SinkRecord record) {
        if (record.value() instanceof NewMessage message) {
            return message;
        }
        try {
            return new NewMessage(
                    id(record),
                    firstOf(Selector.header(record, QUEUE_HEADER), queueNameFormat.replace(TOPIC, record.topic())),
                    firstOf(
                            Selector.header(record, PARTITION_HEADER),
                            partition.select(record),
                            Selector.TOPIC_PARTITION.select(record)),
                    firstOf(
                            Selector.header(record, TRANSACTION_ID_HEADER),
                            transactionId.select(record),
                            Selector.TOPIC_PARTITION_OFFSET.select(record)),
                    Boolean.parseBoolean(Selector.header(record, GENERATED_HEADER)),
                    JsonText.of(record.valueSchema(), record.value()),
                    uuid(record, TRACE_ID_HEADER),
                    Selector.header(record, PRODUCER_HEADER));
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private static UUID id(SinkRecord record) {
        UUID given = uuid(record, ID_HEADER);
        return given == null ? IDS.next() : given;
    }

    private static @Nullable UUID uuid(SinkRecord record, String header) {
        String text = Selector.header(record, header);
        if (text == null) {
            return null;
        }
        if (text.length() != 36) {
            throw new DataException("header " + header + " must be a UUID, was " + text);
        }
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw new DataException("header " + header + " must be a UUID, was " + text, e);
        }
    }

    private static String firstOf(@Nullable String... candidates) {
        for (String candidate : candidates) {
            if (candidate != null) {
                return candidate;
            }
        }
        throw new IllegalStateException("the last candidate is never null");
    }
}
