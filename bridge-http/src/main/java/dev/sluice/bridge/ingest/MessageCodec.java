package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Encodes a message as the payload of a log entry, and decodes it.
 *
 * <pre>
 * width   field            meaning
 *     1   version          2
 *     2   flags            most significant byte first. Bit 0: has a trace id; 1: has a producer; 2: the transaction id
 *                          was generated; 3: has a time of delivery; 4: has a delay; 5: has a time of creation;
 *                          6: has a lane; 7: has headers; all others 0
 *    16   id               UUID, most significant byte first
 *    16   trace id         the same; only with bit 0
 *   1-3   length           of the queue's name in bytes: 7 bits per byte, lowest first, the top bit says more follow
 *     n   queue            UTF-8
 *   1-3   length
 *     n   partition        UTF-8
 *   1-3   length
 *     n   transaction id   UTF-8
 *   1-3   length           only with bit 1
 *     n   producer         UTF-8; only with bit 1
 *     8   deliver at       microseconds since 1970, most significant byte first; only with bit 3
 *     8   delay            milliseconds; only with bit 4
 *     8   created at       microseconds since 1970; only with bit 5
 *     1   lane             0 critical, 1 high, 2 normal, 3 low; only with bit 6
 *   1-3   length           only with bit 7
 *     n   headers          UTF-8: a JSON object of strings; only with bit 7
 *  rest   payload          the JSON text as it was sent
 * </pre>
 *
 * <p>For example the message {@code {"n":1}} with the transaction id {@code t} and the header {@code h: v} in partition
 * {@code p} of queue {@code q}:
 *
 * <pre>
 * 02 00 80  01 8f 00 00 00 00 70 00 80 00 00 00 00 00 00 01  01 71  01 70  01 74
 * │  flags  id 018f0000-0000-7000-8000-000000000001          q      p      t
 * version
 * 09 7b 22 68 22 3a 22 76 22 7d  7b 22 6e 22 3a 31 7d
 *    {"h":"v"}                   {"n":1}
 * </pre>
 *
 * <p>Version 1 is decoded too. It has one byte of flags, bits 0 to 4, and its time of delivery is in milliseconds.
 *
 * <p>The log's checksum covers the bytes. Pure; any thread may call.
 */
public final class MessageCodec {
    static final byte VERSION = 2;

    private static final byte VERSION_1 = 1;

    /** Longest text in bytes: three bytes of length hold no more. */
    static final int MAX_TEXT_BYTES = (1 << 21) - 1;

    private static final int HAS_TRACE_ID = 1;
    private static final int HAS_PRODUCER = 1 << 1;
    private static final int GENERATED_TRANSACTION_ID = 1 << 2;
    private static final int HAS_DELIVER_AT = 1 << 3;
    private static final int HAS_DELAY = 1 << 4;
    private static final int HAS_CREATED_AT = 1 << 5;
    private static final int HAS_LANE = 1 << 6;
    private static final int HAS_HEADERS = 1 << 7;
    private static final int FLAGS_OF_VERSION_1 = HAS_CREATED_AT - 1;
    private static final int ALL_FLAGS = (HAS_HEADERS << 1) - 1;

    private static final int UUID_BYTES = 16;
    private static final int FIXED_BYTES = 3 + UUID_BYTES;
    private static final int FIXED_BYTES_OF_VERSION_1 = 2 + UUID_BYTES;
    private static final long MICROS = 1_000_000;
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private final byte[] bytes;
    private int at;

    private MessageCodec(byte[] bytes) {
        this.bytes = bytes;
    }

    /**
     * Encodes a message.
     *
     * @throws IllegalArgumentException if a text contains half of a surrogate pair, or has more than
     *     {@value #MAX_TEXT_BYTES} bytes
     */
    public static byte[] encode(NewMessage message) {
        byte[] queue = utf8("queue", message.queue());
        byte[] partition = utf8("partition", message.partition());
        byte[] transactionId = utf8("transactionId", message.transactionId());
        byte[] producer = message.producerSub() == null ? null : utf8("producerSub", message.producerSub());
        byte[] headers = message.headers().isEmpty()
                ? null
                : utf8("headers", message.headers().json());
        int flags = flags(message);
        int size = FIXED_BYTES + (message.traceId() == null ? 0 : UUID_BYTES);
        size += width(queue) + width(partition) + width(transactionId) + (producer == null ? 0 : width(producer));
        size += Long.BYTES * Integer.bitCount(flags & (HAS_DELIVER_AT | HAS_DELAY | HAS_CREATED_AT));
        size += (flags & HAS_LANE) == 0 ? 0 : 1;
        size += headers == null ? 0 : width(headers);
        var out = new MessageCodec(new byte[size + message.payload().length]);
        out.write(VERSION);
        out.write(flags >> Byte.SIZE);
        out.write(flags);
        out.write(message.id());
        out.write(message.traceId());
        out.write(queue);
        out.write(partition);
        out.write(transactionId);
        out.write(producer);
        out.write(micros("deliverAt", message.deliverAt()));
        out.write(message.delay() == null ? null : (Long) message.delay().toMillis());
        out.write(micros("createdAt", message.origin().createdAt()));
        PriorityLane lane = message.origin().lane();
        if (lane != null) {
            out.write(lane.number());
        }
        out.write(headers);
        System.arraycopy(message.payload(), 0, out.bytes, out.at, message.payload().length);
        return out.bytes;
    }

    private static int flags(NewMessage message) {
        return (message.traceId() == null ? 0 : HAS_TRACE_ID)
                | (message.producerSub() == null ? 0 : HAS_PRODUCER)
                | (message.generatedTransactionId() ? GENERATED_TRANSACTION_ID : 0)
                | (message.deliverAt() == null ? 0 : HAS_DELIVER_AT)
                | (message.delay() == null ? 0 : HAS_DELAY)
                | (message.origin().createdAt() == null ? 0 : HAS_CREATED_AT)
                | (message.origin().lane() == null ? 0 : HAS_LANE)
                | (message.headers().isEmpty() ? 0 : HAS_HEADERS);
    }

    /**
     * Decodes a message.
     *
     * @throws MessageFormatException if the bytes are no message; its text says what was expected at which byte
     */
    public static NewMessage decode(byte[] bytes) {
        boolean isVersion1 = bytes.length > 0 && bytes[0] == VERSION_1;
        int least = isVersion1 ? FIXED_BYTES_OF_VERSION_1 : FIXED_BYTES;
        if (bytes.length > 0 && bytes[0] != VERSION && !isVersion1) {
            throw new MessageFormatException(
                    "message has format version " + (bytes[0] & 0xff) + ", this program knows only 1 and " + VERSION);
        }
        if (bytes.length < least) {
            throw new MessageFormatException(
                    "a message has at least " + least + " bytes, this entry has " + bytes.length);
        }
        var in = new MessageCodec(bytes);
        in.at = 1;
        int flags = isVersion1 ? in.readByte() : in.readByte() << Byte.SIZE | in.readByte();
        if ((flags & ~(isVersion1 ? FLAGS_OF_VERSION_1 : ALL_FLAGS)) != 0) {
            throw new MessageFormatException("message has unknown flags 0x" + Integer.toHexString(flags));
        }
        try {
            return in.readMessage(flags, isVersion1);
        } catch (IllegalArgumentException e) {
            throw new MessageFormatException(e.getMessage(), e);
        }
    }

    private NewMessage readMessage(int flags, boolean isVersion1) {
        UUID id = readUuid("id");
        UUID traceId = (flags & HAS_TRACE_ID) == 0 ? null : readUuid("trace id");
        String queue = readText("queue");
        String partition = readText("partition");
        String transactionId = readText("transaction id");
        String producer = (flags & HAS_PRODUCER) == 0 ? null : readText("producer");
        Long deliverAt = (flags & HAS_DELIVER_AT) == 0 ? null : (Long) readLong("deliver at");
        Duration delay = (flags & HAS_DELAY) == 0 ? null : Duration.ofMillis(readLong("delay"));
        Long createdAt = (flags & HAS_CREATED_AT) == 0 ? null : (Long) readLong("created at");
        PriorityLane lane = (flags & HAS_LANE) == 0 ? null : readLane();
        String headers = (flags & HAS_HEADERS) == 0 ? null : readText("headers");
        byte[] payload = Arrays.copyOfRange(bytes, at, bytes.length);
        return NewMessage.builder(id, queue, partition, transactionId, payload)
                .generatedTransactionId((flags & GENERATED_TRANSACTION_ID) != 0)
                .headers(headers == null ? MessageHeaders.NONE : MessageHeaders.parse(headers))
                .traceId(traceId)
                .producerSub(producer)
                .deliverAt(
                        deliverAt == null ? null : isVersion1 ? Instant.ofEpochMilli(deliverAt) : ofMicros(deliverAt))
                .delay(delay)
                .origin(
                        createdAt == null && lane == null
                                ? Origin.NONE
                                : new Origin(createdAt == null ? null : ofMicros(createdAt), lane))
                .build();
    }

    private PriorityLane readLane() {
        require(1, "lane");
        int number = readByte();
        if (number > PriorityLane.LOW.number()) {
            throw new MessageFormatException("no lane has the number " + number + ", at byte " + (at - 1));
        }
        return PriorityLane.ofNumber(number);
    }

    private static @Nullable Long micros(String field, @Nullable Instant time) {
        if (time == null) {
            return null;
        }
        try {
            return Math.addExact(Math.multiplyExact(time.getEpochSecond(), MICROS), time.getNano() / 1_000L);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(field + " is out of range, was " + time, e);
        }
    }

    private static Instant ofMicros(long micros) {
        return Instant.ofEpochSecond(Math.floorDiv(micros, MICROS), Math.floorMod(micros, MICROS) * 1_000L);
    }

    private static byte[] utf8(String field, String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                checkPaired(field, text);
                break;
            }
        }
        byte[] utf8 = text.getBytes(UTF_8);
        if (utf8.length > MAX_TEXT_BYTES) {
            throw new IllegalArgumentException(
                    field + " must have at most " + MAX_TEXT_BYTES + " bytes, has " + utf8.length);
        }
        return utf8;
    }

    private static void checkPaired(String field, String text) {
        if (!UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException(field + " must not contain half of a surrogate pair");
        }
    }

    /** Returns the encoded size of a text with its length. */
    private static int width(byte[] text) {
        return text.length + (text.length < 1 << 7 ? 1 : text.length < 1 << 14 ? 2 : 3);
    }

    private void write(int lowestByte) {
        bytes[at++] = (byte) lowestByte;
    }

    private void write(@Nullable UUID uuid) {
        if (uuid == null) {
            return;
        }
        LONGS.set(bytes, at, uuid.getMostSignificantBits());
        LONGS.set(bytes, at + 8, uuid.getLeastSignificantBits());
        at += UUID_BYTES;
    }

    private void write(@Nullable Long value) {
        if (value == null) {
            return;
        }
        LONGS.set(bytes, at, value);
        at += Long.BYTES;
    }

    private void write(byte @Nullable [] text) {
        if (text == null) {
            return;
        }
        int length = text.length;
        while (length >= 1 << 7) {
            bytes[at++] = (byte) (length | 0x80);
            length >>>= 7;
        }
        bytes[at++] = (byte) length;
        System.arraycopy(text, 0, bytes, at, text.length);
        at += text.length;
    }

    private int readByte() {
        return bytes[at++] & 0xff;
    }

    private UUID readUuid(String field) {
        require(UUID_BYTES, field);
        var uuid = new UUID((long) LONGS.get(bytes, at), (long) LONGS.get(bytes, at + 8));
        at += UUID_BYTES;
        return uuid;
    }

    private long readLong(String field) {
        require(Long.BYTES, field);
        long value = (long) LONGS.get(bytes, at);
        at += Long.BYTES;
        return value;
    }

    private String readText(String field) {
        int lengthAt = at;
        int length = 0;
        for (int shift = 0; ; shift += 7) {
            require(1, "length of " + field);
            byte next = bytes[at++];
            length |= (next & 0x7f) << shift;
            if (next >= 0) {
                break;
            }
            if (shift == 14) {
                throw new MessageFormatException(
                        "length of " + field + " at byte " + lengthAt + " has more than three bytes");
            }
        }
        require(length, field);
        String text = text(field, at, length);
        at += length;
        return text;
    }

    private String text(String field, int start, int length) {
        boolean ascii = true;
        for (int i = start; i < start + length; i++) {
            ascii &= bytes[i] >= 0;
        }
        if (ascii) {
            return new String(bytes, start, length, ISO_8859_1);
        }
        try {
            return UTF_8.newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes, start, length))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new MessageFormatException(field + " at byte " + start + " is not UTF-8", e);
        }
    }

    private void require(int width, String field) {
        if (width > bytes.length - at) {
            throw new MessageFormatException(field + " at byte " + at + " takes " + width
                    + " bytes, the entry ends after " + (bytes.length - at));
        }
    }

    /** The value of a sink record whose log entry is no message. No mapping accepts it, so the sink task reports it. */
    @SuppressWarnings("ArrayRecordComponent") // Compared by identity.
    public record Unreadable(byte[] entry, String reason) {
        @Override
        public boolean equals(@Nullable Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }

        @Override
        public String toString() {
            return "unreadable entry of " + entry.length + " bytes: " + reason;
        }
    }
}
