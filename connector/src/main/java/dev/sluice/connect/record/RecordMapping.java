package dev.sluice.connect.record;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongSupplier;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * Turns a Kafka record into a message. Equal records give equal messages, except for the message ids generated here.
 *
 * <p>If the record's value is a {@link NewMessage} already, as in the bridge's log, it is the message. For any other
 * record, each attribute of the message comes from the first of these places that has it:
 *
 * <table>
 *   <caption>Where each attribute of the message comes from</caption>
 *   <tr><th>Attribute</th><th>Header of {@link RecordHeaders}</th><th>Without the header</th></tr>
 *   <tr><td>queue</td><td>{@link RecordHeaders#QUEUE}</td><td>{@code queue.name.format}</td></tr>
 *   <tr><td>partition</td><td>{@link RecordHeaders#PARTITION}</td>
 *       <td>{@code partition.from}, then {@code <topic>-<partition>}</td></tr>
 *   <tr><td>transaction id</td><td>{@link RecordHeaders#TRANSACTION_ID}</td>
 *       <td>{@code transaction.id.from}, then {@code <topic>-<partition>-<offset>}. The queue does not remember the
 *       latter: the offsets in PostgreSQL already exclude duplicates</td></tr>
 *   <tr><td>id</td><td>{@link RecordHeaders#ID}</td><td>a new UUIDv7</td></tr>
 *   <tr><td>trace id</td><td>{@link RecordHeaders#TRACE_ID}</td><td>{@code trace.id.from}, then none</td></tr>
 *   <tr><td>created time</td><td>{@link RecordHeaders#CREATED_AT}</td><td>{@code created.from}, then none</td></tr>
 *   <tr><td>lane</td><td>{@link RecordHeaders#LANE}</td><td>{@code lane.from}, then none</td></tr>
 *   <tr><td>producer, time of delivery, delay</td><td>{@link RecordHeaders#PRODUCER_SUB},
 *       {@link RecordHeaders#DELIVER_AT}, {@link RecordHeaders#DELAY_MS}</td><td>none</td></tr>
 *   <tr><td>headers</td><td>all other headers</td><td>none, see {@link HeaderReader}</td></tr>
 *   <tr><td>payload</td><td></td><td>the value as JSON, see {@link JsonText}</td></tr>
 * </table>
 *
 * <p>The name of a partition of works may carry a {@linkplain LimitKey limit key}. It counts in a record with
 * {@link RecordHeaders#ID}, which Sluice has written, and is left out of any other.
 *
 * <p>A record without a value (a tombstone) becomes a message with the payload {@code null}, so that no record
 * disappears. To drop tombstones, configure the transform {@code Filter} with the predicate {@code RecordIsTombstone}.
 *
 * <p>Topic, partition and offset are those in Kafka, whatever transforms did to the record. Use {@code StringConverter}
 * as {@code header.converter}: Connect's default converter guesses types and turns {@code 007} into 7.
 *
 * <p>Not thread-safe, because it caches the last queue name. The task's thread owns it.
 */
public final class RecordMapping {
    private static final MessageIds IDS = new MessageIds();

    static final String TOPIC = "${topic}";

    private final String queueNameFormat;
    private final Map<Attribute, Selector> selectors;
    private final int maxBytes;
    private final boolean readsHeaders;
    private final HeaderReader headers;

    /** Topic of the last record. */
    private String topic = "";

    /** Queue of the last record. */
    private String queueOfTopic = "";

    /** An attribute of a message that a setting can select. */
    enum Attribute {
        PARTITION(MappingSettings.PARTITION_FROM),
        TRANSACTION_ID(MappingSettings.TRANSACTION_ID_FROM),
        TRACE_ID(MappingSettings.TRACE_ID_FROM),
        CREATED_AT(MappingSettings.CREATED_FROM),
        LANE(MappingSettings.LANE_FROM);

        /** The setting that says where the attribute comes from. */
        final String setting;

        Attribute(String setting) {
            this.setting = setting;
        }
    }

    /**
     * Makes a mapping.
     *
     * @param queueNameFormat may contain {@link #TOPIC}
     * @param selectors select the attributes that no header gives
     * @param readsHeaders whether the {@link RecordHeaders} of a record count
     * @param headers reads the headers that become headers of the message
     * @param maxBytes longest payload
     */
    RecordMapping(
            String queueNameFormat,
            Map<Attribute, Selector> selectors,
            boolean readsHeaders,
            HeaderReader headers,
            int maxBytes) {
        this.queueNameFormat = queueNameFormat;
        this.selectors = new EnumMap<>(Attribute.class);
        this.selectors.putAll(selectors);
        this.readsHeaders = readsHeaders;
        this.headers = headers;
        this.maxBytes = maxBytes;
    }

    /** Checks that a format has no placeholder but the topic, and that the text around it is possible in a name. */
    static void checkQueueNameFormat(String format) {
        Placeholders.check(MappingSettings.QUEUE_NAME_FORMAT, format, TOPIC);
        NewMessage.checkName(MappingSettings.QUEUE_NAME_FORMAT, format.replace(TOPIC, "t"));
    }

    /**
     * Checks the name that a format gives to the queue of a topic.
     *
     * @throws IllegalArgumentException if no queue can have the name
     */
    static void checkQueueName(String format, String topic) {
        NewMessage.checkName("queue", format.replace(TOPIC, topic.isEmpty() ? "t" : topic));
    }

    /**
     * Returns the message of a record.
     *
     * @throws DataException if the record has a value that no rule accepts; the message names the value and the rule
     */
    public NewMessage map(SinkRecord record) {
        if (record.value() instanceof NewMessage message) {
            return message;
        }
        try {
            UUID id = RecordHeaders.uuid(RecordHeaders.ID, header(record, RecordHeaders.ID));
            Long delayMillis = RecordHeaders.millis(RecordHeaders.DELAY_MS, header(record, RecordHeaders.DELAY_MS));
            String transactionId = givenTransactionId(record);
            NewMessage message = NewMessage.builder(
                            id == null ? IDS.next() : id,
                            firstOf(header(record, RecordHeaders.QUEUE), queue(record.topic())),
                            firstOf(
                                    attribute(record, RecordHeaders.PARTITION, Attribute.PARTITION),
                                    Selector.TOPIC_PARTITION,
                                    record),
                            firstOf(transactionId, Selector.TOPIC_PARTITION_OFFSET, record),
                            payload(record))
                    .headers(headers.read(record, id != null))
                    .generatedTransactionId(
                            transactionId == null || Boolean.parseBoolean(header(record, RecordHeaders.GENERATED)))
                    .traceId(RecordHeaders.uuid(
                            "trace id", attribute(record, RecordHeaders.TRACE_ID, Attribute.TRACE_ID)))
                    .producerSub(header(record, RecordHeaders.PRODUCER_SUB))
                    .deliverAt(RecordHeaders.time(RecordHeaders.DELIVER_AT, header(record, RecordHeaders.DELIVER_AT)))
                    .delay(delayMillis == null ? null : Duration.ofMillis(delayMillis))
                    .origin(origin(record))
                    .build();
            return id == null ? LimitKey.ofProducer(message) : message;
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    /** Returns, by setting, the counter of records that had nothing where the setting looks. Any thread may read it. */
    public Map<String, LongSupplier> missingCounters() {
        var counters = new LinkedHashMap<String, LongSupplier>();
        for (Selector selector : selectors.values()) {
            if (selector instanceof WatchedSelector watched) {
                counters.put(watched.setting(), watched::missing);
            }
        }
        return counters;
    }

    /** Returns the number of headers that were left out because no message can have them. Any thread may read it. */
    public long headersLeftOut() {
        return headers.leftOut();
    }

    /**
     * Checks the name of the queue for the records of a topic.
     *
     * @throws IllegalArgumentException if no queue can have the name
     */
    public void checkQueueOf(String topicOfRecords) {
        checkQueueName(queueNameFormat, topicOfRecords);
    }

    private String queue(String topicOfRecord) {
        if (!topicOfRecord.equals(topic)) {
            topic = topicOfRecord;
            queueOfTopic = queueNameFormat.replace(TOPIC, topicOfRecord);
        }
        return queueOfTopic;
    }

    /**
     * Returns the transaction id that the record brings along. Null: the record's place in Kafka, which is unique,
     * becomes the id.
     */
    private @Nullable String givenTransactionId(SinkRecord record) {
        return selectors.get(Attribute.TRANSACTION_ID) == Selector.TOPIC_PARTITION_OFFSET
                ? header(record, RecordHeaders.TRANSACTION_ID)
                : attribute(record, RecordHeaders.TRANSACTION_ID, Attribute.TRANSACTION_ID);
    }

    private Origin origin(SinkRecord record) {
        Instant createdAt =
                RecordHeaders.time("created time", attribute(record, RecordHeaders.CREATED_AT, Attribute.CREATED_AT));
        PriorityLane lane = RecordHeaders.lane("lane", attribute(record, RecordHeaders.LANE, Attribute.LANE));
        return createdAt == null && lane == null ? Origin.NONE : new Origin(createdAt, lane);
    }

    private byte[] payload(SinkRecord record) {
        byte[] payload = JsonText.of(record.valueSchema(), record.value());
        if (payload.length > maxBytes) {
            throw new DataException(
                    "payload must have at most " + maxBytes + " bytes (message.max.bytes), has " + payload.length);
        }
        return payload;
    }

    private @Nullable String attribute(SinkRecord record, String header, Attribute attribute) {
        String given = header(record, header);
        Selector selector = selectors.get(attribute);
        return given != null || selector == null ? given : selector.select(record);
    }

    private @Nullable String header(SinkRecord record, String name) {
        return readsHeaders && !record.headers().isEmpty() ? Selector.header(record, name) : null;
    }

    private static String firstOf(@Nullable String given, String otherwise) {
        return given == null ? otherwise : given;
    }

    private static String firstOf(@Nullable String given, Selector otherwise, SinkRecord record) {
        return given == null ? String.valueOf(otherwise.select(record)) : given;
    }
}
