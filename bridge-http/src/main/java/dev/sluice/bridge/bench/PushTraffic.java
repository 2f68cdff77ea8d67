package dev.sluice.bridge.bench;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Pushes of {@code batch} messages of one partition each, partition after partition. Each connection has its request as
 * bytes, and changes only the digits in it. A message counts when it is answered {@code queued}, which means stored.
 */
public final class PushTraffic implements Traffic {
    private static final BytePattern QUEUED = new BytePattern("\"status\":\"queued\"");
    private static final int PARTITION_WIDTH = 6;
    private static final String NOTE = "abcdefghijklmnopqrstuvwxyz0123456789";
    private static final int NOTE_STEP = 7;
    private static final int NOTE_SHIFT = 13;

    private final Shape shape;
    private final List<Template> templates = new ArrayList<>();
    private final long[] dueNanos;
    private long nextSeq;
    private long nextRequest;
    private long messages;
    private long failed;
    private @Nullable String firstFailure;

    /**
     * What is pushed.
     *
     * @param host value of the header {@code Host}
     * @param run makes transaction ids differ from those of other runs
     * @param payloadBytes about the bytes of a payload
     */
    public record Shape(String host, String queue, String run, int partitions, int batch, int payloadBytes) {}

    /** Numbers of a fixed width within requests, which are changed in place. */
    static final class Digits {
        /** Digits of a number of a message. It begins with 1, so that it is also a number in JSON. */
        static final int SEQ_WIDTH = 13;

        private static final long SEQ_BASE = 1_000_000_000_000L;
        private static final int TEN = 10;

        private Digits() {}

        /** Writes the number of a message. */
        static void putSeq(byte[] bytes, int at, long seq) {
            put(bytes, at, SEQ_WIDTH, SEQ_BASE + seq);
        }

        /** Reads the number of a message. */
        static long seq(byte[] bytes, int at) {
            long value = 0;
            for (int i = at; i < at + SEQ_WIDTH; i++) {
                value = value * TEN + (bytes[i] - '0');
            }
            return value - SEQ_BASE;
        }

        /** Writes the last {@code width} digits of a number. */
        static void put(byte[] bytes, int at, int width, long value) {
            long rest = value;
            for (int i = at + width - 1; i >= at; i--) {
                bytes[i] = (byte) ('0' + rest % TEN);
                rest /= TEN;
            }
        }
    }

    /** A request, and where its digits are. */
    private static final class Template {
        private final byte[] bytes;
        private final int[] partitions;
        private final int[] seqs;

        private Template(byte[] bytes, List<Integer> partitions, List<Integer> seqs) {
            this.bytes = bytes;
            this.partitions = partitions.stream().mapToInt(Integer::intValue).toArray();
            this.seqs = seqs.stream().mapToInt(Integer::intValue).toArray();
        }
    }

    /**
     * Creates the requests.
     *
     * @param remembered for how many messages to remember when they were due; 0 for none
     */
    public PushTraffic(Shape shape, int connections, int remembered) {
        this.shape = shape;
        this.dueNanos = new long[remembered];
        Template template = template();
        for (int i = 0; i < connections; i++) {
            templates.add(new Template(
                    template.bytes.clone(),
                    Arrays.stream(template.partitions).boxed().toList(),
                    Arrays.stream(template.seqs).boxed().toList()));
        }
    }

    private Template template() {
        var partitions = new ArrayList<Integer>();
        var seqs = new ArrayList<Integer>();
        var body = new ByteArrayOutputStream();
        put(body, "{\"items\":[");
        for (int i = 0; i < shape.batch; i++) {
            put(body, (i == 0 ? "" : ",") + "{\"queue\":\"" + shape.queue + "\",\"partition\":\"p");
            partitions.add(body.size());
            put(body, "0".repeat(PARTITION_WIDTH) + "\",\"transactionId\":\"" + shape.run + "-");
            seqs.add(body.size());
            put(body, "0".repeat(Digits.SEQ_WIDTH) + "\",\"payload\":");
            int begin = body.size();
            put(body, "{\"seq\":");
            seqs.add(body.size());
            put(
                    body,
                    "0".repeat(Digits.SEQ_WIDTH) + ",\"run\":\"" + shape.run
                            + "\",\"type\":\"order.updated\",\"note\":\"");
            put(body, note(i, shape.payloadBytes - (body.size() - begin) - 2) + "\"}}");
        }
        put(body, "]}");
        byte[] head = ("POST /api/v1/push HTTP/1.1\r\nHost: " + shape.host
                        + "\r\nContent-Type: application/json\r\nContent-Length: " + body.size() + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        var request = new ByteArrayOutputStream();
        request.writeBytes(head);
        request.writeBytes(body.toByteArray());
        partitions.replaceAll(at -> at + head.length);
        seqs.replaceAll(at -> at + head.length);
        return new Template(request.toByteArray(), partitions, seqs);
    }

    private static void put(ByteArrayOutputStream body, String ascii) {
        body.writeBytes(ascii.getBytes(StandardCharsets.US_ASCII));
    }

    private static String note(int number, int length) {
        var text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append(NOTE.charAt((i * NOTE_STEP + number * NOTE_SHIFT) % NOTE.length()));
        }
        return text.toString();
    }

    @Override
    public ByteBuffer next(int connection, long due) {
        Template template = templates.get(connection);
        long partition = nextRequest++ % shape.partitions;
        for (int at : template.partitions) {
            Digits.put(template.bytes, at, PARTITION_WIDTH, partition);
        }
        for (int i = 0; i < template.seqs.length; i += 2) {
            if (dueNanos.length > 0) {
                dueNanos[(int) (nextSeq % dueNanos.length)] = due;
            }
            Digits.putSeq(template.bytes, template.seqs[i], nextSeq);
            Digits.putSeq(template.bytes, template.seqs[i + 1], nextSeq);
            nextSeq++;
        }
        return ByteBuffer.wrap(template.bytes);
    }

    @Override
    public @Nullable ByteBuffer answered(int connection, Answer answer, long nanos) {
        int queued = answer.isSuccess() ? QUEUED.count(answer.bytes(), answer.from(), answer.to()) : 0;
        messages += queued;
        failed += shape.batch - queued;
        if (queued < shape.batch && firstFailure == null) {
            firstFailure = answer.status() + " " + answer.text();
        }
        return null;
    }

    /** Returns when a message was due; it must be one of the last remembered ones. */
    long dueNanos(long seq) {
        return dueNanos[(int) (seq % dueNanos.length)];
    }

    @Override
    public @Nullable String firstFailure() {
        return firstFailure;
    }

    @Override
    public long messages() {
        return messages;
    }

    @Override
    public long failed() {
        return failed;
    }

    @Override
    public void reset() {
        messages = 0;
        failed = 0;
    }
}
