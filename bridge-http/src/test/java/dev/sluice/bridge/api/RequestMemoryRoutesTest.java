package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.http.Route;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** On every route that reads a body, the memory of the parsed objects is bounded, not only the bytes. */
class RequestMemoryRoutesTest {
    private static final int MEMORY = 2 << 20;
    private static final int BODY_LIMIT = 1 << 20;
    private static final String ID = "534c5543-4500-8000-8000-000000000001";
    private static final String JSON = "application/json";
    private static final String LINES = "application/x-ndjson";
    private static final String ACK = "{'transactionId':'t','partitionId':'" + ID + "'}";
    private static final String STREAM = "{'query_id':'" + ID + "','partition_id':'" + ID + "',";

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty().withoutSyncs();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of("http.memory.bytes", String.valueOf(MEMORY), "http.max.body.bytes", String.valueOf(BODY_LIMIT)));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    /**
     * Bodies of one route.
     *
     * @param pattern of the route
     * @param separator between the elements
     * @param few number of elements that fits
     * @param many number of elements that is below all other limits but does not fit
     */
    record Bodies(
            String pattern,
            String path,
            String type,
            String head,
            String element,
            String separator,
            String tail,
            int few,
            int many) {
        byte[] of(int count) {
            String elements = (element + separator).repeat(count - 1) + element;
            return (head + elements + tail).replace('\'', '"').getBytes(UTF_8);
        }

        @Override
        public String toString() {
            return path + " " + type + " " + head + element;
        }
    }

    private static Bodies json(String path, String head, String element, String tail) {
        return json(path, path, head, element, tail);
    }

    private static Bodies json(String pattern, String path, String head, String element, String tail) {
        return new Bodies(
                pattern, path, JSON, head, element, ",", tail, 100, (BODY_LIMIT - 500) / (element.length() + 1));
    }

    private static Bodies lines(String path, String line) {
        return new Bodies(path.split("\\?", 2)[0], path, LINES, "", line, "\n", "", 100, 20_000);
    }

    /** A body with an unknown field. */
    private static Bodies tree(String pattern, String path) {
        return json(pattern, path, "{'queue':'w','x':[", "{}", "]}");
    }

    private static Bodies tree(String path) {
        return tree(path, path);
    }

    static List<Bodies> bodies() {
        return List.of(
                json("/api/v1/push", "{'items':[", "{'queue':'w'}", "]}"),
                lines("/api/v1/push?queue=w", "{}"),
                lines("/api/v1/push?queue=w&as=event", "1"),
                lines("/api/v1/push", "{'queue':'w','payload':1}"),
                json("/api/v1/push", "/api/v1/push?queue=w", "[", "[]", "]"),
                json("/api/v1/push-legacy", "{'items':[", "{'queue':'w'}", "]}"),
                new Bodies(
                        "/api/v1/push/{queue}",
                        "/api/v1/push/w",
                        "application/cloudevents-batch+json",
                        "[",
                        "{'specversion':'1.0','id':'1','source':'s','type':'t'}",
                        ",",
                        "]",
                        100,
                        10_000),
                json("/api/v1/ack/batch", "{'acknowledgments':[", ACK, "]}"),
                json("/api/v1/transaction", "{'operations':[", "{'type':'ack'," + ACK.substring(1), "]}"),
                json("/api/v1/transaction", "{'operations':[{'type':'push','items':[", "{'queue':'w'}", "]}]}"),
                json("/streams/v1/cycle", STREAM + "'state_ops':[", "{'type':'delete','key':'k'}", "]}"),
                json("/streams/v1/cycle", STREAM + "'push_items':[", "{'queue':'w'}", "]}"),
                json("/streams/v1/state/get", STREAM + "'keys':[", "'k'", "]}"),
                json("/api/v1/traces", ACK.replace("}", ",'data':["), "'xxxxxxxxx'", "]}"),
                lines("/api/v1/buffers/requeue", "{'queue':'w','transactionId':'t','payload':1}"),
                new Bodies(
                        "/api/v1/buffers/failed/retry",
                        "/api/v1/buffers/failed/retry",
                        JSON,
                        "{'ids':[",
                        "1",
                        ",",
                        "]}",
                        100,
                        90_000),
                json("/api/v1/work", "{'works':[", "{'type':'w'}", "]}"),
                tree("/api/v1/work/types/{type}/concurrency", "/api/v1/work/types/w/concurrency"),
                tree("/api/v1/work/types/{type}/breaker", "/api/v1/work/types/w/breaker"),
                tree("/api/v1/endpoints"),
                tree("/api/v1/endpoints/{id}/secret/rotate", "/api/v1/endpoints/e/secret/rotate"),
                tree("/api/v1/schedules"),
                tree("/api/v1/configure"),
                tree("/api/v1/dlq/redrive"),
                tree("/api/v1/dlq/jobs"),
                tree("/api/v1/scheduled/{id}/move", "/api/v1/scheduled/" + ID + "/move"),
                tree("/api/v1/system/maintenance"),
                tree("/api/v1/system/maintenance/pop"),
                tree("/internal/api/notify"),
                tree("/streams/v1/queries"),
                tree("/api/v1/lease/{leaseId}/extend", "/api/v1/lease/" + ID + "/extend"),
                tree("/api/v1/consumer-groups/{group}/subscription", "/api/v1/consumer-groups/g/subscription"),
                tree("/api/v1/consumer-groups/{group}/queues/{queue}/seek", "/api/v1/consumer-groups/g/queues/w/seek"),
                tree("/api/v1/messages/{partitionId}/{transactionId}/dlq", "/api/v1/messages/" + ID + "/t/dlq"));
    }

    @ParameterizedTest
    @MethodSource("bodies")
    void aBodyThatBecomesTooMuchIsRefused(Bodies bodies) {
        byte[] many = bodies.of(Math.min(bodies.many(), 90_000));
        assertThat(many.length).isLessThan(BODY_LIMIT);
        HttpResponse<String> refused = bridge.post(bodies.path(), many, "Content-Type", bodies.type());
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(413);
        assertThat(refused.body()).contains("http.memory.bytes (" + MEMORY + " bytes)");
        HttpResponse<String> served =
                bridge.post(bodies.path(), bodies.of(bodies.few()), "Content-Type", bodies.type());
        assertThat(served.statusCode()).as(served.body()).isNotIn(413, 500, 503);
    }

    @Test
    void theListHasEveryRouteThatReadsABody() {
        Set<String> withBody = bridge.routes().stream()
                .filter(route -> route.method().equals("POST"))
                .map(Route::path)
                .filter(path -> !path.startsWith("/api/v1/migration/")) // These use the same tree, behind a setting.
                .collect(Collectors.toSet());
        withBody.removeAll(Set.of(
                "/api/v1/ack", // One acknowledgement.
                "/api/v1/stats/refresh",
                "/api/v1/dlq/jobs/{jobId}/cancel",
                "/api/v1/endpoints/{id}/pause",
                "/api/v1/endpoints/{id}/resume",
                "/api/v1/endpoints/{id}/ping",
                "/api/v1/endpoints/{id}/replay",
                "/api/v1/schedules/{name}/pause",
                "/api/v1/schedules/{name}/resume",
                "/api/v1/schedules/{name}/run",
                "/api/v1/work/{id}/cancel",
                "/api/v1/work/{id}/retry",
                "/api/v1/work/types/{type}/pause",
                "/api/v1/work/types/{type}/resume",
                "/api/v1/consumer-groups/{group}/queues/{queue}/partitions/{partition}/seek",
                "/api/v1/messages/{partitionId}/{transactionId}/retry"));
        assertThat(bodies().stream().map(Bodies::pattern).collect(Collectors.toSet()))
                .isEqualTo(withBody);
    }

    @Test
    void requestsThatAreMoreTogetherThanFitAreRefusedForNowOnly() throws Exception {
        byte[] body = bodies().get(0).of(2_500);
        ExecutorService clients = Executors.newFixedThreadPool(8);
        try {
            var answers = new ArrayList<Future<HttpResponse<String>>>();
            for (int i = 0; i < 40; i++) {
                answers.add(clients.submit(() -> bridge.post("/api/v1/push", body)));
            }
            for (Future<HttpResponse<String>> each : answers) {
                HttpResponse<String> answer = each.get();
                assertThat(answer.statusCode()).as(answer.body()).isIn(201, 503);
                if (answer.statusCode() == 503) {
                    assertThat(answer.headers().firstValue("Retry-After")).contains("1");
                    assertThat(answer.body()).contains("http.memory.bytes");
                }
            }
        } finally {
            clients.shutdownNow();
        }
        await().untilAsserted(() ->
                assertThat(bridge.post("/api/v1/push", body).statusCode()).isEqualTo(201));
    }

    /** The others need not wait until the bodies have taken too long ({@code http.body.timeout.ms}). */
    @Test
    void bodiesThatNeverEndDoNotKeepOthersOut(@TempDir Path directory) throws Exception {
        var settings = Map.of(
                "http.memory.bytes",
                String.valueOf(4 * MEMORY),
                "http.max.body.bytes",
                String.valueOf(BODY_LIMIT),
                "http.body.timeout.ms",
                "600000",
                "http.idle.timeout.ms",
                "600000");
        try (var roomy = RunningBridge.start(postgres.url(), directory, settings)) {
            var slow = new ArrayList<Socket>();
            try {
                for (int i = 0; i < 100; i++) {
                    slow.add(sent(
                            roomy,
                            "POST /api/v1/push HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n"
                                    + " ".repeat(50_000)));
                }
                byte[] large =
                        ("{\"items\":[{\"queue\":\"w\",\"payload\":\"" + "x".repeat(600_000) + "\"}]}").getBytes(UTF_8);
                await().untilAsserted(() -> assertThat(
                                roomy.post("/api/v1/push", large).statusCode())
                        .isEqualTo(201));
                for (int i = 0; i < 5; i++) {
                    assertThat(roomy.post("/api/v1/push", large).statusCode()).isEqualTo(201);
                }
            } finally {
                for (Socket socket : slow) {
                    socket.close();
                }
            }
        }
    }

    /** The part that has arrived is valid JSON. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Content-Length: 100\r\n\r\n{\"payload\":1}\n",
                "Transfer-Encoding: chunked\r\n\r\ne\r\n{\"payload\":1}\n\r\n"
            })
    void aBodyThatEndsTooEarlyIsRefused(String rest) throws IOException {
        try (Socket socket = sent(
                bridge,
                "POST /api/v1/push?queue=early HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + LINES + "\r\n"
                        + rest)) {
            socket.shutdownOutput();
            String answer = new String(socket.getInputStream().readAllBytes(), UTF_8);
            assertThat(answer).matches("(?s)(HTTP/1.1 400 .*)?");
        }
        assertThat(bridge.pop("early").path("messages")).isEmpty();
    }

    private static Socket sent(RunningBridge to, String request) throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), to.port());
        socket.setSoTimeout(60_000);
        socket.getOutputStream().write(request.getBytes(UTF_8));
        return socket;
    }
}
