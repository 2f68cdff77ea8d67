package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Names of users never collide with our names, and no name breaks a page. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OddNamesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> NAMES = List.of(
            "other",
            "none",
            "null",
            "queue",
            "queues",
            "le",
            "+Inf",
            "__QUEUE_MODE__",
            "lagging",
            "names",
            "by-name",
            "error",
            "a\"b\\c\nd\\",
            "x\"} 1\nsluice_push_messages_total{queue=\"forged",
            "# TYPE sluice_push_messages gauge",
            "tab\tcr\rbell\u0007",
            "\u2028line",
            "ü€😀",
            " ",
            "../../etc/passwd",
            "%2F",
            "{queue}",
            "n".repeat(NewMessage.MAX_NAME_LENGTH));

    private static final Pattern SAMPLE = Pattern.compile(
            "([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{((?:[a-zA-Z_]\\w*=\"(?:[^\"\\\\\\n]|\\\\[\\\\\"n])*\",?)*)})? (\\S+)");
    private static final Pattern QUEUE = Pattern.compile("(?:^|,)queue=\"((?:[^\"\\\\\\n]|\\\\[\\\\\"n])*)\"");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge bridge;
    private RunningBridge few;

    @BeforeAll
    void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory.resolve("all"));
        few = RunningBridge.start(postgres.url(), directory.resolve("few"), Map.of("metrics.max.queues", "1"));
    }

    @AfterAll
    void stop() {
        few.close();
        bridge.close();
    }

    private static String item(String name) {
        return JSON.createObjectNode()
                .put("queue", name)
                .put("partition", name)
                .put("transactionId", name)
                .put("payload", name)
                .toString();
    }

    private static String encoded(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /** Reads the page as Prometheus does: every line a sample, no series twice. */
    private static Set<String> series(RunningBridge of) {
        HttpResponse<String> page = of.get("/metrics/prometheus");
        assertThat(page.statusCode()).as(page.body()).isEqualTo(200);
        var series = new HashSet<String>();
        for (String line : page.body().split("\n", -1)) {
            if (!line.isEmpty() && !line.startsWith("# TYPE ") && !line.startsWith("# HELP ")) {
                Matcher sample = SAMPLE.matcher(line);
                assertThat(sample.matches()).as(line).isTrue();
                assertThat(series.add(sample.group(1) + "{" + sample.group(2) + "}"))
                        .as(line)
                        .isTrue();
            }
        }
        return series;
    }

    private static String unescaped(String label) {
        var text = new StringBuilder();
        for (int i = 0; i < label.length(); i++) {
            char c = label.charAt(i);
            if (c == '\\') {
                c = label.charAt(++i);
                text.append(c == 'n' ? '\n' : c);
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }

    private static List<String> queuesOf(RunningBridge of, String family) {
        var queues = new ArrayList<String>();
        for (String each : series(of)) {
            Matcher queue = QUEUE.matcher(each.substring(each.indexOf('{') + 1));
            if (each.startsWith(family + "{") && queue.find()) {
                queues.add(unescaped(queue.group(1)));
            }
        }
        return queues;
    }

    @Test
    void everyQueueHasItsOwnCountsOnThePageOfMetrics(@TempDir Path directory) {
        for (String name : NAMES) {
            HttpResponse<String> pushed = bridge.push("{\"items\":[" + item(name) + "]}");
            assertThat(pushed.statusCode()).as(name).isEqualTo(201);
            JsonNode popped =
                    bridge.pop(encoded(name) + "?consumerGroup=" + encoded(name) + "&subscriptionMode=all&batch=9");
            assertThat(popped.at("/messages/0/data").textValue()).isEqualTo(name);
            assertThat(bridge.acknowledge(popped).toString()).contains("\"success\":true");
        }
        for (String family : List.of(
                "sluice_push_messages_total",
                "sluice_pop_messages_total",
                "sluice_pop_parked",
                "queen_queue_push_messages_per_minute",
                "queen_queue_parked_consumers")) {
            assertThat(queuesOf(bridge, family)).as(family).containsAll(NAMES).doesNotHaveDuplicates();
        }
        assertThat(series(bridge)).contains("sluice_push_messages_total{queues=\"other\"}");
        // A bridge reads the state of the queues when it starts, and then every half a minute.
        try (var started = RunningBridge.start(postgres.url(), directory)) {
            await().atMost(Duration.ofSeconds(90))
                    .untilAsserted(() -> assertThat(queuesOf(started, "queen_dlq_depth_by_queue"))
                            .containsAll(NAMES));
        }
    }

    @Test
    void queuesBeyondTheBoundAreNotMixedWithAQueueCalledOther() {
        for (String name : List.of("other", "second", "third")) {
            assertThat(few.push("{\"items\":[" + item(name).replace("\"transactionId\":\"" + name + "\",", "") + "]}")
                            .statusCode())
                    .isEqualTo(201);
        }
        series(few);
        assertThat(few.get("/metrics/prometheus").body())
                .contains("sluice_push_messages_total{queue=\"other\"} 1.0\n")
                .contains("sluice_push_messages_total{queues=\"other\"} 2.0\n");
    }

    @Test
    void halvesOfSurrogatePairsAreRefusedAndTheMetricsGoOn() {
        for (String half : List.of("\\ud800", "\\udc00", "a\\ud800b")) {
            assertThat(bridge.push("{\"items\":[{\"queue\":\"" + half + "\",\"payload\":1}]}")
                            .statusCode())
                    .isEqualTo(400);
            assertThat(bridge.post("/api/v1/configure", "{\"queue\":\"" + half + "\"}")
                            .statusCode())
                    .isEqualTo(400);
        }
        assertThat(bridge.get("/api/v1/pop/queue/%ED%A0%80?consumerGroup=%ED%A0%80")
                        .statusCode())
                .isLessThan(500);
        series(bridge);
    }

    @Test
    void aGroupWithTheNameOfARouteIsReachedByAnEscapeInItsPath() {
        bridge.push("{\"items\":[{\"queue\":\"of-lagging\",\"payload\":1}]}");
        bridge.pop("of-lagging?consumerGroup=lagging&subscriptionMode=all");
        assertThat(RunningBridge.json(
                                bridge.get("/api/v1/consumer-groups/lagging").body())
                        .isArray())
                .isTrue();
        JsonNode group = RunningBridge.json(
                bridge.get("/api/v1/consumer-groups/%6Cagging").body());
        assertThat(group.has("of-lagging")).as(group.toString()).isTrue();
    }
}
