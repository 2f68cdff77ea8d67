package dev.sluice.bridge.subscribe;

import dev.sluice.bridge.http.StreamWriter;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The events that wait for one client, bounded in bytes. An event counts until the client has read it. The bytes of all
 * outboxes together are bounded too; an event that waits for many clients counts once. If they are too many, a client
 * with more than its share of them is dropped. Any thread may call; nothing blocks.
 */
public final class Outbox implements StreamWriter.Source {
    private static final int MOST_BYTES = 64 << 10;
    private static final byte[] RETRY = "retry: 2000\n\n".getBytes(StandardCharsets.US_ASCII);

    /** The connection of the client. */
    public interface Client {
        /** Sends what waits, when the client reads. */
        void wake();

        /** Returns whether the client has not read yet what was sent last. */
        boolean isBusy();

        /** Ends the connection at once. */
        void abort();
    }

    /**
     * The memory of all outboxes.
     *
     * @param used bytes that wait
     * @param outboxes those that share it
     * @param most bytes that may wait
     */
    record Memory(AtomicLong used, AtomicInteger outboxes, long most) {
        Memory(long most) {
            this(new AtomicLong(), new AtomicInteger(), most);
        }

        /** Returns whether it is full, and somebody for whom so many bytes wait has more than a fair share of it. */
        boolean isTakenBy(long bytes) {
            return used.get() > most && bytes >= most / Math.max(outboxes.get(), 1);
        }
    }

    private final Memory memory;
    private final long room;
    private final Runnable drained;
    private final Runnable left;
    private final ArrayDeque<Frame> waiting = new ArrayDeque<>();
    private final List<Frame> sending = new ArrayList<>();
    private @Nullable Client client;
    private @Nullable EndReason end;
    private long bytes;
    private long readNanos = System.nanoTime();
    private boolean begun;
    private boolean closed;
    private boolean gone;

    /**
     * Makes an empty one.
     *
     * @param room most bytes that wait
     * @param drained runs when there is room again; must not block
     * @param left runs when the client is gone; must not block
     */
    Outbox(Memory memory, long room, Runnable drained, Runnable left) {
        this.memory = memory;
        this.room = room;
        this.drained = drained;
        this.left = left;
        memory.outboxes().incrementAndGet();
    }

    /** Begins to send. */
    public void connect(Client connection) {
        synchronized (this) {
            client = connection;
            readNanos = System.nanoTime();
        }
        connection.wake();
    }

    /** Returns whether half of its room is free. */
    synchronized boolean hasRoom() {
        return !closed && bytes <= room / 2 && memory.used().get() < memory.most();
    }

    /** Returns whether nothing waits. */
    synchronized boolean isEmpty() {
        return bytes == 0;
    }

    /**
     * Adds an event. One that is larger than the room is taken if nothing waits.
     *
     * @return why there is no room; null: it was added, or the client is gone
     */
    @Nullable
    EndReason add(Frame frame) {
        synchronized (this) {
            if (closed) {
                return null;
            }
            if (bytes > 0 && bytes + frame.bytes() > room) {
                return EndReason.SLOW;
            }
            if (frame.hold()) {
                memory.used().addAndGet(frame.bytes());
            }
            if (bytes > 0 && memory.isTakenBy(bytes)) {
                release(frame);
                return EndReason.MEMORY;
            }
            bytes += frame.bytes();
            waiting.add(frame);
        }
        wake();
        return null;
    }

    /** Adds an event that must not be lost, and is small. */
    void addAlways(Frame frame) {
        synchronized (this) {
            if (closed) {
                return;
            }
            if (frame.hold()) {
                memory.used().addAndGet(frame.bytes());
            }
            bytes += frame.bytes();
            waiting.add(frame);
        }
        wake();
    }

    /** Adds an event unless others wait. */
    void addIfIdle(Frame frame) {
        synchronized (this) {
            if (bytes > 0) {
                return;
            }
        }
        addAlways(frame);
    }

    /** Drops what waits, tells the reason, and ends. */
    void end(EndReason reason) {
        synchronized (this) {
            if (closed) {
                return;
            }
            waiting.forEach(this::released);
            waiting.clear();
            Frame last = Frame.end(reason);
            if (last.hold()) {
                memory.used().addAndGet(last.bytes());
            }
            bytes += last.bytes();
            waiting.add(last);
            end = reason;
            closed = true;
        }
        wake();
    }

    /** Ends, and does not wait for a client that does not read. */
    void stop() {
        end(EndReason.STOPPING);
        Client open;
        synchronized (this) {
            open = client;
        }
        if (open != null && open.isBusy()) {
            open.abort();
        }
    }

    /** Returns whether the client has not read for a time although events wait. */
    boolean isStalled(long nanos) {
        synchronized (this) {
            return bytes > 0 && System.nanoTime() - readNanos > nanos;
        }
    }

    void abort() {
        Client open;
        synchronized (this) {
            open = client;
        }
        if (open == null) {
            lost();
        } else {
            open.abort();
        }
    }

    private void wake() {
        Client open;
        synchronized (this) {
            open = client;
        }
        if (open != null) {
            open.wake();
        }
    }

    private void released(Frame frame) {
        bytes -= frame.bytes();
        release(frame);
    }

    private void release(Frame frame) {
        if (frame.release()) {
            memory.used().addAndGet(-frame.bytes());
        }
    }

    /** What was sent last has been read. */
    private void sent() {
        if (!sending.isEmpty()) {
            readNanos = System.nanoTime();
            sending.forEach(this::released);
            sending.clear();
        }
        if (bytes == 0) {
            readNanos = System.nanoTime();
        }
    }

    /** Returns the text of the next event for a WebSocket; null: none waits. The one before has been sent. */
    public @Nullable String take() {
        Frame frame;
        synchronized (this) {
            sent();
            frame = waiting.poll();
            if (frame != null) {
                sending.add(frame);
            }
        }
        drained.run();
        return frame == null ? null : frame.text();
    }

    @Override
    public @Nullable ByteBuffer next() {
        ByteBuffer next;
        synchronized (this) {
            sent();
            next = nextLines();
        }
        drained.run();
        return next;
    }

    private @Nullable ByteBuffer nextLines() {
        if (waiting.isEmpty() && begun) {
            return null;
        }
        if (begun && waiting.size() == 1) {
            Frame only = waiting.remove();
            sending.add(only);
            return ByteBuffer.wrap(only.lines());
        }
        var out = new ByteArrayOutputStream();
        if (!begun) {
            begun = true;
            out.writeBytes(RETRY);
        }
        while (!waiting.isEmpty() && out.size() < MOST_BYTES) {
            Frame frame = waiting.remove();
            sending.add(frame);
            out.writeBytes(frame.lines());
        }
        return ByteBuffer.wrap(out.toByteArray());
    }

    @Override
    public synchronized boolean isOver() {
        return closed && waiting.isEmpty();
    }

    /** Returns why it has ended; null: it has not. */
    public synchronized @Nullable EndReason reason() {
        return end;
    }

    /** The client is gone. */
    @Override
    public void lost() {
        synchronized (this) {
            if (!gone) {
                memory.outboxes().decrementAndGet();
            }
            gone = true;
            closed = true;
            waiting.forEach(this::released);
            sending.forEach(this::released);
            waiting.clear();
            sending.clear();
        }
        left.run();
    }
}
