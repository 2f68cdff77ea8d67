package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.NewMessage;
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
 *     1   version          1
 *     1   flags            bit 0: has a trace id; bit 1: has a producer; bit 2: the transaction id was generated;
 *                          bit 3: has a time of delivery; bit 4: has a delay; all others 0
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
 *     8   deliver at       milliseconds since 1970, most significant byte first; only with bit 3
 *     8   delay            milliseconds; only with bit 4
 *  rest   payload          the JSON text as it was sent
 * </pre>
 *
 * <p>For example the message {@code {"n":1}} with the transaction id {@code t} in partition {@code p} of queue
 * {@code q}:
 *
 * <pre>
 * 01 00  01 8f 00 00 00 00 70 00 80 00 00 00 00 00 00 01  01 71  01 70  01 74  7b 22 6e 22 3a 31 7d
 * │  │   id 018f0000-0000-7000-8000-000000000001          q      p      t      {"n":1}
 * │  flags
 * version
 * </pre>
 *
 * <p>The log's checksum covers the bytes. Pure; any thread may call.
 */
public final class MessageCodec {
    static final byte VERSION = 1;

    /** Longest text in bytes: three bytes of length hold no more. */
    static final int MAX_TEXT_BYTES = (1 << 21) - 1;

    private static final int HAS_TRACE_ID = 1;
    private static final int HAS_PRODUCER = 1 << 1;
    private static final int GENERATED_TRANSACTION_ID = 1 << 2;
    private static final int HAS_DELIVER_AT = 1 << 3;
    private static final int HAS_DELAY = 1 << 4;
    private static final int ALL_FLAGS =
            HAS_TRACE_ID | HAS_PRODUCER | GENERATED_TRANSACTION_ID | HAS_DELIVER_AT | HAS_DELAY;

    private static final int UUID_BYTES = 16;
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
        UUID traceId = message.traceId();
        byte[] queue = utf8("queue", message.queue());
        byte[] partition = utf8("partition", message.partition());
        byte[] transactionId = utf8("transactionId", message.transactionId());
        byte[] producer = message.producerSub() == null ? null : utf8("producerSub", message.producerSub());
        int size = 2 + UUID_BYTES + (traceId == null ? 0 : UUID_BYTES);
        size += width(queue) + width(partition) + width(transactionId) + (producer == null ? 0 : width(producer));
        Instant deliverAt = message.deliverAt();
        Duration delay = message.delay();
        size += (deliverAt == null ? 0 : Long.BYTES) + (delay == null ? 0 : Long.BYTES);
        var out = new MessageCodec(new byte[size + message.payload().length]);
        out.bytes[0] = VERSION;
        out.bytes[1] = (byte) ((traceId == null ? 0 : HAS_TRACE_ID)
                | (producer == null ? 0 : HAS_PRODUCER)
                | (message.generatedTransactionId() ? GENERATED_TRANSACTION_ID : 0)
                | (deliverAt == null ? 0 : HAS_DELIVER_AT)
                | (delay == null ? 0 : HAS_DELAY));
        out.at = 2;
        out.write(message.id());
        if (traceId != null) {
            out.write(traceId);
        }
        out.write(queue);
        out.write(partition);
        out.write(transactionId);
        if (producer != null) {
            out.write(producer);
        }
        if (deliverAt != null) {
            out.write(deliverAt.toEpochMilli());
        }
        if (delay != null) {
            out.write(delay.toMillis());
        }
        System.arraycopy(message.payload(), 0, out.bytes, out.at, message.payload().length);
        return out.bytes;
    }

    /**
     * Decodes a message.
     *
     * @throws MessageFormatException if the bytes are no message; its text says what was expected at which byte
     */
    public static NewMessage decode(byte[] bytes) {
        if (bytes.length < 2 + UUID_BYTES) {
            throw new MessageFormatException(
                    "a message has at least " + (2 + UUID_BYTES) + " bytes, this entry has " + bytes.length);
        }
        if (bytes[0] != VERSION) {
            throw new MessageFormatException(
                    "message has format version " + (bytes[0] & 0xff) + ", this program knows only " + VERSION);
        }
        int flags = bytes[1] & 0xff;
        if ((flags & ~ALL_FLAGS) != 0) {
            throw new MessageFormatException("message has unknown flags 0x" + Integer.toHexString(flags));
        }
        var in = new MessageCodec(bytes);
        in.at = 2;
        UUID id = in.readUuid("id");
        UUID traceId = (flags & HAS_TRACE_ID) == 0 ? null : in.readUuid("trace id");
        String queue = in.readText("queue");
        String partition = in.readText("partition");
        String transactionId = in.readText("transaction id");
        String producer = (flags & HAS_PRODUCER) == 0 ? null : in.readText("producer");
        Instant deliverAt = (flags & HAS_DELIVER_AT) == 0 ? null : Instant.ofEpochMilli(in.readLong("deliver at"));
        Duration delay = (flags & HAS_DELAY) == 0 ? null : Duration.ofMillis(in.readLong("delay"));
        byte[] payload = Arrays.copyOfRange(bytes, in.at, bytes.length);
        try {
            return NewMessage.builder(id, queue, partition, transactionId, payload)
                    .generatedTransactionId((flags & GENERATED_TRANSACTION_ID) != 0)
                    .traceId(traceId)
                    .producerSub(producer)
                    .deliverAt(deliverAt)
                    .delay(delay)
                    .build();
        } catch (IllegalArgumentException e) {
            throw new MessageFormatException(e.getMessage(), e);
        }
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

    private void write(UUID uuid) {
        LONGS.set(bytes, at, uuid.getMostSignificantBits());
        LONGS.set(bytes, at + 8, uuid.getLeastSignificantBits());
        at += UUID_BYTES;
    }

    private void write(long value) {
        LONGS.set(bytes, at, value);
        at += Long.BYTES;
    }

    private void write(byte[] text) {
        int length = text.length;
        while (length >= 1 << 7) {
            bytes[at++] = (byte) (length | 0x80);
            length >>>= 7;
        }
        bytes[at++] = (byte) length;
        System.arraycopy(text, 0, bytes, at, text.length);
        at += text.length;
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
