package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.e2e.BridgeClient.Item;
import dev.sluice.queue.StoppablePostgres;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The local log of a whole service, while the database is away: full, on a full disk, with other lanes, and twice in
 * use.
 */
class LocalLogTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LIMIT = Duration.ofSeconds(100);
    private static final int PAYLOAD = 3_000;

    private static StoppablePostgres postgres;

    @TempDir
    private Path directory;

    private Map<String, String> database = Map.of();

    private static boolean run(String... command) throws IOException, InterruptedException {
        try {
            var process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.waitFor(20, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException noSuchProgram) {
            return false;
        }
    }

    @BeforeAll
    static void startPostgres(@TempDir Path forAll) throws IOException {
        postgres = StoppablePostgres.start(forAll.resolve("postgres"));
    }

    @AfterAll
    static void endPostgres() throws Exception {
        postgres.close();
    }

    @BeforeEach
    void makeADatabase() throws Exception {
        postgres.restartIfStopped();
        database = postgres.newDatabase();
    }

    /** What a bridge needs in its environment to use the database, and more. */
    private Map<String, String> onDatabase(String... more) {
        var environment = new HashMap<>(database);
        for (int i = 0; i < more.length; i += 2) {
            environment.put(more[i], more[i + 1]);
        }
        return environment;
    }

    /** What was answered, and how. */
    private static final class Pushes {
        private final List<String> answered = new ArrayList<>();
        private int next;

        /** Pushes one message; returns the answer, which must be a success or a refusal that says when to try again. */
        HttpResponse<byte[]> push(BridgeClient client) throws Exception {
            String id = "t-" + next++;
            String body = "{\"items\":[{\"queue\":\"tweets\",\"partition\":\"p\",\"transactionId\":\"" + id
                    + "\",\"payload\":\"" + "x".repeat(PAYLOAD) + "\"}]}";
            HttpResponse<byte[]> answer = client.send("POST", "/api/v1/push", body.getBytes(StandardCharsets.UTF_8));
            if (answer.statusCode() == 201) {
                assertThat(JSON.readTree(answer.body()).at("/0/status").asText())
                        .isIn("queued", "buffered");
                answered.add(id);
            } else {
                assertThat(answer.statusCode()).isIn(503, 507);
                assertThat(answer.headers().firstValue("Retry-After"))
                        .hasValueSatisfying(
                                seconds -> assertThat(Integer.parseInt(seconds)).isPositive());
                assertThat(JSON.readTree(answer.body()).get("error").asText()).isNotEmpty();
            }
            return answer;
        }

        HttpResponse<byte[]> pushUntilRefused(BridgeClient client) throws Exception {
            long deadline = System.nanoTime() + LIMIT.toNanos();
            HttpResponse<byte[]> answer = push(client);
            while (answer.statusCode() == 201) {
                assertThat(System.nanoTime()).as("it never got full").isLessThan(deadline);
                answer = push(client);
            }
            return answer;
        }

        void awaitAccepted(BridgeClient client) {
            await().atMost(LIMIT).until(() -> push(client).statusCode() == 201);
        }

        /**
         * Checks that all that was answered is delivered, once and in order. What was refused may be too, in its place.
         */
        void checkDelivered(BridgeClient client) throws Exception {
            long deadline = System.nanoTime() + LIMIT.toNanos();
            var delivered = new ArrayList<String>();
            List<BridgeClient.Popped> popped = client.pop("tweets", "g", "&batch=100&wait=true&timeout=3000");
            while (!popped.isEmpty() || (delivered.size() < answered.size() && System.nanoTime() - deadline < 0)) {
                popped.forEach(message -> delivered.add(message.transactionId()));
                client.acknowledge(popped, "g");
                popped = client.pop("tweets", "g", "&batch=100&wait=true&timeout=3000");
            }
            assertThat(delivered).doesNotHaveDuplicates().containsSubsequence(answered);
        }
    }

    private static JsonNode detail(BridgeClient client) throws Exception {
        return client.get("/api/v1/status/buffers?detail=true");
    }

    private static void awaitDrained(BridgeClient client) {
        await().atMost(LIMIT)
                .until(() -> client.get("/api/v1/status/buffers").get("pending").asLong() == 0);
    }

    @Test
    void aFullDiskRefusesPushesAndLosesNoAnswer() throws Exception {
        Path disk = Files.createDirectory(directory.resolve("disk"));
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=24m", "sluice-test", disk.toString()),
                "skipped: mounting a tmpfs is not permitted here");
        try {
            Path ballast = disk.resolve("ballast");
            Files.write(ballast, new byte[8 << 20]);
            var environment = onDatabase(
                    "SLUICE_BUFFER_DIR", disk.resolve("log").toString(), "SLUICE_BUFFER_SEGMENT_BYTES", "1048576");
            var pushes = new Pushes();
            try (var bridge = BridgeProcess.start(directory.resolve("data"), environment)) {
                BridgeClient client = bridge.client();
                pushes.push(client);
                postgres.stop();
                HttpResponse<byte[]> refused = pushes.pushUntilRefused(client);
                assertThat(refused.statusCode())
                        .as(new String(refused.body(), StandardCharsets.UTF_8))
                        .isEqualTo(507);
                for (int i = 0; i < 20; i++) {
                    pushes.push(client);
                }
                assertThat(client.send("GET", "/ready", null).statusCode()).isEqualTo(503);
                assertThat(client.get("/api/v1/status/buffers").get("pending").asInt())
                        .as("what was refused is not pending")
                        .isLessThanOrEqualTo(pushes.answered.size());
                assertThat(detail(client)
                                .at("/lanes/0/log/counters/failedAppends")
                                .asLong())
                        .isPositive();
                assertThat(detail(client).at("/lanes/0/log/failure").asText()).isNotEmpty();

                Files.delete(ballast);
                pushes.awaitAccepted(client);
                pushes.pushUntilRefused(client);
                postgres.restart();
                pushes.awaitAccepted(client);
                awaitDrained(client);
                await().untilAsserted(() -> assertThat(
                                client.send("GET", "/ready", null).statusCode())
                        .isEqualTo(200));
                assertThat(detail(client).at("/lanes/0/log/failure").isNull()).isTrue();
            }
            try (var again = BridgeProcess.start(directory.resolve("data"), environment)) {
                pushes.checkDelivered(again.client());
            }
        } finally {
            assertThat(run("umount", disk.toString())).isTrue();
        }
    }

    @Test
    void aFullLogRefusesPushesUntilTheDatabaseHasTakenSome() throws Exception {
        try (var bridge = BridgeProcess.start(
                directory.resolve("data"),
                onDatabase(
                        "SLUICE_BUFFER_MAX_BYTES",
                        "2097152",
                        "SLUICE_BUFFER_SEGMENT_BYTES",
                        "65536",
                        "SLUICE_HTTP_MAX_BODY_BYTES",
                        "65536",
                        "SLUICE_HTTP_MAX_ITEMS",
                        "100"))) {
            BridgeClient client = bridge.client();
            var pushes = new Pushes();
            pushes.push(client);
            postgres.stop();
            HttpResponse<byte[]> refused = pushes.pushUntilRefused(client);
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(JSON.readTree(refused.body()).get("error").asText())
                    .contains("the buffer is full")
                    .contains("of 2097152 bytes");
            for (int i = 0; i < 20; i++) {
                assertThat(pushes.push(client).statusCode()).isEqualTo(503);
            }
            JsonNode detail = detail(client);
            assertThat(detail.get("full").asBoolean()).isTrue();
            assertThat(detail.at("/lanes/0/log/counters/refusedFull").asLong()).isGreaterThanOrEqualTo(21);
            assertThat(detail.at("/intake/refusedFull").asLong()).isGreaterThanOrEqualTo(21);
            assertThat(detail.at("/lanes/0/drain/state").asText()).isEqualTo("down");
            assertThat(detail.at("/lanes/0/log/oldestUncommittedAgeSeconds").asDouble())
                    .isPositive();
            JsonNode ready = client.get("/ready");
            assertThat(ready.get("reason").asText()).isEqualTo("the local log is full");

            postgres.restart();
            pushes.awaitAccepted(client);
            awaitDrained(client);
            pushes.checkDelivered(client);
            assertThat(detail(client).get("full").asBoolean()).isFalse();
        }
    }

    @Test
    void otherLanesLoseAndReorderNothing() throws Exception {
        Path data = directory.resolve("data");
        var workload = new Workload(50, 90, 4, 5);
        int[] lanes = {1, 4, 2};
        for (int run = 0; run < lanes.length; run++) {
            var environment = onDatabase("SLUICE_BUFFER_LANES", String.valueOf(lanes[run]));
            var bridge = BridgeProcess.start(data, environment);
            if (run == 0) {
                bridge.client().push(List.of(new Item("warm", "p", "t", "1".getBytes(StandardCharsets.UTF_8))));
                postgres.stop();
            }
            workload.push(bridge.client(), Duration.ZERO, 30 * run, 30 * (run + 1));
            assertThat(detail(bridge.client()).get("lanes")).hasSize(run == 0 ? 1 : run == 1 ? 1 + 4 : 1 + 4 + 2);
            if (run == 1) {
                bridge.kill(); // What was answered is on disk, in the middle of whatever it was.
            } else {
                bridge.close();
            }
        }
        assertThat(workload.answeredMessages()).isEqualTo(workload.messages());
        assertThat(workload.statuses()).containsOnlyKeys("buffered");
        postgres.restart();
        try (var bridge = BridgeProcess.start(data, onDatabase("SLUICE_BUFFER_LANES", "2"))) {
            awaitDrained(bridge.client());
            workload.checkDelivered("all", workload.consume(bridge.client(), "all", 4, LIMIT), true);
            assertThat(detail(bridge.client()).get("lanes")).hasSize(2);
        }
        assertThat(data.resolve("log/generation-1.drained")).isDirectory();
        assertThat(data.resolve("log/generation-2.drained")).isDirectory();
    }

    @Test
    void aSecondBridgeIsToldWhoHoldsTheDirectory() throws Exception {
        try (var bridge = BridgeProcess.start(directory.resolve("data"), database)) {
            String first = "process " + bridge.pid();
            assertThat(failingStart(onDatabase("SLUICE_DATA_DIR", directory.resolve("data") + "")))
                    .contains("is in use by " + first)
                    .contains("stop it, or set another data.dir");
            assertThat(failingStart(onDatabase(
                            "SLUICE_DATA_DIR",
                            directory.resolve("other") + "",
                            "SLUICE_BUFFER_DIR",
                            directory.resolve("data/log") + "")))
                    .contains("is in use by " + first + " on ")
                    .contains("or set another data.dir or buffer.dir");
            assertThat(bridge.client().get("/health").get("status").asText()).isEqualTo("healthy");
        }
    }

    private static String failingStart(Map<String, String> environment) throws Exception {
        return tool(1, environment, "up");
    }

    /** Runs a command of the program; returns what it says. */
    private static String tool(int status, Map<String, String> environment, String... words) throws Exception {
        var command = new ArrayList<>(BridgeProcess.program());
        command.addAll(List.of(words));
        var builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("SLUICE_HTTP_PORT", "0");
        builder.environment().put("SLUICE_LOG_LEVEL", "ERROR");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isEqualTo(status);
        return output;
    }

    @Test
    void whatIsExportedFromOneLogAndRequeuedIntoAnotherArrivesOnceThoughItIsKilledOnTheWay() throws Exception {
        Path data = directory.resolve("data");
        var workload = new Workload(50, 100, 4, 6);
        var bridge = BridgeProcess.start(data, database);
        bridge.client().push(List.of(new Item("warm", "p", "t", "1".getBytes(StandardCharsets.UTF_8))));
        postgres.stop();
        workload.push(bridge.client(), Duration.ZERO);
        bridge.kill();
        Path file = directory.resolve("messages.ndjson");
        var first = Map.of("SLUICE_DATA_DIR", data.toString());
        tool(0, first, "buffer", "verify");
        assertThat(tool(0, first, "buffer", "export", "--output", file.toString()))
                .contains(workload.messages() + " messages exported");

        Path other = Files.createDirectories(directory.resolve("other/log"));
        var second = Map.of("SLUICE_DATA_DIR", other.getParent().toString());
        for (long killAfterBytes : new long[] {1 << 18, 1 << 20}) {
            killWhileRequeueing(file, other, second, killAfterBytes);
        }
        tool(0, second, "buffer", "requeue", file.toString());
        postgres.restart();
        try (var again = BridgeProcess.start(other.getParent(), database)) {
            awaitDrained(again.client());
            workload.checkDelivered("all", workload.consume(again.client(), "all", 4, LIMIT), true);
        }
    }

    private static void killWhileRequeueing(Path file, Path log, Map<String, String> environment, long bytes)
            throws Exception {
        var command = new ArrayList<>(BridgeProcess.program());
        command.addAll(List.of("buffer", "requeue", file.toString()));
        var builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        builder.environment().putAll(environment);
        long before = size(log);
        Process process = builder.start();
        while (process.isAlive() && size(log) < before + bytes) {
            Thread.sleep(1);
        }
        process.destroyForcibly().waitFor();
    }

    private static long size(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(file -> file.toString().endsWith(".log"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }
}
