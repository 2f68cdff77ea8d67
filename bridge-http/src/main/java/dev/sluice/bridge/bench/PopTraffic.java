package dev.sluice.bridge.bench;

import dev.sluice.bridge.bench.PushTraffic.Digits;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Pops of up to 100 messages. Each is acknowledged by the pop itself, or by a request that follows at once. It looks
 * for names in the bytes of the answer instead of parsing it: payloads of the benchmark do not contain those names.
 */
public final class PopTraffic implements Traffic {
    private static final BytePattern MESSAGES = new BytePattern("\"messages\":[");
    private static final BytePattern TRANSACTION = new BytePattern("\"transactionId\":\"");
    private static final BytePattern PARTITION = new BytePattern("\"partitionId\":\"");
    private static final BytePattern LEASE = new BytePattern("\"leaseId\":\"");
    private static final BytePattern SEQ = new BytePattern("\"seq\":");
    private static final Pattern GROUP = Pattern.compile("\\bconsumerGroup=([^&]+)");
    private static final BytePattern REFUSED = new BytePattern("\"success\":false");
    /** Room in front of the body of an acknowledgement: the head is written when the length of the body is known. */
    private static final int HEAD_ROOM = 256;

    private final String host;
    private final boolean acknowledges;
    private final @Nullable PushTraffic pushed;
    private final Latencies delivery = new Latencies();
    private final byte[] pop;
    private final String beginOfAck;
    private final byte[][] acknowledgements;
    private final int[] unacknowledged;
    private final long wanted;
    private long received;
    private long messages;
    private long failed;
    private boolean wasEmpty;
    private @Nullable String firstFailure;

    /**
     * How to pop.
     *
     * @param query the query of the pop, such as {@code batch=100&autoAck=true}; its consumer group acknowledges too
     * @param acknowledges whether a request acknowledges each pop
     * @param wanted how many messages there are; the traffic is done when it has received them
     * @param pushed knows when messages were due; null if that does not matter
     */
    public record Way(
            String query,
            boolean acknowledges,
            long wanted,
            @Nullable PushTraffic pushed) {}

    public PopTraffic(String host, String queue, Way way, int connections) {
        this.host = host;
        this.acknowledges = way.acknowledges;
        this.wanted = way.wanted;
        this.pushed = way.pushed;
        this.acknowledgements = new byte[connections][HEAD_ROOM];
        this.unacknowledged = new int[connections];
        Matcher group = GROUP.matcher(way.query);
        this.beginOfAck =
                "{" + (group.find() ? "\"consumerGroup\":\"" + group.group(1) + "\"," : "") + "\"acknowledgments\":[";
        this.pop = ("GET /api/v1/pop/queue/" + queue + "?" + way.query + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public ByteBuffer next(int connection, long dueNanos) {
        return ByteBuffer.wrap(pop);
    }

    @Override
    public @Nullable ByteBuffer answered(int connection, Answer answer, long nanos) {
        if (unacknowledged[connection] > 0) {
            acknowledged(connection, answer);
            return null;
        }
        byte[] bytes = answer.bytes();
        int begin = MESSAGES.find(bytes, answer.from(), answer.to());
        int count = begin < 0 ? 0 : TRANSACTION.count(bytes, begin, answer.to());
        wasEmpty = count == 0;
        if (!answer.isSuccess() || (begin < 0 && answer.to() > answer.from())) {
            fail(answer, 1);
        }
        if (count == 0) {
            return null;
        }
        received += count;
        if (pushed != null) {
            recordDelivery(pushed, answer, begin, nanos);
        }
        if (!acknowledges) {
            messages += count;
            return null;
        }
        unacknowledged[connection] = count;
        return acknowledgement(connection, answer, begin);
    }

    private void recordDelivery(PushTraffic pushes, Answer answer, int begin, long nanos) {
        byte[] bytes = answer.bytes();
        for (int at = SEQ.find(bytes, begin, answer.to()); at >= 0; at = SEQ.find(bytes, at + 1, answer.to())) {
            delivery.record(pushes.dueNanos(Digits.seq(bytes, at + SEQ.length())), nanos);
        }
    }

    private void acknowledged(int connection, Answer answer) {
        int refused = answer.isSuccess()
                ? REFUSED.count(answer.bytes(), answer.from(), answer.to())
                : unacknowledged[connection];
        messages += unacknowledged[connection] - refused;
        unacknowledged[connection] = 0;
        wasEmpty = false;
        if (refused > 0) {
            fail(answer, refused);
        }
    }

    private void fail(Answer answer, int count) {
        failed += count;
        if (firstFailure == null) {
            firstFailure = answer.status() + " " + answer.text();
        }
    }

    private ByteBuffer acknowledgement(int connection, Answer answer, int begin) {
        byte[] bytes = answer.bytes();
        int length = put(connection, HEAD_ROOM, beginOfAck);
        int at = TRANSACTION.find(bytes, begin, answer.to());
        boolean isFirst = true;
        while (at >= 0) {
            int next = TRANSACTION.find(bytes, at + TRANSACTION.length(), answer.to());
            int end = next < 0 ? answer.to() : next;
            length = put(connection, length, isFirst ? "{" : ",{");
            length = putField(connection, length, answer, at);
            length = put(connection, length, ",");
            length = putField(connection, length, answer, PARTITION.find(bytes, at, end));
            length = put(connection, length, ",");
            length = putField(connection, length, answer, LEASE.find(bytes, at, end));
            length = put(connection, length, ",\"status\":\"completed\"}");
            isFirst = false;
            at = next;
        }
        length = put(connection, length, "]}");
        byte[] head = ("POST /api/v1/ack/batch HTTP/1.1\r\nHost: " + host
                        + "\r\nContent-Type: application/json\r\nContent-Length: " + (length - HEAD_ROOM) + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        byte[] request = acknowledgements[connection];
        int start = HEAD_ROOM - head.length;
        System.arraycopy(head, 0, request, start, head.length);
        return ByteBuffer.wrap(request, start, length - start);
    }

    /** Copies a field with its name: from the first quote to the third behind it. */
    private int putField(int connection, int length, Answer answer, int at) {
        if (at < 0) {
            throw new IllegalStateException("a popped message has no partitionId or no leaseId: " + answer.text());
        }
        int end = at;
        int quotes = 0;
        while (quotes < 4) {
            if (answer.bytes()[end++] == '"') {
                quotes++;
            }
        }
        byte[] request = room(connection, length, end - at);
        System.arraycopy(answer.bytes(), at, request, length, end - at);
        return length + end - at;
    }

    private int put(int connection, int length, String ascii) {
        byte[] request = room(connection, length, ascii.length());
        for (int i = 0; i < ascii.length(); i++) {
            request[length + i] = (byte) ascii.charAt(i);
        }
        return length + ascii.length();
    }

    private byte[] room(int connection, int length, int more) {
        if (acknowledgements[connection].length < length + more) {
            acknowledgements[connection] = Arrays.copyOf(acknowledgements[connection], 2 * (length + more));
        }
        return acknowledgements[connection];
    }

    @Override
    public boolean wasEmpty() {
        return wasEmpty;
    }

    @Override
    public boolean isDone() {
        return received >= wanted;
    }

    /** Returns the times from when a push was due until a pop had its message. */
    Latencies delivery() {
        return delivery;
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
        delivery.reset();
    }
}
