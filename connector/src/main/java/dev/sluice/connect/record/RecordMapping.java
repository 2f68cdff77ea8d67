package dev.sluice.connect.record;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * Makes a message of a Kafka record. Two records that are the same give the same message, but for the ids made here.
 * Owned by one thread, for it keeps the name it made last.
 *
 * <p>A record whose value already is a {@link NewMessage} (those of the bridge's log) passes through. For any other,
 * the first of these that the record has:
 *
 * <table>
 *   <caption>Where each part of the message comes from</caption>
 *   <tr><th>Part</th><th>Header of {@link RecordHeaders}</th><th>Else</th></tr>
 *   <tr><td>queue</td><td>{@link RecordHeaders#QUEUE}</td><td>{@code queue.name.format}</td></tr>
 *   <tr><td>partition</td><td>{@link RecordHeaders#PARTITION}</td>
 *       <td>{@code partition.from}, then {@code <topic>-<partition>}</td></tr>
 *   <tr><td>transaction id</td><td>{@link RecordHeaders#TRANSACTION_ID}</td>
 *       <td>{@code transaction.id.from}, then {@code <topic>-<partition>-<offset>}, which is not remembered: the
 *       offsets in PostgreSQL see to it that it comes only once</td></tr>
 *   <tr><td>id</td><td>{@link RecordHeaders#ID}</td><td>a new UUIDv7</td></tr>
 *   <tr><td>trace id</td><td>{@link RecordHeaders#TRACE_ID}</td><td>{@code trace.id.from}, then none</td></tr>
 *   <tr><td>created time</td><td>{@link RecordHeaders#CREATED_AT}</td><td>{@code created.from}, then none</td></tr>
 *   <tr><td>lane</td><td>{@link RecordHeaders#LANE}</td><td>{@code lane.from}, then none</td></tr>
 *   <tr><td>producer, time of delivery, delay</td><td>{@link RecordHeaders#PRODUCER_SUB},
 *       {@link RecordHeaders#DELIVER_AT}, {@link RecordHeaders#DELAY_MS}</td><td>none</td></tr>
 *   <tr><td>payload</td><td></td><td>the value as JSON, see {@link JsonText}</td></tr>
 * </table>
 *
 * <p>A record without a value (a tombstone) is a message like any other, with the payload {@code null}: nothing
 * vanishes on the way. Who wants none of them has the worker drop them: the transform {@code Filter} with the predicate
 * {@code RecordIsTombstone}.
 *
 * <p>Topic, partition and offset are those in Kafka, whatever transforms did to the record. Use {@code StringConverter}
 * as {@code header.converter}: Connect's default one guesses types and would turn {@code 007} into 7.
 */
public final class RecordMapping {
    private static final MessageIds IDS = new MessageIds();

    public static final String TOPIC = "${topic}";

    /** Checks a format of queue names: what stands in it beside the topic must be fit for a name. */
    public static void checkQueueNameFormat(String format) {
        NewMessage.checkName("queue.name.format", format.replace(TOPIC, "t"));
    }

    /**
     * Checks the name that a format gives the queue of a topic.
     *
     * @throws IllegalArgumentException if no queue can have it
     */
    public static void checkQueueName(String format, String topic) {
        NewMessage.checkName("queue", format.replace(TOPIC, topic.isEmpty() ? "t" : topic));
    }

    private final String queueNameFormat;
    private final Map<Part, Selector> selectors;
    private final int maxBytes;
    private final boolean readsHeaders;
    /** The last topic, and the queue of its records. */
    private String topic = "";

    private String queueOfTopic = "";

    /** What a setting says where it comes from. */
    public enum Part {
        PARTITION,
        TRANSACTION_ID,
        TRACE_ID,
        CREATED_AT,
        LANE
    }

    /**
     * Makes a mapping.
     *
     * @param queueNameFormat may hold {@link #TOPIC}
     * @param selectors where parts come from that no header gives
     * @param readsHeaders whether {@link RecordHeaders} are looked at
     * @param maxBytes longest payload
     */
    public RecordMapping(String queueNameFormat, Map<Part, Selector> selectors, boolean readsHeaders, int maxBytes) {
        this.queueNameFormat = queueNameFormat;
        this.selectors = new EnumMap<>(Part.class);
        this.selectors.putAll(selectors);
        this.readsHeaders = readsHeaders;
        this.maxBytes = maxBytes;
    }

    /**
     * Returns the message.
     *
     * @throws DataException if the record has something no rule accepts; the message names it and what was expected
     */
    public NewMessage map(SinkRecord record) {
        if (record.value() instanceof NewMessage message) {
            return message;
        }
        try {
            UUID id = RecordHeaders.uuid(RecordHeaders.ID, header(record, RecordHeaders.ID));
            Long delay = RecordHeaders.millis(RecordHeaders.DELAY_MS, header(record, RecordHeaders.DELAY_MS));
            String transactionId = givenTransactionId(record);
            return NewMessage.builder(
                            id == null ? IDS.next() : id,
                            firstOf(header(record, RecordHeaders.QUEUE), queue(record.topic())),
                            firstOf(
                                    part(record, RecordHeaders.PARTITION, Part.PARTITION),
                                    Selector.TOPIC_PARTITION,
                                    record),
                            firstOf(transactionId, Selector.TOPIC_PARTITION_OFFSET, record),
                            payload(record))
                    .generatedTransactionId(
                            transactionId == null || Boolean.parseBoolean(header(record, RecordHeaders.GENERATED)))
                    .traceId(RecordHeaders.uuid("trace id", part(record, RecordHeaders.TRACE_ID, Part.TRACE_ID)))
                    .producerSub(header(record, RecordHeaders.PRODUCER_SUB))
                    .deliverAt(RecordHeaders.time(RecordHeaders.DELIVER_AT, header(record, RecordHeaders.DELIVER_AT)))
                    .delay(delay == null ? null : Duration.ofMillis(delay))
                    .origin(origin(record))
                    .build();
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    /** Returns the selectors that count records which have nothing there. */
    public List<WatchedSelector> watched() {
        return selectors.values().stream()
                .filter(WatchedSelector.class::isInstance)
                .map(WatchedSelector.class::cast)
                .toList();
    }

    /**
     * Checks the name of the queue that records of a topic go to.
     *
     * @throws IllegalArgumentException if no queue can have it
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
     * Returns the transaction id that the record brings along; null if its place in Kafka is to be the id, which comes
     * only once.
     */
    private @Nullable String givenTransactionId(SinkRecord record) {
        return selectors.get(Part.TRANSACTION_ID) == Selector.TOPIC_PARTITION_OFFSET
                ? header(record, RecordHeaders.TRANSACTION_ID)
                : part(record, RecordHeaders.TRANSACTION_ID, Part.TRANSACTION_ID);
    }

    private Origin origin(SinkRecord record) {
        Instant createdAt = RecordHeaders.time("created time", part(record, RecordHeaders.CREATED_AT, Part.CREATED_AT));
        PriorityLane lane = RecordHeaders.lane("lane", part(record, RecordHeaders.LANE, Part.LANE));
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

    private @Nullable String part(SinkRecord record, String header, Part part) {
        String given = header(record, header);
        Selector selector = selectors.get(part);
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
