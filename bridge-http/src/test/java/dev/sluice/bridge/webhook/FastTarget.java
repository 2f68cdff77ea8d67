package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.sluice.bridge.outbound.OutboundUrl;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A target with one thread that answers at once with 200, or never. It costs little beside the sender. */
final class FastTarget implements AutoCloseable {
    private static final byte[] OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".getBytes(ISO_8859_1);
    private static final Pattern LENGTH = Pattern.compile("(?i)\r\ncontent-length: *(\\d+)");
    private static final int BUFFER = 64 * 1024;
    private static final int BACKLOG = 10_000;

    private final AtomicLong requests = new AtomicLong();
    private final ServerSocketChannel server;
    private final Selector selector;
    private final boolean answers;
    private final Consumer<String> bodies;

    /**
     * Starts a target.
     *
     * @param answers whether it answers
     * @param bodies gets the body of each request, on the only thread
     */
    FastTarget(boolean answers, Consumer<String> bodies) {
        this.answers = answers;
        this.bodies = bodies;
        try {
            server = ServerSocketChannel.open();
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), BACKLOG);
            server.configureBlocking(false);
            selector = Selector.open();
            server.register(selector, SelectionKey.OP_ACCEPT);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        var thread = new Thread(this::run, "fast-target");
        thread.setDaemon(true);
        thread.start();
    }

    OutboundUrl url() {
        try {
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            return OutboundUrl.parse("http://127.0.0.1:" + port + "/");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns how many requests have come as a whole. */
    long requests() {
        return requests.get();
    }

    private void run() {
        try {
            while (true) {
                selector.select(this::serve);
            }
        } catch (ClosedSelectorException | IOException e) {
            // It is closed.
        }
    }

    private void serve(SelectionKey key) {
        try {
            if (key.isAcceptable()) {
                for (SocketChannel next = server.accept(); next != null; next = server.accept()) {
                    next.configureBlocking(false);
                    next.register(selector, SelectionKey.OP_READ, ByteBuffer.allocate(answers ? BUFFER : 4096));
                }
            } else {
                read(key);
            }
        } catch (IOException e) {
            key.cancel();
        }
    }

    private void read(SelectionKey key) throws IOException {
        var channel = (SocketChannel) key.channel();
        var buffer = (ByteBuffer) key.attachment();
        if (channel.read(buffer) < 0) {
            channel.close();
            return;
        }
        String text = ISO_8859_1.decode(buffer.duplicate().flip()).toString();
        int from = 0;
        for (int end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n", from)) {
            Matcher length = LENGTH.matcher(text).region(from, end);
            int body = length.find() ? Integer.parseInt(length.group(1)) : 0;
            if (text.length() < end + 4 + body) {
                break;
            }
            bodies.accept(text.substring(end + 4, end + 4 + body));
            requests.incrementAndGet();
            if (answers) {
                channel.write(ByteBuffer.wrap(OK));
            }
            from = end + 4 + body;
        }
        buffer.flip().position(from);
        buffer.compact();
    }

    @Override
    public void close() {
        try {
            selector.close();
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
