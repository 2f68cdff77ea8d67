package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Pushes get through, however many clients connect and however slow they are. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ConnectionBoundsTest {
    private static final int MOST = 32;
    private static final Duration DEADLINE = Duration.ofSeconds(60);
    private static final String PUSH = "{\"items\":[{\"queue\":\"crowd\",\"payload\":1}]}";

    private TestPostgres postgres;
    private RunningBridge small;
    private RunningBridge strict;

    @BeforeAll
    void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        small = RunningBridge.start(
                postgres.url(), directory.resolve("small"), Map.of("http.max.connections", String.valueOf(MOST)));
        strict = RunningBridge.start(
                postgres.url(), directory.resolve("strict"), Map.of("http.header.timeout.ms", "1000"));
    }

    @AfterAll
    void stop() {
        strict.close();
        small.close();
        postgres.close();
    }

    private static Socket connect(RunningBridge bridge) throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port());
        socket.setSoTimeout((int) DEADLINE.toMillis());
        return socket;
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(US_ASCII));
    }

    /** Pushes on a connection of its own. */
    private static int pushed(RunningBridge bridge) {
        return RawRequest.send(bridge.port(), "POST", "/api/v1/push", PUSH).status();
    }

    private static long metric(RunningBridge bridge, String name) {
        String page =
                RawRequest.send(bridge.port(), "GET", "/metrics/prometheus", "").body();
        Matcher value =
                Pattern.compile("(?m)^" + Pattern.quote(name) + " ([0-9.E]+)$").matcher(page);
        assertThat(value.find()).as(name + " in " + page).isTrue();
        return (long) Double.parseDouble(value.group(1));
    }

    private static void close(List<Socket> sockets) throws IOException {
        for (Socket each : sockets) {
            each.close();
        }
    }

    /** Returns whether the server has closed a connection without an answer. */
    private static boolean isClosed(Socket socket) throws IOException {
        socket.setSoTimeout(1);
        try {
            return socket.getInputStream().read() < 0;
        } catch (SocketTimeoutException stillOpen) {
            return false;
        } catch (SocketException reset) {
            return true;
        }
    }

    private static boolean sends(Socket socket, String text) {
        try {
            send(socket, text);
            return true;
        } catch (IOException closed) {
            return false;
        }
    }

    @Test
    void aClientThatSendsALineNowAndThenIsClosedAtItsDeadline() throws Exception {
        var slow = new ArrayList<Socket>();
        try (Socket idle = connect(strict)) {
            send(idle, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertThat(readAnswer(idle)).startsWith("HTTP/1.1 200");
            for (int i = 0; i < 100; i++) {
                slow.add(connect(strict));
                send(slow.get(i), "GET /live HTTP/1.1\r\nHost: localhost\r\n");
            }
            await().atMost(DEADLINE).until(() -> {
                boolean all = true;
                for (Socket each : slow) {
                    all &= !sends(each, "X-More: 1\r\n") || isClosed(each);
                }
                return all;
            });
            assertThat(pushed(strict)).isEqualTo(201);
            assertThat(metric(strict, "sluice_http_connections_closed_total{reason=\"header_timeout\"}"))
                    .isGreaterThanOrEqualTo(100);
            idle.setSoTimeout((int) DEADLINE.toMillis());
            send(idle, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertThat(readAnswer(idle))
                    .as("a connection between two requests has no deadline for headers")
                    .startsWith("HTTP/1.1 200");
        } finally {
            close(slow);
        }
    }

    /** Reads an answer with a short body. */
    private static String readAnswer(Socket socket) throws IOException {
        var text = new ByteArrayOutputStream();
        while (!text.toString(US_ASCII).endsWith("}")) {
            int next = socket.getInputStream().read();
            if (next < 0) {
                break;
            }
            text.write(next);
        }
        return text.toString(US_ASCII);
    }

    @Test
    void aBodyMayComeLaterThanTheDeadlineOfTheHeaders() throws Exception {
        try (Socket slow = connect(strict);
                Socket late = connect(strict)) {
            send(
                    slow,
                    "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
                            + PUSH.length() + "\r\n\r\n{");
            send(late, "GET /live HTTP/1.1\r\n");
            await().atMost(DEADLINE).until(() -> isClosed(late));
            send(slow, PUSH.substring(1));
            assertThat(new String(slow.getInputStream().readAllBytes(), US_ASCII))
                    .startsWith("HTTP/1.1 201");
        }
    }

    @Test
    void silentConnectionsMakeRoomForPushes() throws Exception {
        var silent = new ArrayList<Socket>();
        try {
            for (int i = 0; i < 2 * MOST; i++) {
                Socket one = connect(small);
                silent.add(one);
                if (i % 2 == 0) {
                    send(one, "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\n");
                }
                if (i % MOST == 0) {
                    assertThat(pushed(small)).isEqualTo(201);
                }
            }
            assertThat(pushed(small)).isEqualTo(201);
            assertThat(metric(small, "sluice_http_connections")).isBetween(1L, (long) MOST);
            assertThat(metric(small, "sluice_http_connections_limit")).isEqualTo(MOST);
            assertThat(metric(small, "sluice_http_connections_closed_total{reason=\"no_room\"}"))
                    .isPositive();
        } finally {
            close(silent);
        }
    }

    @Test
    void waitingPopsLeaveRoomForPushes() throws Exception {
        var pops = new ArrayList<Socket>();
        try {
            for (int i = 0; i < 3 * MOST; i++) {
                Socket one = connect(small);
                pops.add(one);
                send(one, "GET /api/v1/pop/queue/empty?wait=true&timeout=600000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            for (int i = 0; i < 10; i++) {
                assertThat(pushed(small)).isEqualTo(201);
            }
            int may = MOST * 7 / 8;
            await().atMost(DEADLINE).untilAsserted(() -> {
                int answered = 0;
                for (Socket each : pops) {
                    answered += isAnswered(each) ? 1 : 0;
                }
                assertThat(answered).isEqualTo(3 * MOST - may);
            });
            assertThat(metric(small, "sluice_pops_parked")).isEqualTo(may);
            assertThat(pushed(small)).isEqualTo(201);
        } finally {
            close(pops);
        }
    }

    private final IdentityHashMap<Socket, ByteArrayOutputStream> seen = new IdentityHashMap<>();

    private boolean isAnswered(Socket socket) throws IOException {
        var text = seen.computeIfAbsent(socket, unused -> new ByteArrayOutputStream());
        socket.setSoTimeout(1);
        try {
            for (int next = socket.getInputStream().read();
                    next >= 0;
                    next = socket.getInputStream().read()) {
                text.write(next);
            }
        } catch (SocketTimeoutException more) {
            // The connection is open, whether it has been answered or not.
        }
        if (text.size() == 0) {
            return false;
        }
        assertThat(text.toString(US_ASCII)).startsWith("HTTP/1.1 204");
        return true;
    }
}
