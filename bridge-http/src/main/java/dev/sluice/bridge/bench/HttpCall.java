package dev.sluice.bridge.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** A connection for one request after another, on which the caller waits for the answer. */
public final class HttpCall implements AutoCloseable {
    private final SocketChannel channel;
    private final Answer answer = new Answer();

    public HttpCall(InetSocketAddress address) throws IOException {
        channel = SocketChannel.open(address);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }

    /** Sends a request and waits for its answer, which is valid until the next call. */
    public Answer send(ByteBuffer request) throws IOException {
        while (request.hasRemaining()) {
            channel.write(request);
        }
        answer.clear();
        while (!answer.read(channel)) {
            // A blocking channel returns with at least one byte.
        }
        return answer;
    }

    /** Sends one request to an address and returns the body of its answer. */
    static String get(InetSocketAddress address, String host, String path) throws IOException {
        try (var call = new HttpCall(address)) {
            Answer answer = call.send(ByteBuffer.wrap(
                    ("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII)));
            if (!answer.isSuccess()) {
                throw new IOException(path + " is answered with " + answer.status());
            }
            return answer.text();
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
