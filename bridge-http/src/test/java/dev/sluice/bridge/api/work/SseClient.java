package dev.sluice.bridge.api.work;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads a stream of events as curl does: the bytes of one connection, when it wants to. */
public final class SseClient implements AutoCloseable {
    private static final int PATIENCE_MILLIS = 60_000;
    private static final int SMALL_BUFFER = 4 << 10;

    private final Socket socket = new Socket();
    private final BufferedReader reader;
    private final String status;

    /** An event: its fields by name. Lines that are no events have no {@code event}. */
    public record Event(Map<String, String> fields) {
        public String name() {
            return fields.getOrDefault("event", "");
        }

        public String id() {
            return fields.getOrDefault("id", "");
        }

        public String data() {
            return fields.getOrDefault("data", "");
        }
    }

    /** Connects, and reads the headers of the answer. */
    public SseClient(int port, String pathAndQuery, String... headerLines) {
        try {
            socket.setReceiveBufferSize(SMALL_BUFFER); // So that a client that does not read is noticed soon.
            socket.setSoTimeout(PATIENCE_MILLIS);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            String more = headerLines.length == 0 ? "" : String.join("\r\n", headerLines) + "\r\n";
            String request = "GET " + pathAndQuery + " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                    + more + "\r\n";
            socket.getOutputStream().write(request.getBytes(UTF_8));
            reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8), 1);
            status = reader.readLine();
            String line = status;
            while (!line.isEmpty()) {
                line = reader.readLine();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public int status() {
        return Integer.parseInt(status.split(" ", -1)[1]);
    }

    /** Reads the next event with a name; null at the end of the stream. */
    @Nullable
    public Event next() {
        var fields = new HashMap<String, String>();
        try {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                int colon = line.indexOf(": ");
                if (colon > 0) {
                    fields.put(line.substring(0, colon), line.substring(colon + 2));
                } else if (line.isEmpty() && fields.containsKey("event")) {
                    return new Event(fields);
                } // Else: the size of a chunk, a comment, or an empty line.
            }
            return null;
        } catch (IOException e) {
            return null;
        }
    }

    /** Reads until an event has a name. */
    public Event until(String name) {
        for (Event event = next(); event != null; event = next()) {
            if (event.name().equals(name)) {
                return event;
            }
        }
        throw new AssertionError("the stream ended before an event " + name);
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
