package dev.sluice.connect;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** Stands between a client and PostgreSQL and breaks the connection when told to. */
public final class FlakyProxy implements AutoCloseable {
    /** What the server answers to a commit. */
    private static final byte[] COMMIT = "COMMIT".getBytes(US_ASCII);

    private final ServerSocket server;
    private final String url;
    private final int port;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private volatile boolean down;
    private final AtomicInteger dropAnswers = new AtomicInteger();
    private volatile boolean downAfterDrop;
    private volatile long delayMillis;

    /** Starts in front of the server that a JDBC URL names. */
    public FlakyProxy(String jdbcUrl) {
        URI target = URI.create(jdbcUrl.substring("jdbc:".length()));
        port = target.getPort();
        try {
            server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        url = "jdbc:postgresql://127.0.0.1:" + server.getLocalPort() + target.getPath();
        start(this::accept);
    }

    public String url() {
        return url;
    }

    /** Breaks all connections and refuses new ones, or takes them again. */
    public void down(boolean isDown) {
        down = isDown;
        if (isDown) {
            sockets.forEach(FlakyProxy::close);
        }
    }

    /** The next commits reach the server; their answers do not come back, and the connection breaks. */
    public void dropNextCommitAnswers(int count) {
        dropAnswers.set(count);
    }

    /**
     * The next commit reaches the server; its answer does not come back, and nobody can ask the server until it is up
     * again.
     */
    public void dropNextCommitAnswerAndGoDown() {
        downAfterDrop = true;
        dropAnswers.set(1);
    }

    /**
     * Delays each thing that a client sends: a server that is far away or slow takes so much longer for each statement.
     */
    public void delay(Duration delay) {
        delayMillis = delay.toMillis();
    }

    private void accept() {
        try {
            while (true) {
                Socket client = server.accept();
                if (down) {
                    client.close();
                    continue;
                }
                Socket backend;
                try {
                    backend = new Socket(InetAddress.getLoopbackAddress(), port);
                } catch (ConnectException e) {
                    client.close(); // The server is stopped.
                    continue;
                }
                sockets.add(client);
                sockets.add(backend);
                start(() -> pipe(client, backend, true));
                start(() -> pipe(backend, client, false));
            }
        } catch (IOException e) {
            // Closed: the end of the test.
        }
    }

    private void pipe(Socket from, Socket to, boolean toServer) {
        byte[] buffer = new byte[1 << 16];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                if (!toServer && contains(buffer, length) && dropAnswers.getAndDecrement() > 0) {
                    if (downAfterDrop) {
                        down(true);
                    }
                    break;
                }
                if (toServer && delayMillis > 0) {
                    Thread.sleep(delayMillis);
                }
                out.write(buffer, 0, length);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            // The other direction was closed.
        } finally {
            close(from);
            close(to);
        }
    }

    private static boolean contains(byte[] buffer, int length) {
        for (int i = 0; i + COMMIT.length <= length; i++) {
            if (Arrays.equals(buffer, i, i + COMMIT.length, COMMIT, 0, COMMIT.length)) {
                return true;
            }
        }
        return false;
    }

    private static void start(Runnable task) {
        var thread = new Thread(task, "flaky-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        down(true);
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
