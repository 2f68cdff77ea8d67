package dev.sluice.bridge.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/** A connection that is kept, with at most one request in flight. One thread uses it. */
final class LoadConnection {
    private final LoadStream stream;
    private final int number;
    private final SocketChannel channel;
    private final SelectionKey key;
    private final Answer answer = new Answer();
    private ByteBuffer request = ByteBuffer.allocate(0);
    private boolean isFollowUp;
    private long dueNanos;
    private long resumeNanos;

    private LoadConnection(LoadStream stream, int number, SocketChannel channel, Selector selector) throws IOException {
        this.stream = stream;
        this.number = number;
        this.channel = channel;
        this.key = channel.register(selector, SelectionKey.OP_READ, this);
    }

    static LoadConnection open(LoadStream stream, int number, InetSocketAddress address, Selector selector)
            throws IOException {
        SocketChannel channel = SocketChannel.open(address);
        try {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.configureBlocking(false);
            return new LoadConnection(stream, number, channel, selector);
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    LoadStream stream() {
        return stream;
    }

    int number() {
        return number;
    }

    Answer answer() {
        return answer;
    }

    boolean isFollowUp() {
        return isFollowUp;
    }

    long dueNanos() {
        return dueNanos;
    }

    void due(long nanos) {
        dueNanos = nanos;
    }

    long resumeNanos() {
        return resumeNanos;
    }

    void resumeAt(long nanos) {
        resumeNanos = nanos;
    }

    /** Sends a request. What the socket does not take now is sent when it is writable. */
    void send(ByteBuffer bytes, boolean followsUp) throws IOException {
        request = bytes;
        isFollowUp = followsUp;
        answer.clear();
        write();
    }

    /** Sends the rest of the request. */
    void write() throws IOException {
        channel.write(request);
        int wanted = request.hasRemaining() ? SelectionKey.OP_READ | SelectionKey.OP_WRITE : SelectionKey.OP_READ;
        if (key.interestOps() != wanted) {
            key.interestOps(wanted);
        }
    }

    /** Reads what has arrived. Returns whether the answer is complete. */
    boolean read() throws IOException {
        return answer.read(channel);
    }

    void close() throws IOException {
        key.cancel();
        channel.close();
    }
}
