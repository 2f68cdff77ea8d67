package dev.sluice.bridge.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Drives streams of requests on one thread without blocking. It shares the machine with the service, so it costs
 * little: connections are kept, requests are prepared bytes, and answers are not parsed.
 */
public final class Load implements AutoCloseable {
    /** How long a connection waits after an answer without messages. */
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    /** How long an open loop sleeps if nothing is due: a selector can only sleep whole milliseconds. */
    private static final long NAP_NANOS = TimeUnit.MICROSECONDS.toNanos(50);

    private static final long LONGEST_SELECT_MILLIS = 100;
    /** How long to wait for answers when the time is over. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

    private final List<LoadStream> streams;
    private final List<LoadConnection> connections = new ArrayList<>();
    private final Selector selector;
    private int inFlight;
    private long answers;
    private @Nullable IOException failure;

    public Load(InetSocketAddress address, List<LoadStream> streams) throws IOException {
        this.streams = List.copyOf(streams);
        this.selector = Selector.open();
        try {
            for (LoadStream stream : streams) {
                for (int i = 0; i < stream.connections(); i++) {
                    LoadConnection connection = LoadConnection.open(stream, i, address, selector);
                    connections.add(connection);
                    stream.give(connection, false);
                }
            }
        } catch (IOException e) {
            close();
            throw new IOException("cannot connect to " + address + ": " + e.getMessage(), e);
        }
    }

    /**
     * Sends until the time is over or all traffic is done, and waits for the answers.
     *
     * @return the seconds until the last answer
     * @throws IOException if the service closes a connection or does not answer
     */
    public double run(Duration time) throws IOException {
        long start = System.nanoTime();
        long end = start + time.toNanos();
        streams.forEach(stream -> stream.begin(start, end));
        while (true) {
            long now = System.nanoTime();
            for (LoadStream stream : streams) {
                if (stream.traffic().isDone()) {
                    stream.end(now);
                }
                send(stream, now);
            }
            boolean isSending = streams.stream().anyMatch(stream -> stream.isSending(now));
            if (!isSending && inFlight == 0) {
                return (System.nanoTime() - start) / 1e9;
            }
            if (isSending && now > end + time.toNanos()) {
                streams.forEach(stream -> stream.giveUp(now));
            }
            if (now > end + time.toNanos() + PATIENCE_NANOS) {
                throw new IOException("the service does not answer: " + inFlight + " requests wait");
            }
            await(isSending);
            if (failure != null) {
                throw failure;
            }
        }
    }

    private void send(LoadStream stream, long now) throws IOException {
        for (LoadConnection connection = stream.take(now); connection != null; connection = stream.take(now)) {
            inFlight++;
            connection.send(stream.traffic().next(connection.number(), connection.dueNanos()), false);
        }
    }

    private void await(boolean isSending) throws IOException {
        boolean isOpen = isSending && streams.stream().anyMatch(LoadStream::isOpen);
        if (isOpen) {
            long before = answers;
            selector.selectNow(this::handle);
            if (answers == before) {
                LockSupport.parkNanos(NAP_NANOS);
            }
        } else {
            boolean hasPaused = isSending && streams.stream().anyMatch(LoadStream::hasPaused);
            selector.select(this::handle, hasPaused ? 1 : LONGEST_SELECT_MILLIS);
        }
    }

    private void handle(SelectionKey key) {
        var connection = (LoadConnection) key.attachment();
        try {
            if (key.isWritable()) {
                connection.write();
            }
            if (key.isReadable() && connection.read()) {
                answered(connection);
            }
        } catch (IOException e) {
            failure = e;
        }
    }

    private void answered(LoadConnection connection) throws IOException {
        long now = System.nanoTime();
        LoadStream stream = connection.stream();
        answers++;
        stream.answered(connection, now);
        ByteBuffer followUp = stream.traffic().answered(connection.number(), connection.answer(), now);
        if (followUp != null) {
            connection.due(now);
            connection.send(followUp, true);
            return;
        }
        inFlight--;
        connection.resumeAt(now + PAUSE_NANOS);
        stream.give(connection, stream.traffic().wasEmpty());
    }

    @Override
    public void close() throws IOException {
        for (LoadConnection connection : connections) {
            connection.close();
        }
        selector.close();
    }
}
