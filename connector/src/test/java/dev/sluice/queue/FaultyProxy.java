package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.US_ASCII;

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
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;

/**
 * Stands between a client and PostgreSQL, and cuts connections or disturbs answers as a test tells it. A {@link Fault}
 * decides about each answer; it distinguishes connections by their application name. The proxy refuses TLS, so that it
 * can read that name.
 */
public final class FaultyProxy implements AutoCloseable {
    /** What the proxy does to an answer, or to a connection. */
    public enum Deed {
        PASS,
        /** Cuts the connection instead of sending the answer. */
        CUT,
        /** Sends the answer {@link #DELAY_MILLIS} late. */
        DELAY,
        /** Sends neither the answer nor any later one. The connection stays open. */
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

    /** Has the driver send its name when it opens the session. By default it sends the name later. */
    private static final String NAME_FIRST = "?assumeMinServerVersion=14";

    /** The server's answer to a commit. */
    private static final byte[] COMMIT = "COMMIT".getBytes(US_ASCII);

    private static final int SSL_REQUEST = 80_877_103;
    private static final int GSS_REQUEST = 80_877_104;
    private static final int BUFFER_BYTES = 1 << 16;

    private final ServerSocket server;
    private final String path;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ConcurrentHashMap<String, AtomicInteger> connections = new ConcurrentHashMap<>();
    private volatile ToIntFunction<String> target;
    private volatile Fault fault = NONE;
    private volatile boolean refusing;
    private volatile boolean refusesAfterDrop;
    private volatile long delayMillis;
    private final AtomicInteger commitAnswersToDrop = new AtomicInteger();

    /** Starts a proxy in front of the server of a JDBC URL. */
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

    /** Returns the JDBC URL of the proxy. */
    public String url() {
        return "jdbc:postgresql://127.0.0.1:" + server.getLocalPort() + path + NAME_FIRST;
    }

    /** Sets what the proxy does to answers, also on open connections. */
    public void fault(Fault now) {
        fault = now;
    }

    /** Leads new connections to another server of this machine. Open connections stay. */
    public void leadTo(String jdbcUrl) {
        leadTo(jdbcUrl, application -> true);
    }

    /** Leads new connections with certain application names to another server of this machine. */
    public void leadTo(String jdbcUrl, Predicate<String> applications) {
        int port = URI.create(jdbcUrl.substring("jdbc:".length())).getPort();
        ToIntFunction<String> before = target;
        target = application -> applications.test(application) ? port : before.applyAsInt(application);
    }

    /** Cuts all connections. */
    public void cut() {
        sockets.forEach(FaultyProxy::close);
    }

    /** Closes new connections at once, or no longer. */
    public void refuse(boolean now) {
        refusing = now;
    }

    /** Cuts all connections and refuses new ones, or accepts connections again. */
    public void down(boolean isDown) {
        refuse(isDown);
        if (isDown) {
            cut();
        }
    }

    /** Cuts the connection of each of the next commits after the server has committed, instead of the answer. */
    public void dropNextCommitAnswers(int count) {
        commitAnswersToDrop.set(count);
    }

    /**
     * As {@link #dropNextCommitAnswers} for one commit. The server is then down, so no one can ask it about the commit.
     */
    public void dropNextCommitAnswerAndGoDown() {
        refusesAfterDrop = true;
        commitAnswersToDrop.set(1);
    }

    /** Delays everything that clients send, as a server that is far away or slow delays each statement. */
    public void delay(Duration delay) {
        delayMillis = delay.toMillis();
    }

    /** Returns the number of connections so far that have this application name. */
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
            // The test has closed the proxy.
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
            requests(in, backend.getOutputStream());
            close(backend);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            // One side is gone; the other thread sees it too.
        } finally {
            close(client);
        }
    }

    private void requests(InputStream from, OutputStream to) throws IOException, InterruptedException {
        byte[] buffer = new byte[BUFFER_BYTES];
        for (int length = from.read(buffer); length >= 0; length = from.read(buffer)) {
            if (delayMillis > 0) {
                Thread.sleep(delayMillis);
            }
            to.write(buffer, 0, length);
        }
    }

    /** Reads the message that opens a session. It refuses encryption before that. */
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

    /** Returns the application name in the message that opens a session; empty if it has none. */
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
        byte[] buffer = new byte[BUFFER_BYTES];
        boolean dropping = false;
        try {
            InputStream in = from.getInputStream();
            int answer = 0;
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                Deed deed = fault.of(application, connection, ++answer);
                dropping |= deed == Deed.DROP;
                if (deed == Deed.CUT || dropsCommitAnswer(buffer, length)) {
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

    private boolean dropsCommitAnswer(byte[] buffer, int length) {
        if (commitAnswersToDrop.get() <= 0 || !contains(buffer, length) || commitAnswersToDrop.getAndDecrement() <= 0) {
            return false;
        }
        if (refusesAfterDrop) {
            down(true);
        }
        return true;
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
        down(true);
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
