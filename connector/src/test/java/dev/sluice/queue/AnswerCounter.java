package dev.sluice.queue;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands between a client and PostgreSQL, and counts how often the client waits for an answer. It reads the messages of
 * the protocol: after a Sync, a Query or a CopyDone the client waits, except that it sends a {@code BEGIN} together
 * with the first statement of the transaction.
 */
public final class AnswerCounter implements AutoCloseable {
    private static final byte[] BEGIN = "BEGIN\0".getBytes(StandardCharsets.US_ASCII);

    private final ServerSocket server;
    private final URI target;
    private final AtomicInteger waits = new AtomicInteger();

    /** Starts in front of the server of a JDBC URL. */
    public AnswerCounter(String jdbcUrl) {
        target = URI.create(jdbcUrl.substring("jdbc:".length()));
        try {
            server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(() -> {
            while (true) {
                Socket client = server.accept();
                Socket backend = new Socket(InetAddress.getLoopbackAddress(), target.getPort());
                client.setTcpNoDelay(true);
                backend.setTcpNoDelay(true);
                start(() -> count(client, backend));
                start(() -> backend.getInputStream().transferTo(client.getOutputStream()));
            }
        });
    }

    /** Returns the JDBC URL of the proxy. The client does not ask for encryption. */
    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + server.getLocalPort() + target.getPath()
                + "?sslmode=disable&gssEncMode=disable";
    }

    /** Returns how often clients have waited since the last call. */
    public int take() {
        return waits.getAndSet(0);
    }

    private void count(Socket client, Socket backend) throws IOException {
        var in = new DataInputStream(client.getInputStream());
        var out = new DataOutputStream(new BufferedOutputStream(backend.getOutputStream()));
        write(out, body(in)); // The message that opens a session has no type.
        while (true) {
            int type = in.readByte();
            byte[] body = body(in);
            if (type == 'S' || type == 'c' || (type == 'Q' && !Arrays.equals(body, BEGIN))) {
                waits.incrementAndGet();
            }
            out.writeByte(type);
            write(out, body);
        }
    }

    private static byte[] body(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt() - Integer.BYTES);
    }

    private static void write(DataOutputStream out, byte[] body) throws IOException {
        out.writeInt(body.length + Integer.BYTES);
        out.write(body);
        out.flush();
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        var thread = new Thread(
                () -> {
                    try {
                        work.run();
                    } catch (IOException e) {
                        // One side is gone.
                    }
                },
                "answer-counter");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
