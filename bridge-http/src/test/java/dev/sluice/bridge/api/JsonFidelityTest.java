package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Valid JSON comes back byte for byte, through the database. Invalid JSON is refused, and only that. */
class JsonFidelityTest {
    private static final int TEN_MEGABYTES = 10 << 20;
    private static final int DEPTH = 500;
    /** The body and its items are arrays and objects, too. */
    private static final int AROUND = 3;

    private static final AtomicInteger QUEUES = new AtomicInteger();

    @TempDir
    private static Path directory;

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

    private static RunningBridge bridge;

    @BeforeAll
    static void start() {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static String body(String queue, String payload) {
        return "{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":" + payload + "}]}";
    }

    private static void assertComesBack(String payload) {
        String queue = "fidelity-" + QUEUES.incrementAndGet();
        HttpResponse<String> pushed = bridge.push(body(queue, payload));
        assertThat(pushed.statusCode()).as(pushed.body()).isEqualTo(201);
        String popped = bridge.get("/api/v1/pop/queue/" + queue + "?wait=true&timeout=30000")
                .body();
        int from = popped.indexOf("\"data\":") + 7;
        assertThat(popped.substring(from, from + payload.length()).equals(payload))
                .as("the payload of %s characters", payload.length())
                .isTrue();
        assertThat(popped.substring(from + payload.length())).startsWith(",\"producerSub\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "123456789012345678901234567890.123456789012345678901234567890e-400",
                "1E400",
                "-0",
                "-0.0",
                "1.50",
                "{\"a\":1,\"a\":2,\"\":[ ],\"b\" : { } }",
                "\"\\u0000 and \\u0001\"",
                "\"\\ud800 and \\udfff, and \\uDC00\\uD800\"",
                "\"\\u00e9 \\/ \u00e9 \ud83d\ude00 \u2028\"",
                "\"\"",
                "null",
                "false",
                "[ 1 ,\t2\r\n]"
            })
    void whatIsAllowedComesBackByteForByte(String payload) {
        assertComesBack(payload);
    }

    @Test
    void aNumberOfThousandsOfDigitsDoes() {
        assertComesBack("9".repeat(10_000) + "." + "7".repeat(10_000));
    }

    @Test
    void aStringOfTenMegabytesDoes() {
        assertComesBack("\"" + "x".repeat(TEN_MEGABYTES) + "\"");
    }

    @Test
    void aValueAsDeepAsTheLimitDoesAndADeeperOneIsRefused() {
        int most = DEPTH - AROUND;
        assertComesBack("[".repeat(most) + "]".repeat(most));
        HttpResponse<String> deeper = bridge.push(body("too-deep", "[".repeat(most + 1) + "]".repeat(most + 1)));
        assertThat(deeper.statusCode()).isEqualTo(400);
        assertThat(deeper.body()).contains("http.max.depth");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "01",
                "+1",
                "1.",
                ".5",
                "NaN",
                "Infinity",
                "'a'",
                "\"a",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\t\"",
                "[1,]",
                "{\"a\":1,}",
                "{a:1}",
                "tru",
                "1 2",
                "/* no */ 1"
            })
    void whatIsForbiddenIsRefusedWithItsPlace(String payload) {
        HttpResponse<String> refused = bridge.push(body("forbidden", payload));
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(RunningBridge.json(refused.body()).get("error").textValue())
                .matches("Invalid JSON: .* at byte \\d+");
        assertThat(bridge.pop("forbidden").isEmpty()).isTrue();
    }

    @Test
    void whatIsNotUtf8IsRefusedWithItsPlace() {
        byte[] bytes = body("not-utf8", "\"\u00ff\"").getBytes(ISO_8859_1);
        HttpResponse<String> refused = bridge.post("/api/v1/push", bytes);
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.body())
                .contains("not UTF-8 at byte " + (body("not-utf8", "\"").length() - 3));
    }

    @Test
    void whoAsksForAProblemGetsOneWithTheErrorInIt() {
        HttpResponse<String> refused =
                bridge.post("/api/v1/push", "{".getBytes(UTF_8), "Accept", "application/problem+json");
        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(refused.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        var problem = RunningBridge.json(refused.body());
        assertThat(problem.get("error")).isEqualTo(problem.get("detail"));
        assertThat(problem.get("error").textValue()).startsWith("Invalid JSON: ");
        assertThat(problem.get("status").intValue()).isEqualTo(400);
    }
}
