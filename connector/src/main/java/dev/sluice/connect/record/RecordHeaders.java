package dev.sluice.connect.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TimeText;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * The headers and the key of a message that is a Kafka record. The value of the record is the payload, byte for byte.
 * The key is {@code <queue>/<partition>} in UTF-8, so messages of one partition stay in one topic partition, in order.
 * Everything else is in headers, as text in UTF-8.
 *
 * <table>
 *   <caption>Headers</caption>
 *   <tr><th>Name</th><th>Value</th><th>If it is missing</th></tr>
 *   <tr><td>{@value #QUEUE}</td><td>name of the queue</td><td></td></tr>
 *   <tr><td>{@value #PARTITION}</td><td>name of the partition</td><td></td></tr>
 *   <tr><td>{@value #TRANSACTION_ID}</td><td>the transaction id</td><td></td></tr>
 *   <tr><td>{@value #ID}</td><td>the message's id, a UUID</td><td></td></tr>
 *   <tr><td>{@value #TRACE_ID}</td><td>the trace id, a UUID</td><td>no trace id</td></tr>
 *   <tr><td>{@value #PRODUCER_SUB}</td><td>subject of the producer's token</td><td>no subject</td></tr>
 *   <tr><td>{@value #CREATED_AT}</td><td>time of creation: {@code 2026-05-16T10:00:00.123456Z}</td>
 *       <td>time of the write to the queue</td></tr>
 *   <tr><td>{@value #LANE}</td><td>lane of its partition: {@code critical}, {@code high}, {@code normal},
 *       {@code low}</td><td>lane of the queue's priority</td></tr>
 *   <tr><td>{@value #DELIVER_AT}</td><td>earliest time of delivery, in the form of {@value #CREATED_AT}</td>
 *       <td>at once</td></tr>
 *   <tr><td>{@value #DELAY_MS}</td><td>milliseconds from the write to the queue to the delivery</td><td>0</td></tr>
 *   <tr><td>{@value #GENERATED}</td><td>{@code true}: the transaction id cannot occur twice, so the queue does not
 *       remember it. This class reads the header and never writes it, because a topic may contain a message twice</td>
 *       <td>the queue remembers it</td></tr>
 *   <tr><td>any other</td><td>the {@linkplain dev.sluice.queue.MessageHeaders header} of the message with this
 *       name</td><td>no such header</td></tr>
 * </table>
 *
 * <p>No header says whether a payload is encrypted: a ciphertext is recognisable by itself
 * ({@link dev.sluice.queue.PayloadCipher}).
 *
 * <p>{@link #kafka} makes the headers for a producer, {@link #connect} for a connector. All methods are pure.
 */
public final class RecordHeaders {
    static final String QUEUE = "sluice.queue";
    public static final String PARTITION = "sluice.partition";
    public static final String TRANSACTION_ID = "sluice.transaction-id";
    static final String GENERATED = "sluice.transaction-id-generated";
    static final String ID = "sluice.id";
    public static final String TRACE_ID = "sluice.trace-id";
    public static final String PRODUCER_SUB = "sluice.producer-sub";
    public static final String CREATED_AT = "sluice.created-at";
    public static final String LANE = "sluice.lane";
    static final String DELIVER_AT = "sluice.deliver-at";
    static final String DELAY_MS = "sluice.delay-ms";

    private static final int UUID_LENGTH = 36;

    /** Milliseconds before 1970, with digits for more than three thousand years. */
    private static final Pattern NEGATIVE_MILLIS = Pattern.compile("-\\d{1,14}");

    private RecordHeaders() {}

    /** Returns the key of a message's record. */
    public static String key(NewMessage message) {
        return message.queue() + '/' + message.partition();
    }

    /** Returns the headers of a message's record, by name, in the order of the table, with the message's own behind. */
    public static Map<String, String> of(NewMessage message) {
        var headers = new LinkedHashMap<String, String>();
        headers.put(QUEUE, message.queue());
        headers.put(PARTITION, message.partition());
        headers.put(TRANSACTION_ID, message.transactionId());
        headers.put(ID, message.id().toString());
        put(headers, TRACE_ID, message.traceId());
        put(headers, PRODUCER_SUB, message.producerSub());
        put(headers, CREATED_AT, message.origin().createdAt());
        PriorityLane lane = message.origin().lane();
        put(headers, LANE, lane == null ? null : lane.text());
        put(headers, DELIVER_AT, message.deliverAt());
        put(headers, DELAY_MS, message.delay() == null ? null : message.delay().toMillis());
        headers.putAll(message.headers().asMap()); // No name is equal to one above: names sluice.… are reserved.
        return headers;
    }

    private static void put(Map<String, String> headers, String name, @Nullable Object value) {
        if (value != null) {
            headers.put(name, value.toString());
        }
    }

    /** Returns the headers for a producer of kafka-clients. */
    public static List<Header> kafka(NewMessage message) {
        var headers = new ArrayList<Header>();
        of(message).forEach((name, text) -> headers.add(new TextHeader(name, text.getBytes(UTF_8))));
        return headers;
    }

    /** A header as a producer takes it. Kafka's own implementation is an internal class. */
    @SuppressWarnings("ArrayRecordComponent") // No code compares headers.
    private record TextHeader(String key, byte[] value) implements Header {}

    /** Returns the headers for a record of Connect. */
    public static Headers connect(NewMessage message) {
        var headers = new ConnectHeaders();
        of(message).forEach(headers::addString);
        return headers;
    }

    /**
     * Parses a UUID.
     *
     * @param what name of the value, for the message
     * @throws IllegalArgumentException if the text is not a UUID of 36 characters
     */
    static @Nullable UUID uuid(String what, @Nullable String text) {
        if (text == null) {
            return null;
        }
        if (text.length() == UUID_LENGTH) {
            try {
                return UUID.fromString(text);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(what + " must be a UUID, was " + text, e);
            }
        }
        throw new IllegalArgumentException(what + " must be a UUID, was " + text);
    }

    /**
     * Parses a time in any of the forms of {@link TimeText}. A record may be older than 1970, so a number may be
     * negative here.
     *
     * @param what name of the value, for the message
     * @throws IllegalArgumentException if the text is not a time
     */
    static @Nullable Instant time(String what, @Nullable String text) {
        if (text == null) {
            return null;
        }
        return NEGATIVE_MILLIS.matcher(text).matches()
                ? Instant.ofEpochMilli(Long.parseLong(text))
                : TimeText.parse(what, text);
    }

    /**
     * Parses a number of milliseconds.
     *
     * @param what name of the value, for the message
     * @throws IllegalArgumentException if the text is not a whole number
     */
    static @Nullable Long millis(String what, @Nullable String text) {
        if (text == null) {
            return null;
        }
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(what + " must be a whole number of milliseconds, was " + text, e);
        }
    }

    /**
     * Parses a lane.
     *
     * @param what name of the value, for the message
     * @throws IllegalArgumentException if the text is none of the four lanes
     */
    static @Nullable PriorityLane lane(String what, @Nullable String text) {
        return text == null ? null : PriorityLane.of(what, text);
    }
}
