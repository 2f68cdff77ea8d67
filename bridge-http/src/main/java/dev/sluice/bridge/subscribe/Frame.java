package dev.sluice.bridge.subscribe;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.queue.Message;
import dev.sluice.queue.PartitionIds;
import java.io.ByteArrayOutputStream;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An event as it is sent. All subscribers that get it share it. Knows how many of them it waits for, so that its bytes
 * count once.
 */
final class Frame {
    private static final int SMALL = 256;

    private final String event;
    private final @Nullable String id;
    private final byte @Nullable [] data;
    private final AtomicInteger holders = new AtomicInteger();
    private byte @Nullable [] lines;
    private @Nullable String text;

    private Frame(String event, @Nullable String id, byte @Nullable [] data) {
        this.event = event;
        this.id = id;
        this.data = data;
    }

    /** A message, and the position behind it. */
    static Frame message(Message message, String id) {
        var out = new JsonOutput(message.payload().length + SMALL);
        out.raw("{\"id\":").uuid(message.id());
        out.raw(",\"transactionId\":").string(message.transactionId());
        out.raw(",\"traceId\":").uuid(message.traceId());
        out.raw(",\"data\":").json(message.payload());
        out.raw(",\"producerSub\":").string(message.producerSub());
        if (!message.headers().isEmpty()) {
            out.raw(",\"headers\":").json(message.headers().json());
        }
        out.raw(",\"createdAt\":").microseconds(message.createdAt());
        out.raw(",\"partitionId\":").uuid(PartitionIds.toUuid(message.partitionId()));
        out.raw(",\"partition\":").string(message.partition());
        out.raw(",\"queue\":").string(message.queue()).raw("}");
        return new Frame("message", id, out.toBytes());
    }

    /** A position, without an event for the program of the client. */
    static Frame position(String id) {
        return new Frame("position", id, null);
    }

    /** A state of the queue. */
    static Frame state(State state, @Nullable String id) {
        return new Frame("state", id, ("{\"state\":\"" + state.text() + "\"}").getBytes(UTF_8));
    }

    /** The last event of a subscriber. */
    static Frame end(EndReason reason) {
        return new Frame("dropped", null, ("{\"reason\":\"" + reason.text() + "\"}").getBytes(UTF_8));
    }

    /** Returns about the bytes of the heap that it takes. */
    int bytes() {
        return SMALL + (data == null ? 0 : 2 * data.length);
    }

    /** Notes a further subscriber for which it waits; returns whether it is the first. */
    boolean hold() {
        return holders.getAndIncrement() == 0;
    }

    /** Notes that it does not wait for a subscriber any more; returns whether it waits for none. */
    boolean release() {
        return holders.decrementAndGet() == 0;
    }

    /** Returns the lines of a server-sent event (WHATWG HTML §9.2). */
    synchronized byte[] lines() {
        byte[] made = lines;
        if (made == null) {
            made = makeLines();
            lines = made;
        }
        return made;
    }

    private byte[] makeLines() {
        var out = new ByteArrayOutputStream(SMALL + (data == null ? 0 : data.length));
        if (id != null) {
            out.writeBytes(("id: " + id + "\n").getBytes(UTF_8));
        }
        if (data != null) {
            out.writeBytes(("event: " + event + "\ndata: ").getBytes(UTF_8));
            for (byte each : data) { // A line break of JSON is outside its texts, so one more changes nothing.
                if (each == '\n' || each == '\r') {
                    out.writeBytes("\ndata: ".getBytes(UTF_8));
                } else {
                    out.write(each);
                }
            }
            out.write('\n');
        }
        out.write('\n');
        return out.toByteArray();
    }

    /** Returns the text of a WebSocket message. */
    synchronized String text() {
        String made = text;
        if (made == null) {
            made = "{\"event\":\"" + event + "\"" + (id == null ? "" : ",\"id\":\"" + id + "\"")
                    + (data == null ? "" : ",\"data\":" + new String(data, UTF_8)) + "}";
            text = made;
        }
        return made;
    }
}
