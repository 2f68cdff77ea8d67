package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * After any refusal, every gauge on every page counts the messages in the log only. During push maintenance each kind
 * of refusal happens twice. Then the gauges must be unchanged, and at the end all accepted messages are delivered.
 */
class GaugesAfterRefusalsTest {
    private static final int HELD = 7;
    private static final int REFUSALS = 3;
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Pattern TYPE = Pattern.compile("# TYPE (sluice_\\S+) (gauge|counter)");

    private TestPostgres postgres;
    private RunningBridge bridge;

    @TempDir
    private Path directory;

    @BeforeEach
    void start() {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of(
                        "buffer.max.bytes", "1048576",
                        "buffer.segment.bytes", "4096",
                        "http.max.body.bytes", "65536",
                        "http.max.items", "50"));
    }

    @AfterEach
    void stop() {
        bridge.close();
        postgres.close();
    }

    private static String item(String queue, int payloadBytes) {
        return "{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":\"" + "x".repeat(payloadBytes) + "\"}]}";
    }

    /** Returns our metrics of one kind, by name and labels. */
    private Map<String, Double> metrics(String kind) {
        var values = new TreeMap<String, Double>();
        String family = "";
        boolean isWanted = false;
        for (String line : bridge.get("/metrics/prometheus").body().lines().toList()) {
            var type = TYPE.matcher(line);
            if (type.matches()) {
                family = type.group(1);
                isWanted = type.group(2).equals(kind);
            } else if (isWanted && line.startsWith(family)) {
                int space = line.lastIndexOf(' ');
                values.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
            }
        }
        return values;
    }

    private JsonNode buffers() {
        return RunningBridge.json(
                bridge.get("/api/v1/status/buffers?detail=true").body());
    }

    /** Returns the gauges of counts that are not 0. Ages and sizes are checked separately. */
    private Map<String, Double> counts() {
        Map<String, Double> gauges = metrics("gauge");
        gauges.keySet()
                .removeIf(name -> name.contains("_age_seconds")
                        || name.startsWith("sluice_log_bytes")
                        || name.startsWith("sluice_database_connections")
                        || name.startsWith("sluice_queue_")); // These are half a minute old.
        gauges.values().removeIf(value -> value == 0);
        return gauges;
    }

    private long bytesOnDisk() throws IOException {
        try (Stream<Path> files = Files.walk(lane())) {
            return files.filter(file -> file.toString().endsWith(".log"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }

    private Path lane() throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(file -> file.getFileName().toString().startsWith("lane-"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** Waits until every page shows this number of held messages and no other activity. */
    private void assertHeld(String after, int held, Map<String, Double> before) {
        await().atMost(SOON).untilAsserted(() -> {
            JsonNode buffers = buffers();
            assertThat(buffers.get("pending").asLong()).as(after).isEqualTo(held);
            assertThat(buffers.at("/lanes/0/log/uncommittedEntries").asLong())
                    .as(after)
                    .isEqualTo(held);
            assertThat(buffers.at("/lanes/0/log/pendingBytes").asLong())
                    .as(after)
                    .isZero();
            assertThat(buffers.get("usedBytes").asLong()).as(after).isEqualTo(bytesOnDisk());
            assertThat(buffers.at("/intake/waiting").asLong()).as(after).isZero();
            if (held == 0) {
                assertThat(buffers.get("oldestAgeSeconds").asDouble()).as(after).isZero();
                assertThat(buffers.at("/lanes/0/log/oldestUncommittedAgeSeconds")
                                .isNull())
                        .as(after)
                        .isTrue();
            } else {
                assertThat(buffers.get("oldestAgeSeconds").asDouble()).as(after).isPositive();
            }
            JsonNode intake = buffers.get("intake");
            long answered = 0;
            for (String kind : new String[] {"Queued", "Duplicate", "Buffered", "Failed"}) {
                answered += intake.get("answered" + kind).asLong();
            }
            assertThat(intake.get("messages").asLong())
                    .as(after + ": " + intake)
                    .isEqualTo(answered);
            assertThat(counts()).as(after).isEqualTo(before);
        });
    }

    private void refuse(String what, int status, String path, String body) {
        for (int i = 0; i < REFUSALS; i++) {
            HttpResponse<String> answer = bridge.post(path, body);
            assertThat(answer.statusCode()).as(what + ": " + answer.body()).isEqualTo(status);
        }
    }

    private static void assertRefused(Map<String, Double> counters, String reason, double refusals) {
        assertThat(counters).containsEntry("sluice_push_refused_total{reason=\"" + reason + "\"}", refusals);
    }

    @Test
    void everyGaugeSaysWhatIsThereAfterEveryKindOfRefusal() throws Exception {
        bridge.post("/api/v1/configure", "{\"queue\":\"secret\"}");
        try (Connection connection = DriverManager.getConnection(postgres.url(), "postgres", "");
                Statement statement = connection.createStatement()) {
            statement.execute("update sluice.queues set encryption_enabled = true where name = 'secret'");
        }
        bridge.post("/api/v1/configure", "{\"queue\":\"narrow\",\"options\":{\"maxSize\":1}}");
        assertThat(bridge.push(item("narrow", 1)).body()).contains("\"queued\"");
        await().atMost(SOON)
                .untilAsserted(() ->
                        assertThat(bridge.push(item("narrow", 1)).statusCode()).isEqualTo(429));
        await().atMost(SOON)
                .untilAsserted(() ->
                        assertThat(bridge.push(item("secret", 1)).statusCode()).isEqualTo(503));
        double noKey = metrics("counter").get("sluice_push_refused_total{reason=\"no_key\"}");
        Map<String, Double> atRest = counts();
        assertHeld("nothing", 0, atRest);

        Path lane = lane();
        Path away = lane.resolveSibling("away");
        Files.move(lane, away); // Then no segment can be created, as on a full disk.
        String large = item("orders", 5_000); // Each needs a segment of its own.
        assertThat(bridge.push(large).statusCode()).isEqualTo(503);
        refuse("log that cannot be written", 503, "/api/v1/push", large);
        Files.move(away, lane);
        await().atMost(SOON).untilAsserted(() -> {
            JsonNode buffers = buffers();
            assertThat(buffers.get("pending").asLong()).isZero();
            assertThat(buffers.get("oldestAgeSeconds").asDouble()).isZero();
        });
        HttpResponse<String> healed = bridge.push(large);
        assertThat(healed.body()).as("the drain is not thought to be behind").contains("\"queued\"");
        assertHeld("log that could not be written", 0, atRest);
        assertRefused(metrics("counter"), "log_failed", REFUSALS + 1);

        bridge.post("/api/v1/system/maintenance", "{\"enabled\":true}");
        for (int i = 0; i < HELD; i++) {
            assertThat(bridge.push(item("orders", 10)).body()).contains("\"buffered\"");
        }
        Map<String, Double> holding = counts();
        assertThat(holding).containsEntry("sluice_log_entries{lane=\"1/0\"}", (double) HELD);

        refuse("too large", 413, "/api/v1/push", item("orders", 70_000));
        refuse("too many items", 400, "/api/v1/push", "{\"items\":[" + "{\"queue\":\"q\"},".repeat(50) + "{}]}");
        refuse("no JSON", 400, "/api/v1/push", "{\"items\":[");
        refuse("bad time", 400, "/api/v1/push", "{\"items\":[{\"queue\":\"q\",\"deliverAt\":\"soon\"}]}");
        refuse("no such encoding", 400, "/api/v1/push", new String(new byte[] {'"', 0, '"'}, UTF_8));
        refuse("queue full", 429, "/api/v1/push", item("narrow", 1));
        refuse("no key", 503, "/api/v1/push", item("secret", 1));
        assertHeld("refusals of what is wrong", HELD, holding);
        assertRefused(metrics("counter"), "no_key", noKey + REFUSALS);

        Files.move(lane, away);
        refuse("log that cannot be written", 503, "/api/v1/push", large);
        Files.move(away, lane);
        assertThat(bridge.push(large).body()).contains("\"buffered\"");
        holding = counts();
        assertHeld("log that could not be written, with messages held", HELD + 1, holding);

        int filling = 0;
        HttpResponse<String> answer = bridge.push(item("orders", 60_000));
        while (answer.statusCode() == 201) {
            filling++;
            answer = bridge.push(item("orders", 60_000));
        }
        assertThat(answer.body()).contains("the buffer is full");
        Map<String, Double> full = counts();
        refuse("log full", 503, "/api/v1/push", item("orders", 60_000));
        assertHeld("full log", HELD + 1 + filling, full);
        assertThat(full).doesNotContainKey("sluice_accepting_pushes");
        assertRefused(metrics("counter"), "log_full", REFUSALS + 1);

        bridge.post("/api/v1/system/maintenance", "{\"enabled\":false}");
        assertHeld("all of it", 0, atRest);
        int popped = 0;
        for (JsonNode page = pop(); page.has("messages"); page = pop()) {
            popped += page.get("messages").size();
        }
        assertThat(popped).isGreaterThanOrEqualTo(1 + HELD + 1 + filling);
    }

    private JsonNode pop() {
        return bridge.pop("orders?batch=100&autoAck=true");
    }
}
