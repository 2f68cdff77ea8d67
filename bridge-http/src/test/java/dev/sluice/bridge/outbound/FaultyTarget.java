package dev.sluice.bridge.outbound;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

/** A server on the loopback address that does with each request what the test says. Keeps the requests. */
public final class FaultyTarget implements AutoCloseable {
    /** What the server does with a request that it has read. */
    @FunctionalInterface
    public interface Behaviour {
        void handle(Request request, Socket socket) throws IOException, InterruptedException;
    }

    /** A request; names of headers are in lower case. */
    public record Request(String line, Map<String, String> headers, String body) {}

    private final ServerSocket server;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closing = new CountDownLatch(1);
    private volatile Behaviour behaviour;

    public FaultyTarget(Behaviour behaviour) {
        this.behaviour = behaviour;
        try {
            server = new ServerSocket(0, 1000, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        run(this::accept);
    }

    private static void run(Runnable task) {
        var thread = new Thread(task, "faulty-target");
        thread.setDaemon(true);
        thread.start();
    }

    public void behave(Behaviour next) {
        behaviour = next;
    }

    public int port() {
        return server.getLocalPort();
    }

    public OutboundUrl url(String path) {
        return OutboundUrl.parse("http://127.0.0.1:" + port() + path);
    }

    public List<Request> requests() {
        return new ArrayList<>(requests);
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                sockets.add(socket);
                run(() -> serve(socket));
            }
        } catch (IOException e) {
            // The test has ended.
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            var in = new BufferedInputStream(socket.getInputStream());
            while (true) {
                String line = line(in);
                if (line == null) {
                    return;
                }
                var headers = new TreeMap<String, String>();
                for (String header = line(in); header != null && !header.isEmpty(); header = line(in)) {
                    int colon = header.indexOf(':');
                    headers.merge(
                            header.substring(0, colon).toLowerCase(Locale.ROOT),
                            header.substring(colon + 1).strip(),
                            (a, b) -> a + ", " + b);
                }
                byte[] body = in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
                var request = new Request(line, headers, new String(body, UTF_8));
                requests.add(request);
                behaviour.handle(request, socket);
            }
        } catch (IOException | InterruptedException e) {
            // The client has closed the connection, or the test has ended.
        } finally {
            sockets.remove(socket);
        }
    }

    private static String line(InputStream in) throws IOException {
        var line = new ByteArrayOutputStream();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                return null;
            }
            if (c != '\r') {
                line.write(c);
            }
        }
        return line.toString(ISO_8859_1);
    }

    /** Answers with a status, headers (lines) and a body. */
    public static Behaviour answer(int status, String body, String... headers) {
        return (request, socket) -> write(socket, head(status, body.getBytes(UTF_8).length, headers) + body);
    }

    public static String head(int status, int length, String... headers) {
        return "HTTP/1.1 " + status + " X\r\nContent-Length: " + length + "\r\n"
                + (headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n") + "\r\n";
    }

    public static void write(Socket socket, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write(text.getBytes(UTF_8));
        out.flush();
    }

    /** Never answers. */
    public Behaviour hang() {
        return (request, socket) -> closing.await();
    }

    /** Answers without an end, as fast as the client reads. */
    public static Behaviour stream() {
        return (request, socket) -> {
            write(socket, "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
            while (true) {
                write(socket, "400\r\n" + "x".repeat(0x400) + "\r\n");
            }
        };
    }

    /** Sends half of an answer, and closes the connection. */
    public static Behaviour closeHalfWay() {
        return (request, socket) -> {
            write(socket, head(200, 1000) + "half");
            socket.close();
        };
    }

    public int connections() {
        return sockets.size();
    }

    @Override
    public void close() throws IOException {
        closing.countDown();
        server.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
