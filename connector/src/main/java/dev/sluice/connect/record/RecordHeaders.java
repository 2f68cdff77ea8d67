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
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Headers;
import org.jspecify.annotations.Nullable;

/**
 * A message as a Kafka record: the value is the payload byte for byte, the key is {@code <queue>/<partition>} in UTF-8,
 * so that messages of one partition stay in one topic partition, in order; everything else is in headers, each of them
 * text in UTF-8.
 *
 * <table>
 *   <caption>Headers</caption>
 *   <tr><th>Name</th><th>Value</th><th>Without it</th></tr>
 *   <tr><td>{@value #QUEUE}</td><td>name of the queue</td><td></td></tr>
 *   <tr><td>{@value #PARTITION}</td><td>name of the partition</td><td></td></tr>
 *   <tr><td>{@value #TRANSACTION_ID}</td><td>the transaction id</td><td></td></tr>
 *   <tr><td>{@value #ID}</td><td>the message's id, a UUID</td><td></td></tr>
 *   <tr><td>{@value #TRACE_ID}</td><td>the trace id, a UUID</td><td>it has none</td></tr>
 *   <tr><td>{@value #PRODUCER_SUB}</td><td>subject of the producer's token</td><td>it has none</td></tr>
 *   <tr><td>{@value #CREATED_AT}</td><td>when it was created: {@code 2026-05-16T10:00:00.123456Z}</td>
 *       <td>when it is written to the queue</td></tr>
 *   <tr><td>{@value #LANE}</td><td>lane of its partition: {@code critical}, {@code high}, {@code normal},
 *   {@code low}</td>
 *       <td>that of the queue's priority</td></tr>
 *   <tr><td>{@value #DELIVER_AT}</td><td>time before which it is not delivered, written as the one above</td><td>at
 *   once</td></tr>
 *   <tr><td>{@value #DELAY_MS}</td><td>milliseconds it waits once it is written to the queue</td><td>none</td></tr>
 *   <tr><td>{@value #GENERATED}</td><td>{@code true}: the transaction id cannot occur twice, so it is not remembered.
 *   Read, and
 *       never written: a topic may hold a message twice</td><td>it is remembered</td></tr>
 * </table>
 *
 * <p>Nothing says whether a payload is encrypted: a ciphertext carries its own proof
 * ({@link dev.sluice.queue.PayloadCipher}).
 *
 * <p>Written for a producer by {@link #kafka}, for a connector by {@link #connect}. Pure; any thread may call.
 */
public final class RecordHeaders {
    public static final String QUEUE = "sluice.queue";
    public static final String PARTITION = "sluice.partition";
    public static final String TRANSACTION_ID = "sluice.transaction-id";
    public static final String GENERATED = "sluice.transaction-id-generated";
    public static final String ID = "sluice.id";
    public static final String TRACE_ID = "sluice.trace-id";
    public static final String PRODUCER_SUB = "sluice.producer-sub";
    public static final String CREATED_AT = "sluice.created-at";
    public static final String LANE = "sluice.lane";
    public static final String DELIVER_AT = "sluice.deliver-at";
    public static final String DELAY_MS = "sluice.delay-ms";

    private static final int UUID_LENGTH = 36;
    /** Milliseconds before 1970, with digits for more than three thousand years. */
    private static final Pattern NEGATIVE_MILLIS = Pattern.compile("-\\d{1,14}");

    private RecordHeaders() {}

    /** Returns the key of a message's record. */
    public static String key(NewMessage message) {
        return message.queue() + '/' + message.partition();
    }

    /** Returns the headers of a message's record, by name, in the order of the table. */
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
        of(message).forEach((name, text) -> headers.add(new RecordHeader(name, text.getBytes(UTF_8))));
        return headers;
    }

    /** Returns the headers for a record of Connect. */
    public static Headers connect(NewMessage message) {
        var headers = new ConnectHeaders();
        of(message).forEach(headers::addString);
        return headers;
    }

    /**
     * Reads a UUID.
     *
     * @param what where it is, for the message
     * @throws IllegalArgumentException if it is not written as 36 characters
     */
    public static @Nullable UUID uuid(String what, @Nullable String text) {
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
     * Reads a time in any of the forms of {@link TimeText}. A record may be older than 1970, so here a number may be
     * negative.
     *
     * @param what where it is, for the message
     * @throws IllegalArgumentException if it is no time
     */
    public static @Nullable Instant time(String what, @Nullable String text) {
        if (text == null) {
            return null;
        }
        return NEGATIVE_MILLIS.matcher(text).matches()
                ? Instant.ofEpochMilli(Long.parseLong(text))
                : TimeText.parse(what, text);
    }

    /**
     * Reads a number of milliseconds.
     *
     * @param what where it is, for the message
     * @throws IllegalArgumentException if it is no whole number
     */
    public static @Nullable Long millis(String what, @Nullable String text) {
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
     * Reads a lane.
     *
     * @param what where it is, for the message
     * @throws IllegalArgumentException if it is none of the four
     */
    public static @Nullable PriorityLane lane(String what, @Nullable String text) {
        return text == null ? null : PriorityLane.of(what, text);
    }
}
