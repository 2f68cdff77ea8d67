package dev.sluice.bridge.api.work;

import dev.sluice.bridge.http.StreamWriter;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;

/**
 * The events of one client. Any thread adds events; the server writes them when the client reads, without a thread that
 * waits. If the client does not read, a bounded number of events waits. Further ones are dropped, and an event
 * {@code dropped} says how many, in their place.
 */
final class EventStream implements StreamWriter.Source {
    private static final int MOST_BYTES = 64 << 10;

    private final Set<String> types;
    private final int room;
    private final ArrayDeque<byte[]> waiting = new ArrayDeque<>();
    private @Nullable StreamWriter writer;
    private boolean closed;
    private long dropped;

    /**
     * Makes a stream that writes nothing yet.
     *
     * @param types of the events; empty: all
     * @param room most events that wait, 2 or more
     */
    EventStream(Set<String> types, int room) {
        this.types = Set.copyOf(types);
        this.room = room;
    }

    boolean wants(String type) {
        return types.isEmpty() || types.contains(type);
    }

    /** Starts to write. Completes when the stream has ended; fails if the client has disconnected. */
    CompletableFuture<@Nullable Void> start(Response response) {
        var made = new StreamWriter(response, this);
        synchronized (this) {
            writer = made;
        }
        made.wake();
        return made.ended();
    }

    /** Adds an event, or counts it as dropped. Never blocks. */
    void add(byte[] frame) {
        synchronized (this) {
            if (closed) {
                return;
            }
            if (waiting.size() >= room) {
                dropped++;
                return;
            }
            if (dropped > 0) { // That event comes first.
                if (waiting.size() + 2 > room) {
                    dropped++;
                    return;
                }
                addDropped();
            }
            waiting.add(frame);
        }
        write();
    }

    /** Adds a line that clients ignore, unless events wait: then the client does not read. */
    void beat() {
        synchronized (this) {
            if (!closed && waiting.isEmpty()) {
                waiting.add(EventFrames.BEAT);
            }
        }
        write();
    }

    private void addDropped() {
        waiting.add(EventFrames.dropped(dropped));
        dropped = 0;
    }

    private void write() {
        StreamWriter open;
        synchronized (this) {
            open = writer;
        }
        if (open != null) {
            open.wake();
        }
    }

    /** Ends the stream after the events that wait, or at once if the client does not read. */
    void close() {
        StreamWriter open;
        synchronized (this) {
            closed = true;
            open = writer;
        }
        if (open != null) {
            open.wake();
            if (open.isBusy()) {
                open.abort(new EOFException("the service stops"));
            }
        }
    }

    /** Returns the next events; null: none waits. */
    @Override
    public synchronized @Nullable ByteBuffer next() {
        if (waiting.isEmpty() && dropped > 0 && !closed) {
            addDropped();
        }
        if (waiting.isEmpty()) {
            return null;
        }
        var bytes = new ByteArrayOutputStream();
        while (!waiting.isEmpty() && bytes.size() < MOST_BYTES) {
            bytes.writeBytes(waiting.remove());
        }
        return ByteBuffer.wrap(bytes.toByteArray());
    }

    @Override
    public synchronized boolean isOver() {
        return closed && waiting.isEmpty();
    }

    @Override
    public synchronized void lost() {
        closed = true;
        waiting.clear();
    }

    /** The texts of a stream (WHATWG HTML §9.2). */
    static final class EventFrames {
        static final byte[] BEAT = ":\n\n".getBytes(StandardCharsets.US_ASCII);

        private EventFrames() {}

        /** Returns the beginning of a stream: how long a client waits before it connects again. */
        static byte[] hello(long retryMillis) {
            return ("retry: " + retryMillis + "\n\n").getBytes(StandardCharsets.US_ASCII);
        }

        static byte[] event(String id, String name, String json) {
            return ("id: " + id + "\nevent: " + name + "\ndata: " + json + "\n\n").getBytes(StandardCharsets.UTF_8);
        }

        /** Returns an event that says that this number of events is missing here. */
        static byte[] dropped(long events) {
            return ("event: dropped\ndata: {\"dropped\":" + events + ",\"reason\":\"slow\"}\n\n")
                    .getBytes(StandardCharsets.US_ASCII);
        }

        /** Returns an event that says that an unknown number of events is missing here. */
        static byte[] gap(String reason) {
            return ("event: dropped\ndata: {\"dropped\":null,\"reason\":\"" + reason + "\"}\n\n")
                    .getBytes(StandardCharsets.US_ASCII);
        }
    }
}
