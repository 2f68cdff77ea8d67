package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.cli.BufferCommand;
import dev.sluice.bridge.cli.BufferSettings;
import dev.sluice.bridge.ingest.IntakeStatus;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.buffer.FailedLog;
import dev.sluice.buffer.FailedRecord;
import dev.sluice.buffer.LogCounters;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The operator's routes for the local log, on a bridge with a database. */
class BufferRoutesTest {
    private static final String FAILED = "/api/v1/buffers/failed";
    private static final String RETRY = FAILED + "/retry";
    private static final Instant WHEN = Instant.parse("2026-05-16T10:00:00.123Z");

    @TempDir
    private Path directory;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private @Nullable RunningBridge bridge;

    @AfterEach
    void stop() {
        if (bridge != null) {
            bridge.close();
        }
    }

    private RunningBridge bridge() {
        if (bridge == null) {
            bridge = RunningBridge.start(postgres.url(), directory, Map.of());
        }
        return bridge;
    }

    /** Writes failed records of an earlier run. */
    private void failed(byte[]... entries) throws Exception {
        try (var failed = FailedLog.open(directory.resolve("log/failed"))) {
            for (byte[] entry : entries) {
                failed.append(List.of(FailedRecord.of(WHEN, "no \"such\" thing", "sluice-log-x-1-0@7", entry)));
            }
        }
    }

    private static byte[] message(String transactionId, String payload) {
        return MessageCodec.encode(NewMessage.builder(
                        UUID.fromString("018f0000-0000-7000-8000-000000000001"),
                        "orders",
                        "p",
                        transactionId,
                        payload.getBytes(UTF_8))
                .generatedTransactionId(true)
                .producerSub("alice")
                .build());
    }

    private JsonNode get(String path) {
        HttpResponse<String> answer = bridge().get(path);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private JsonNode post(String path, String body) {
        HttpResponse<String> answer = bridge().post(path, body.replace('\'', '"'));
        assertThat(answer.statusCode()).as(answer.body()).isIn(200, 201);
        return RunningBridge.json(answer.body());
    }

    private HttpResponse<String> delete(String body) {
        var request = HttpRequest.newBuilder(URI.create(bridge().url() + FAILED))
                .method("DELETE", BodyPublishers.ofString(body.replace('\'', '"')));
        try {
            return HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void awaitStored(long messages) {
        await().until(() ->
                postgres.query("select count(*) from sluice.messages").equals(List.of(String.valueOf(messages))));
    }

    private static void assertRefused(HttpResponse<String> answer, String error) {
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(RunningBridge.json(answer.body()).get("error").asText()).isEqualTo(error);
    }

    @Nested
    class TheDetail {
        @Test
        void hasEveryCounterOfEveryLog() throws Exception {
            failed(new byte[] {1});
            bridge().push("{\"items\":[{\"queue\":\"q\",\"payload\":0}]}");
            JsonNode status = get("/api/v1/status/buffers?detail=true");
            assertThat(status.get("failed").asInt()).isEqualTo(1);
            JsonNode lane = status.at("/lanes/0");
            assertThat(lane.get("name").asText()).isEqualTo("1/0");
            assertThat(lane.get("takesMessages").asBoolean()).isTrue();
            assertThat(UUID.fromString(lane.get("logId").asText())).isNotNull();
            assertThat(lane.at("/drain/state").asText()).isEqualTo("running");
            assertThat(lane.at("/drain/messages").asInt()).isEqualTo(1);
            assertThat(lane.at("/log/nextOffset").asInt()).isEqualTo(1);
            assertThat(lane.at("/log/oldestUncommittedAgeSeconds").isMissingNode())
                    .isFalse();
            assertThat(lane.at("/recovery/findings").isArray()).isTrue();
            for (String log : List.of("/lanes/0/log/counters", "/failedRecords/log/counters")) {
                for (var counter : LogCounters.class.getRecordComponents()) {
                    assertThat(status.at(log).path(counter.getName()).isIntegralNumber())
                            .as(log + " " + counter.getName())
                            .isTrue();
                }
            }
            assertThat(lane.at("/log/counters/appends").asInt()).isEqualTo(1);
            for (var counter : IntakeStatus.class.getRecordComponents()) {
                assertThat(status.at("/intake").path(counter.getName()).isIntegralNumber())
                        .as(counter.getName())
                        .isTrue();
            }
            assertThat(status.at("/failedRecords/count").asInt()).isEqualTo(1);
            assertThat(status.at("/failedRecords/oldest").asText()).isEqualTo(WHEN.toString());
            assertThat(status.at("/failedRecords/hasRoom").asBoolean()).isTrue();
        }

        @Test
        void isLeftOutUnlessAskedFor() {
            assertThat(get("/api/v1/status/buffers").has("lanes")).isFalse();
        }
    }

    @Nested
    class FailedRecordsOverHttp {
        @Test
        void areListedInPagesWithWhyAndWhat() throws Exception {
            failed(message("t-1", "{\"a\": [1,  2]}"), new byte[] {9, 9}, message("t-3", "[\n]"));
            HttpResponse<String> raw = bridge().get(FAILED + "?limit=2");
            assertThat(raw.body()).contains("\"payload\":{\"a\": [1,  2]}");
            JsonNode page = RunningBridge.json(raw.body());
            assertThat(page.get("count").asInt()).isEqualTo(3);
            assertThat(page.get("records").findValuesAsText("id")).startsWith("0");
            JsonNode first = page.at("/records/0");
            assertThat(first.get("reason").asText()).isEqualTo("no \"such\" thing");
            assertThat(first.get("origin").asText()).isEqualTo("sluice-log-x-1-0@7");
            assertThat(first.get("failedAt").asText()).isEqualTo(WHEN.toString());
            assertThat(first.at("/message/queue").asText()).isEqualTo("orders");
            assertThat(first.at("/message/producerSub").asText()).isEqualTo("alice");
            assertThat(page.at("/records/1/message").isNull()).isTrue();
            assertThat(page.at("/records/1/entry").asText()).isEqualTo("CQk=");
            JsonNode rest = get(FAILED + "?after=" + page.get("next").asLong());
            assertThat(rest.get("next").isNull()).isTrue();
            assertThat(rest.get("records")).hasSize(1);
            assertThat(rest.at("/records/0/message/payloadText").asText()).isEqualTo("[\n]");
        }

        @Test
        void areStoredAndGoneAfterARetry() throws Exception {
            failed(message("t-1", "1"), new byte[] {9}, message("t-3", "3"));
            JsonNode answer = post(RETRY, "{'ids': [0, 1, 77]}");
            assertThat(answer.get("retried").asInt()).isEqualTo(1);
            assertThat(answer.get("unknown").asInt()).isEqualTo(1);
            assertThat(answer.get("notRetried").asInt()).isEqualTo(1);
            assertThat(answer.at("/kept/0/reason").asText()).contains("format version 9");
            assertThat(answer.get("count").asInt()).isEqualTo(2);
            awaitStored(1);
            assertThat(post(RETRY, "{'all': true}").get("retried").asInt()).isEqualTo(1);
            awaitStored(2);
            assertThat(get(FAILED).get("records")).hasSize(1);
        }

        @Test
        void areStoredOnceThoughACrashLeftThemInTheLogAsWell() throws Exception {
            failed(message("t-1", "1"));
            post(RETRY, "{'all': true}");
            awaitStored(1);
            bridge().close();
            bridge = null;
            failed(message("t-1", "1")); // As if the record had not been removed.
            post(RETRY, "{'all': true}");
            await().until(() -> get("/api/v1/status/buffers").get("pending").asInt() == 0);
            awaitStored(1);
            assertThat(get(FAILED).get("count").asInt()).isZero();
        }

        @Test
        void areDroppedWhenNamed() throws Exception {
            failed(message("t-1", "1"), message("t-2", "2"));
            HttpResponse<String> answer = delete("{'ids': [0, 5]}");
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).isEqualTo("{\"removed\":1,\"count\":1}");
            assertThat(get(FAILED).at("/records/0/id").asInt()).isEqualTo(1);
        }

        @Test
        void areNotTouchedByARequestThatIsNotUnderstood() throws Exception {
            failed(message("t-1", "1"));
            for (String body : List.of("{}", "[]", "{'ids': [1], 'all': true}", "{'all': false}")) {
                assertRefused(
                        bridge().post(RETRY, body.replace('\'', '"')),
                        "either an ids array or \"all\": true is required");
            }
            assertRefused(delete("{'all': true}"), "ids array is required");
            assertRefused(delete("{'ids': 1}"), "ids must be an array");
            assertRefused(delete("{'ids': [1.5]}"), "ids must be whole numbers, element 0 is not");
            assertRefused(bridge().get(FAILED + "?limit=0"), "limit must be 1 to 1000");
            assertRefused(bridge().get(FAILED + "?limit=1001"), "limit must be 1 to 1000");
            assertRefused(bridge().get(FAILED + "?after=x"), "after must be a whole number");
            assertThat(get(FAILED).get("count").asInt()).isEqualTo(1);
        }
    }

    @Nested
    class LinesPutBack {
        private static final String LINE =
                "{'queue':'q','transactionId':'%s','id':'018f0000-0000-7000-8000-00000000000%d','payload':[%d]}\n";

        private int run(String in, String... words) {
            var out = new ByteArrayOutputStream();
            int status = BufferCommand.run(
                    List.of(words),
                    (file, dir) -> new BufferSettings(1, SegmentLogConfig.defaults(directory)),
                    new ByteArrayInputStream(in.replace('\'', '"').getBytes(UTF_8)),
                    new PrintStream(out, true, UTF_8),
                    new PrintStream(out, true, UTF_8));
            assertThat(Arrays.asList(words)).as(out.toString(UTF_8)).isNotEmpty();
            return status;
        }

        @Test
        void areStoredOnceHoweverOftenTheyAreSent() {
            String lines = LINE.formatted("a", 1, 1) + LINE.formatted("b", 2, 2);
            for (int i = 0; i < 2; i++) {
                JsonNode answer = post("/api/v1/buffers/requeue", lines);
                assertThat(answer.findValuesAsText("transaction_id")).containsExactly("a", "b");
                assertThat(answer.findValuesAsText("status")).containsOnly("buffered");
            }
            assertThat(run(lines, "requeue", "-", "--url", bridge().url())).isZero();
            await().until(() -> get("/api/v1/status/buffers").get("pending").asInt() == 0);
            assertThat(postgres.query("select id from sluice.messages order by 1"))
                    .containsExactly("018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-000000000002");
        }

        @Test
        void areRefusedTogetherWhenOneIsNotAMessage() {
            HttpResponse<String> answer = bridge().post(
                            "/api/v1/buffers/requeue",
                            (LINE.formatted("a", 1, 1) + "\n{'queue':'q'}\n").replace('\'', '"'));
            assertRefused(answer, "line 3: transactionId is required: it is what makes repeating safe");
            assertThat(get("/api/v1/status/buffers?detail=true")
                            .at("/lanes/0/log/nextOffset")
                            .asInt())
                    .isZero();
        }

        @Test
        void failedRecordsCanBeRetriedByTheTool() throws Exception {
            failed(message("t-1", "1"), new byte[] {9});
            assertThat(run("", "requeue", "--failed", "--url", bridge().url())).isEqualTo(BufferCommand.PROBLEM);
            awaitStored(1);
            delete("{'ids':[1]}");
            assertThat(run("", "requeue", "--failed", "--url", bridge().url())).isZero();
        }
    }
}
