package dev.sluice.bridge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies that are compressed, and bodies of lines. */
class RequestEncodingsTest {
    private static final int BODY_LIMIT = 4 << 20;
    private static final int RATIO = 100;
    private static final int UNRATED = 1 << 20;

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of("http.max.body.bytes", String.valueOf(BODY_LIMIT), "http.max.items", "50"));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private static byte[] compress(String encoding, byte[] body) {
        if (encoding.equals("zstd")) {
            return Zstd.compress(body);
        }
        var bytes = new ByteArrayOutputStream();
        try (OutputStream out = encoding.equals("gzip") ? new GZIPOutputStream(bytes) : new ZstdOutputStream(bytes)) {
            out.write(body);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return bytes.toByteArray();
    }

    private static HttpResponse<String> push(String encoding, byte[] body) {
        return bridge.post("/api/v1/push", body, "Content-Encoding", encoding);
    }

    private static void assertRefused(HttpResponse<String> response, int status, String error) {
        assertThat(response.body()).isEqualTo("{\"error\":\"" + error + "\"}");
        assertThat(response.statusCode()).isEqualTo(status);
    }

    /** A push of so many bytes whose payload is one letter over and over. */
    private static byte[] dense(int bytes) {
        byte[] body = new byte[bytes];
        Arrays.fill(body, (byte) 'x');
        byte[] head = "{\"items\":[{\"queue\":\"dense\",\"payload\":\"".getBytes(UTF_8);
        System.arraycopy(head, 0, body, 0, head.length);
        byte[] tail = "\"}]}".getBytes(UTF_8);
        System.arraycopy(tail, 0, body, bytes - tail.length, tail.length);
        return body;
    }

    /** The same of random letters, which cannot be compressed to a hundredth. */
    private static byte[] thin(int bytes) {
        byte[] body = dense(bytes);
        var random = new Random(7);
        for (int i = 100; i < bytes - 100; i++) {
            body[i] = (byte) ('a' + random.nextInt(26));
        }
        return body;
    }

    @Nested
    class Compressed {
        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd", "zstd stream"})
        void aBodyIsTheSame(String how) {
            String queue = how.replace(" ", "-");
            byte[] body = ("{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":{\"a\":  1.50}}]}").getBytes(UTF_8);
            String encoding = how.split(" ", 2)[0];
            assertThat(push(encoding, compress(how, body)).statusCode()).isEqualTo(201);
            HttpResponse<String> popped =
                    bridge.get("/api/v1/pop/queue/" + queue + "?autoAck=true&wait=true&timeout=30000");
            assertThat(popped.body()).contains("\"data\":{\"a\":  1.50}");
        }

        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd", "zstd stream"})
        void aBodyHasTheLimitOfOneThatIsNot(String how) {
            String encoding = how.split(" ", 2)[0];
            HttpResponse<String> most = push(encoding, compress(how, thin(BODY_LIMIT)));
            assertThat(most.statusCode()).as(most.body()).isEqualTo(201);
            assertRefused(
                    push(encoding, compress(how, thin(BODY_LIMIT + 1))),
                    413,
                    "Request body is larger than http.max.body.bytes (" + BODY_LIMIT + " bytes)");
        }

        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd", "zstd stream"})
        void aBodyOfMoreThanAMebibyteIsNotTooDense(String how) {
            String encoding = how.split(" ", 2)[0];
            byte[] most = compress(how, dense(UNRATED));
            assertThat(most.length).isLessThan(UNRATED / RATIO);
            assertThat(push(encoding, most).statusCode()).isEqualTo(201);
            assertRefused(
                    push(encoding, compress(how, dense(UNRATED + 1))),
                    413,
                    "Request body decompresses to more than http.max.compression.ratio (100) times its size");
        }

        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd"})
        void aBodyThatIsBrokenIsRefused(String encoding) {
            byte[] good = compress(encoding, thin(5000));
            String error = "The request body is not " + encoding + ", or is cut off";
            assertRefused(push(encoding, "{\"items\":[]}".getBytes(UTF_8)), 400, error);
            assertRefused(push(encoding, Arrays.copyOf(good, good.length - 1)), 400, error);
            assertRefused(push(encoding, Arrays.copyOf(good, 3)), 400, error);
            assertRefused(push(encoding, new byte[0]), 400, "Empty request body");
        }

        @Test
        void anyOtherRouteWithABodyTakesItToo() {
            byte[] body = compress("gzip", "{\"acknowledgments\":[]}".getBytes(UTF_8));
            assertThat(bridge.post("/api/v1/ack/batch", body, "Content-Encoding", "GZIP")
                            .statusCode())
                    .isEqualTo(200);
        }

        @ParameterizedTest
        @ValueSource(strings = {"br", "deflate", "gzip, gzip"})
        void otherEncodingsAreRefusedWithThoseThatAreTaken(String encoding) {
            HttpResponse<String> response = push(encoding, new byte[] {1});
            assertRefused(response, 415, "Content-Encoding is not supported: " + encoding + " (supported: gzip, zstd)");
            assertThat(response.headers().firstValue("Accept-Encoding")).contains("gzip, zstd");
        }
    }

    @Nested
    class Lines {
        private HttpResponse<String> push(String query, String body) {
            return bridge.post("/api/v1/push" + query, body, "Content-Type", "application/x-ndjson; charset=utf-8");
        }

        @Test
        void areItemsWithTheirDefaultsInTheQuery() {
            HttpResponse<String> response = push(
                    "?queue=lines&partition=p",
                    "{\"payload\":{\"n\": 1},\"transactionId\":\"t1\"}\r\n\n  \n{\"queue\":\"lines2\"}\n"
                            + "{\"partition\":\"q\",\"payload\":[2],\"transactionId\":\"t3\"}");
            assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
            JsonNode results = RunningBridge.json(response.body());
            assertThat(results).hasSize(3);
            assertThat(results.findValuesAsText("queueName")).containsExactly("lines", "lines2", "lines");
            assertThat(results.findValuesAsText("index")).containsExactly("0", "1", "2");
            assertThat(results.at("/0/transaction_id").asText()).isEqualTo("t1");
            assertThat(bridge.pop("lines/partition/p?wait=true&timeout=30000").at("/messages/0/data"))
                    .isEqualTo(RunningBridge.json("{\"n\":1}"));
            assertThat(bridge.pop("lines/partition/q?wait=true&timeout=30000").at("/messages/0/data"))
                    .isEqualTo(RunningBridge.json("[2]"));
            assertThat(bridge.pop("lines2/partition/p?wait=true&timeout=30000")
                            .at("/messages/0/data")
                            .isNull())
                    .isTrue();
        }

        @Test
        void areTakenAllOrNone() {
            assertRefused(
                    push("?queue=none", "{\"payload\":1}\n\n{\"payload\":2,}\n{\"payload\":3}\n"),
                    400,
                    "line 3: Invalid JSON: Unexpected character ('}' (code 125)): was expecting double-quote to start"
                            + " field name at byte 13");
            assertRefused(push("?queue=none", "{\"payload\":1}\n[]\n"), 400, "line 2: an item must be an object");
            assertRefused(push("", "{\"queue\":\"none\"}\n{}"), 400, "line 2: Queue must be a string");
            assertThat(bridge.pop("none").path("messages")).isEmpty();
        }

        @Test
        void areAsManyAsItemsMayBe() {
            assertThat(RunningBridge.json(push("?queue=many", "{}\n".repeat(50)).body()))
                    .hasSize(50);
            assertRefused(push("?queue=many", "{}\n".repeat(51)), 400, "items must be at most 50 (http.max.items)");
        }

        @Test
        void mayBeNone() {
            HttpResponse<String> response = push("?queue=lines", "\n");
            assertThat(response.statusCode()).isEqualTo(201);
            assertThat(response.body()).isEqualTo("[]");
        }

        @Test
        void mayBeCompressedAndRepeated() {
            byte[] body = compress("zstd", "{}\n{}\n".getBytes(UTF_8));
            String[] headers = {
                "Content-Type", "application/jsonl", "Content-Encoding", "zstd", "Idempotency-Key", "lines-1"
            };
            for (String status : new String[] {"queued", "duplicate"}) {
                JsonNode results = RunningBridge.json(
                        bridge.post("/api/v1/push?queue=again", body, headers).body());
                assertThat(results.findValuesAsText("status")).containsExactly(status, status);
            }
        }
    }
}
