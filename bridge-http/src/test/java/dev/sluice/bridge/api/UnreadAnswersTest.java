package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An answer that its client does not read takes memory until the client disconnects, within the limit. */
class UnreadAnswersTest {
    /** Room for three of the messages. */
    private static final int MEMORY = 42 << 20;

    private static final int PAYLOAD = 12 << 20;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Test
    void keepAPopWaitingThatLosesNothing(@TempDir Path directory) throws Exception {
        try (TestPostgres postgres = TestPostgres.empty().withoutSyncs();
                RunningBridge bridge = RunningBridge.start(
                        postgres.url(), directory, Map.of("http.memory.bytes", String.valueOf(MEMORY)))) {
            String large = "[\"" + "x".repeat(PAYLOAD) + "\"]";
            HttpResponse<String> pushed =
                    bridge.post("/api/v1/push?queue=large", large, "Content-Type", "application/x-ndjson");
            assertThat(pushed.statusCode()).as(pushed.body()).isEqualTo(201);
            try (Socket first = unreadPop(bridge, "slow-1");
                    Socket second = unreadPop(bridge, "slow-2");
                    Socket third = unreadPop(bridge, "slow-3")) {
                for (Socket unread : List.of(first, second, third)) {
                    await().atMost(LIMIT).until(() -> unread.getInputStream().available() > 0);
                }
                HttpResponse<String> refused = pop(bridge);
                assertThat(refused.statusCode()).isEqualTo(503);
                assertThat(refused.body()).contains("http.memory.bytes");
                assertThat(refused.headers().firstValue("Retry-After")).contains("1");
            }
            await().atMost(LIMIT).untilAsserted(() -> {
                HttpResponse<String> popped = pop(bridge);
                assertThat(popped.statusCode()).isEqualTo(200);
                assertThat(popped.body()).hasSizeGreaterThan(PAYLOAD);
            });
        }
    }

    /** Sends a pop on a connection whose answer nobody reads. */
    private static Socket unreadPop(RunningBridge bridge, String group) throws IOException {
        var socket = new Socket();
        socket.setReceiveBufferSize(4096);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), bridge.port()));
        socket.getOutputStream()
                .write(("GET /api/v1/pop/queue/large?consumerGroup=" + group + "&wait=true&timeout=60000 HTTP/1.1\r\n"
                                + "Host: localhost\r\n\r\n")
                        .getBytes(UTF_8));
        return socket;
    }

    private static HttpResponse<String> pop(RunningBridge bridge) {
        return bridge.get("/api/v1/pop/queue/large?consumerGroup=other");
    }
}
