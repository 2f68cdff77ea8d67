package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdOutputStream;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
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

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of("http.max.body.bytes", String.valueOf(BODY_LIMIT), "http.max.items", "50"));
    }

    @AfterAll
    static void stop() {
        bridge.close();
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

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    /** Returns a push of this many bytes whose payload repeats one letter. */
    private static byte[] dense(int bytes) {
        byte[] body = new byte[bytes];
        Arrays.fill(body, (byte) 'x');
        byte[] head = "{\"items\":[{\"queue\":\"dense\",\"payload\":\"".getBytes(UTF_8);
        System.arraycopy(head, 0, body, 0, head.length);
        byte[] tail = "\"}]}".getBytes(UTF_8);
        System.arraycopy(tail, 0, body, bytes - tail.length, tail.length);
        return body;
    }

    /** Returns a push of random letters, which do not compress to 1/100. */
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

        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd"})
        void aBodyMayHaveSeveralPartsOneAfterTheOther(String encoding) {
            byte[] whole = thin(5000);
            byte[] parts = compress(encoding, new byte[0]);
            for (int from = 0; from < whole.length; from += 1000) {
                parts = joined(parts, compress(encoding, Arrays.copyOfRange(whole, from, from + 1000)));
                parts = joined(parts, compress(encoding, new byte[0]));
            }
            assertThat(push(encoding, parts).statusCode()).isEqualTo(201);
            String error = "The request body is not " + encoding + ", or is cut off";
            for (int missing : new int[] {1, 5}) {
                assertRefused(push(encoding, Arrays.copyOf(parts, parts.length - missing)), 400, error);
            }
        }

        /** Otherwise the service would take five hundred of a thousand items for all. */
        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd"})
        void aBodyWithSomethingBehindItsEndIsRefused(String encoding) {
            byte[] half = compress(encoding, "{\"payload\":1}\n".repeat(20).getBytes(UTF_8));
            String error = "The request body is not " + encoding + ", or is cut off";
            byte[] rest = "{\"payload\":2}\n".repeat(20).getBytes(UTF_8);
            for (byte[] tail :
                    new byte[][] {rest, {0}, new byte[512], {0x1f, (byte) 0x8b}, {'\n'}, {0x28, (byte) 0xb5}}) {
                assertRefused(
                        bridge.post(
                                "/api/v1/push?queue=rest",
                                joined(half, tail),
                                "Content-Type",
                                "application/x-ndjson",
                                "Content-Encoding",
                                encoding),
                        400,
                        error);
            }
            assertThat(bridge.pop("rest").path("messages")).isEmpty();
        }

        @Test
        void aGzipBodyMayHaveAllThatAHeaderMayHave() throws IOException {
            byte[] body = "{\"items\":[]}".getBytes(UTF_8);
            byte[] plain = compress("gzip", body);
            var full = new ByteArrayOutputStream();
            full.write(plain, 0, 3);
            full.write(0x1f); // Text, with a checksum, an extra field, a name and a comment.
            full.write(plain, 4, 6);
            full.write(new byte[] {2, 0, 7, 7, 'n', 0, 'c', 0});
            var checksum = new CRC32();
            checksum.update(full.toByteArray());
            full.write((int) checksum.getValue() & 0xff);
            full.write((int) (checksum.getValue() >> 8) & 0xff);
            full.write(plain, 10, plain.length - 10);
            assertThat(push("gzip", full.toByteArray()).statusCode()).isEqualTo(201);
            for (int changed : new int[] {1, 2, 3, 12, 18, full.size() - 8, full.size() - 1}) {
                byte[] broken = full.toByteArray();
                broken[changed] ^= (byte) 0x80;
                assertRefused(push("gzip", broken), 400, "The request body is not gzip, or is cut off");
            }
        }

        /** A recursive decoder would overflow its stack, and one that starts again would take minutes. */
        @ParameterizedTest
        @ValueSource(strings = {"gzip", "zstd", "zstd stream", "zstd skippable"})
        void aBodyMayHaveAnyNumberOfEmptyParts(String how) {
            String encoding = how.split(" ", 2)[0];
            byte[] empty = how.equals("zstd skippable")
                    ? new byte[] {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0} // RFC 8878 §3.1.2
                    : compress(how, new byte[0]);
            int parts = (BODY_LIMIT - 1000) / empty.length;
            byte[] many = new byte[parts * empty.length];
            for (int i = 0; i < parts; i++) {
                System.arraycopy(empty, 0, many, i * empty.length, empty.length);
            }
            byte[] whole = "{\"items\":[]}".getBytes(UTF_8);
            assertTimeout(Duration.ofSeconds(20), () -> {
                assertThat(push(encoding, joined(many, compress(how, whole))).statusCode())
                        .isEqualTo(201);
                assertThat(push(encoding, joined(compress(how, whole), many)).statusCode())
                        .isEqualTo(201);
                assertRefused(push(encoding, many), 400, "Empty request body");
            });
        }

        @Test
        void aBodyThatWasCompressedTwiceIsRefusedHoweverTheHeadersSaySo() {
            byte[] twice = compress("gzip", compress("gzip", "{\"items\":[]}".getBytes(UTF_8)));
            HttpResponse<String> response =
                    bridge.post("/api/v1/push", twice, "Content-Encoding", "gzip", "Content-Encoding", "gzip");
            assertRefused(response, 415, "Content-Encoding is not supported: gzip, gzip (supported: gzip, zstd)");
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
                    "{\"payload\":{\"n\": 1},\"transactionId\":\"t1\"}\r\n\n  \n"
                            + "{\"queue\":\"lines2\",\"payload\":null}\n"
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
            assertRefused(
                    push("", "{\"queue\":\"none\",\"payload\":1}\n[]\n"), 400, "line 2: an item must be an object");
            assertThat(bridge.pop("none").path("messages")).isEmpty();
        }

        /** Log shippers send events without envelopes. */
        @ParameterizedTest
        @ValueSource(
                strings = {
                    "{\"date\":1747389600.1,\"log\":\"GET / 200\"}",
                    "{\"payload\":{\"n\":1},\"host\":\"web-1\"}",
                    "{\"queue\":5,\"partition\":null,\"level\":\"info\"}",
                    "{\"queue\":\"printer-1\",\"partition\":\"p\"}",
                    "{\"Payload\":1}",
                    "{}",
                    "[{\"payload\":1}]",
                    "\"text\"",
                    "1.50",
                    "null"
                })
        void thatAreEventsAreThePayload(String event) {
            HttpResponse<String> response = push("?queue=events&partition=p", " " + event + "\t\r\n");
            assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
            assertThat(bridge.get("/api/v1/pop/queue/events/partition/p?autoAck=true&wait=true&timeout=30000")
                            .body())
                    .contains("\"data\":" + event + ",");
        }

        @Test
        void areWhatTheAddressSaysTheyAre() {
            String line = "{\"payload\":1,\"transactionId\":\"as-1\"}";
            assertThat(push("?queue=as&as=event", line).body()).doesNotContain("as-1");
            assertThat(bridge.get("/api/v1/pop/queue/as?autoAck=true&wait=true&timeout=30000")
                            .body())
                    .contains("\"data\":" + line + ",");
            assertThat(push("?queue=as&as=envelope", line).body()).contains("as-1");
            assertThat(bridge.get("/api/v1/pop/queue/as?autoAck=true&wait=true&timeout=30000")
                            .body())
                    .contains("\"data\":1,");
            assertThat(push("?queue=as", "{\"payload\":2,\"producerSub\":\"me\",\"transactionId\":\"as-2\"}")
                            .body())
                    .contains("as-2");
            assertThat(bridge.get("/api/v1/pop/queue/as?autoAck=true&wait=true&timeout=30000")
                            .body())
                    .contains("\"data\":2,\"producerSub\":null,");
            assertRefused(push("?queue=as&as=envelope", "{\"log\":1}"), 400, "line 1: payload is missing");
            assertRefused(push("?queue=as&as=envelope", line + "\n2"), 400, "line 2: an item must be an object");
            assertRefused(push("?queue=as&as=line", line), 400, "as must be event or envelope");
            assertRefused(
                    push("?as=event", line), 400, "as=event needs ?queue= in the address: an event names no queue");
        }

        @Test
        void withoutAQueueInTheAddressNeedAQueueAndAPayload() {
            String good = "{\"queue\":\"none\",\"payload\":1}\n";
            assertRefused(push("", good + "\n{\"log\":\"x\"}"), 400, "line 3: queue and payload are missing");
            assertRefused(push("", good + "{\"queue\":\"none\"}"), 400, "line 2: payload is missing");
            assertRefused(push("", good + "{\"payload\":1}"), 400, "line 2: queue is missing");
            assertThat(bridge.pop("none").path("messages")).isEmpty();
        }

        /** With two payloads in one item, one of them would be lost. */
        @Test
        void thatHaveAMemberOfAnEnvelopeTwiceAreRefusedUnlessTheyAreEvents() {
            String line = "{\"payload\":1,\"payload\":2}";
            String error = "payload must not be there more than once";
            assertRefused(push("?queue=twice", "{\"log\":1}\n" + line), 400, "line 2: " + error);
            assertRefused(push("?queue=twice&as=envelope", line), 400, "line 1: " + error);
            assertRefused(bridge.post("/api/v1/push?queue=twice", "[1," + line + "]"), 400, "item 1: " + error);
            assertThat(bridge.pop("twice").path("messages")).isEmpty();
            assertThat(push("?queue=twice&as=event", line).statusCode()).isEqualTo(201);
            assertThat(bridge.get("/api/v1/pop/queue/twice?autoAck=true&wait=true&timeout=30000")
                            .body())
                    .contains("\"data\":" + line + ",");
        }

        @Test
        void mayStandInAnArrayIfTheAddressNamesTheQueue() {
            String body = " [{\"log\": 1},{\"payload\":2}, 3]";
            HttpResponse<String> response = bridge.post("/api/v1/push?queue=array", body);
            assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
            assertThat(RunningBridge.json(response.body())).hasSize(3);
            JsonNode popped = bridge.pop("array?batch=3&wait=true&timeout=30000");
            assertThat(popped.path("messages").findValues("data"))
                    .containsExactly(
                            RunningBridge.json("{\"log\":1}"), RunningBridge.json("2"), RunningBridge.json("3"));
            assertRefused(bridge.push(body), 400, "items array is required");
            assertRefused(
                    bridge.post("/api/v1/push?queue=array", "[1,{\"payload\":1,\"partition\":2}]"),
                    400,
                    "item 1: Partition must be a string");
            assertThat(bridge.post("/api/v1/push?queue=array", "[1,2").statusCode())
                    .isEqualTo(400);
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
