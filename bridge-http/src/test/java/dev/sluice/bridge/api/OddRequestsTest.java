package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that no client should send get an error, and other clients do not notice. */
class OddRequestsTest {
    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    /** A connection for several requests. */
    private static final class Client implements AutoCloseable {
        private final Socket socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port());
        private final BufferedReader in;

        Client() throws IOException {
            socket.setSoTimeout(30_000);
            in = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
        }

        Client send(String text) throws IOException {
            socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
            return this;
        }

        /** Returns the status line and the headers, without the body. */
        String answer() throws IOException {
            var head = new StringBuilder();
            int length = 0;
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
                head.append(line).append('\n');
                if (line.toLowerCase(java.util.Locale.ROOT).startsWith("content-length:")) {
                    length = Integer.parseInt(
                            line.substring("content-length:".length()).strip());
                }
            }
            assertThat(in.skip(length)).isEqualTo(length);
            return head.toString();
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "DELETE /api/v1/consumer-groups/nobody",
                "DELETE /api/v1/dlq?queue=nobody",
                "GET /api/v1/resources/queues",
                "POST /api/v1/stats/refresh",
                "POST /api/v1/consumer-groups/g/queues/q/partitions/p/seek",
                "GET /api/v1/status/buffers",
                "GET /openapi.yaml",
                "GET /docs",
                "GET /docs/swagger-ui-bundle.js",
                "GET /docs/nothing"
            })
    void anUnwantedBodyIsNotTakenForTheNextRequest(String request) throws IOException {
        try (var client = new Client()) {
            // The body comes later than the head, as it does from many clients.
            client.send(request + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
            client.send("GET /live");
            assertThat(client.answer()).startsWith("HTTP/1.1 ");
            client.send("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertThat(client.answer()).startsWith("HTTP/1.1 200");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET /live", "GET /no/such/route", "PUT /api/v1/push"})
    void whereABodyIsNotReadTheConnectionIsSaidToEnd(String request) throws IOException {
        try (var client = new Client()) {
            client.send(request + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
            assertThat(client.answer()).containsIgnoringCase("connection: close");
        }
    }

    @Test
    void anAddressThatIsRefusedEndsTheConnectionAndSaysSo() throws IOException {
        try (var client = new Client()) {
            client.send(
                    "DELETE /api/v1/consumer-groups/%00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
            assertThat(client.answer()).startsWith("HTTP/1.1 400").containsIgnoringCase("connection: close");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/v1/messages?task=%00",
                "/api/v1/status?namespace=a%00",
                "/api/v1/analytics/system-metrics?hostname=%00",
                "/api/v1/analytics/queue-parked-replicas?queue=%00"
            })
    void aTextTheDatabaseCannotHoldIsRefused(String path) {
        HttpResponse<String> answer = bridge.get(path);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("must not contain U+0000");
    }

    @Test
    void aBodyOfAdministrationThatIsTooDeepIsRefused() {
        String deep = "{\"queue\":" + "[".repeat(1000) + "]".repeat(1000) + "}";
        for (String path : new String[] {"/internal/api/notify", "/api/v1/dlq/redrive", "/streams/v1/queries"}) {
            HttpResponse<String> answer = bridge.post(path, deep);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
            assertThat(answer.body()).contains("Invalid JSON");
        }
    }

    @Test
    void aWordWithoutQuotesIsNotRepeatedForItMayBeAPassword() {
        HttpResponse<String> answer = bridge.post("/api/v1/dlq/redrive", "{\"password\": s3cret}");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("Invalid JSON: Unrecognized token").doesNotContain("s3cret");
    }
}
