package dev.sluice.queue;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;

/**
 * Stands between a service and PostgreSQL and does to answers what a {@link Fault} says. It tells connections apart by
 * the name of the application that they give. TLS is refused, so that it can read that name.
 */
public final class FaultyProxy implements AutoCloseable {
    /** What becomes of an answer, or of a connection. */
    public enum Deed {
        PASS,
        /** The connection is cut instead of the answer. */
        CUT,
        /** The answer comes {@link #DELAY_MILLIS} late. */
        DELAY,
        /** The answer never comes, nor does any later one; the connection stays open. */
        DROP
    }

    /** Decides about an answer. */
    public interface Fault {
        /**
         * Decides.
         *
         * @param application name that the connection gave
         * @param connection number of this connection among those with its name, from 1
         * @param answer number of the answer on the connection, from 1
         */
        Deed of(String application, int connection, int answer);
    }

    public static final Fault NONE = (application, connection, answer) -> Deed.PASS;

    public static final long DELAY_MILLIS = 1500;

    /** Has the driver give its name when it opens the session; otherwise it does so later. */
    private static final String NAME_FIRST = "?assumeMinServerVersion=14";

    private static final int SSL_REQUEST = 80_877_103;
    private static final int GSS_REQUEST = 80_877_104;

    private final ServerSocket server;
    private final String path;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ConcurrentHashMap<String, AtomicInteger> connections = new ConcurrentHashMap<>();
    private volatile ToIntFunction<String> target;
    private volatile Fault fault = NONE;
    private volatile boolean refusing;

    /** Starts in front of the server that a JDBC URL names. */
    public FaultyProxy(String jdbcUrl) {
        URI address = URI.create(jdbcUrl.substring("jdbc:".length()));
        int port = address.getPort();
        target = application -> port;
        path = address.getPath();
        try {
            server = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(this::accept);
    }

    /** Returns the JDBC address that leads through here. */
    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + server.getLocalPort() + path + NAME_FIRST;
    }

    /** Sets what becomes of answers, also on connections that are open. */
    public void fault(Fault now) {
        fault = now;
    }

    /** New connections lead to another server of this machine; those that are open stay. */
    public void leadTo(String jdbcUrl) {
        leadTo(jdbcUrl, application -> true);
    }

    /** The same for connections with certain names; others go where they went. */
    public void leadTo(String jdbcUrl, Predicate<String> applications) {
        int port = URI.create(jdbcUrl.substring("jdbc:".length())).getPort();
        ToIntFunction<String> before = target;
        target = application -> applications.test(application) ? port : before.applyAsInt(application);
    }

    /** Cuts all connections. */
    public void cut() {
        sockets.forEach(FaultyProxy::close);
    }

    /** Closes new connections at once, or no more. */
    public void refuse(boolean now) {
        refusing = now;
    }

    /** Returns how many connections have come with this name. */
    public int connections(String application) {
        AtomicInteger count = connections.get(application);
        return count == null ? 0 : count.get();
    }

    private void accept() {
        try {
            while (true) {
                Socket client = server.accept();
                if (refusing) {
                    client.close();
                } else {
                    sockets.add(client);
                    start(() -> serve(client));
                }
            }
        } catch (IOException e) {
            // Closed: the end of the test.
        }
    }

    private void serve(Socket client) {
        try {
            client.setTcpNoDelay(true);
            var in = new DataInputStream(client.getInputStream());
            byte[] startup = startup(in, client.getOutputStream());
            String application = application(startup);
            var backend = new Socket(InetAddress.getLoopbackAddress(), target.applyAsInt(application));
            backend.setTcpNoDelay(true);
            sockets.add(backend);
            int number = connections
                    .computeIfAbsent(application, name -> new AtomicInteger())
                    .incrementAndGet();
            backend.getOutputStream().write(startup);
            start(() -> answers(backend, client, application, number));
            in.transferTo(backend.getOutputStream());
            close(backend);
        } catch (IOException e) {
            // One side is gone; the other thread sees it too.
        } finally {
            close(client);
        }
    }

    /** Reads the message that opens a session; refuses encryption before it. */
    private static byte[] startup(DataInputStream in, OutputStream out) throws IOException {
        while (true) {
            int length = in.readInt();
            int code = in.readInt();
            byte[] rest = in.readNBytes(length - 8);
            if (code == SSL_REQUEST || code == GSS_REQUEST) {
                out.write('N');
                continue;
            }
            byte[] message = new byte[length];
            write(message, 0, length);
            write(message, 4, code);
            System.arraycopy(rest, 0, message, 8, rest.length);
            return message;
        }
    }

    private static void write(byte[] into, int at, int value) {
        for (int i = 0; i < 4; i++) {
            into[at + i] = (byte) (value >>> (24 - 8 * i));
        }
    }

    /** The driver gives its name in the first statement, unless it is told which server to expect. */
    private static String application(byte[] startup) {
        String[] parts = new String(startup, 8, startup.length - 8, StandardCharsets.UTF_8).split("\0", -1);
        for (int i = 0; i + 1 < parts.length; i += 2) {
            if (parts[i].equals("application_name")) {
                return parts[i + 1];
            }
        }
        return "";
    }

    private void answers(Socket from, Socket to, String application, int connection) {
        byte[] buffer = new byte[1 << 16];
        boolean dropping = false;
        try {
            InputStream in = from.getInputStream();
            int answer = 0;
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                Deed deed = fault.of(application, connection, ++answer);
                dropping |= deed == Deed.DROP;
                if (deed == Deed.CUT) {
                    break;
                }
                if (deed == Deed.DELAY) {
                    Thread.sleep(DELAY_MILLIS);
                }
                if (!dropping) {
                    to.getOutputStream().write(buffer, 0, length);
                }
            }
        } catch (EOFException e) {
            // The server is gone.
        } catch (IOException e) {
            // One side is gone.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close(from);
            close(to);
        }
    }

    private static void start(Runnable task) {
        var thread = new Thread(task, "faulty-proxy");
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
        refusing = true;
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        cut();
    }
}
