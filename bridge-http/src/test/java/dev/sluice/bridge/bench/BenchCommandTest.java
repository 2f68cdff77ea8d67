package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.bench.stages.Stage;
import dev.sluice.queue.TestPostgres;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command as a whole, with a load so small that its figures mean nothing. */
class BenchCommandTest {
    private static final boolean IS_LINUX = Files.isDirectory(Path.of("/proc/self"));

    @TempDir
    Path directory;

    private String run(int status, String... words) {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        int exit = BenchCommand.run(List.of(words), stream, stream);
        String text = out.toString(StandardCharsets.UTF_8);
        assertThat(exit).as(text).isEqualTo(status);
        return text;
    }

    @Test
    void everyScenarioIsMeasuredOnABridgeOfItsOwnThatIsGoneAfterwards() throws Exception {
        Path work = Files.createDirectory(directory.resolve("work"));
        Path json = directory.resolve("a.json");
        Path guard = directory.resolve("guard.json");
        String text = run(
                0,
                "--secs",
                "0.2",
                "--warmup",
                "0.1",
                "--dir",
                work.toString(),
                "--json",
                json.toString(),
                "--record",
                "--guard-file",
                guard.toString());
        assertThat(text).contains("times its floor").contains("recorded in");
        Results results = Results.read(json);
        assertThat(results.results())
                .extracting(Result::path)
                .containsExactly(
                        "start-new",
                        "start",
                        "cold",
                        "push-1",
                        "push-100",
                        "push-100-one",
                        "pop-auto",
                        "pop-ack",
                        "pop-ack ack",
                        "pop-ack-one",
                        "pop-ack-one ack",
                        "idle push",
                        "idle pop",
                        "idle ack",
                        "idle commit",
                        "relay push",
                        "relay delivery",
                        "relay ack",
                        "relay-one push",
                        "relay-one delivery",
                        "relay-one ack",
                        "memory",
                        "floor bare-post",
                        "floor append",
                        "floor select-1",
                        "floor commit",
                        "floor copy");
        boolean hasDisk = !Double.isNaN(ProcessFiles.written(work));
        for (String path : List.of("cold", "push-1", "push-100-one", "pop-auto", "pop-ack", "relay delivery")) {
            Result result = results.of(path).orElseThrow();
            assertThat(result.get(Figure.RATE)).as(path).isPositive();
            assertThat(result.get(Figure.P99)).as(path).isPositive();
            assertThat(result.get(Figure.FAILED)).as(path).isZero();
            assertThat(result.get(Figure.ALLOCATED)).as(path).isPositive();
            assertThat(result.get(Figure.WAL_BYTES)).as(path).isNotNegative();
            assertThat(result.get(Figure.LOG_SYNCS)).as(path).isNotNegative();
            assertThat(result.get(Figure.RESIDENT) > 0).as(path).isEqualTo(IS_LINUX);
            assertThat(result.get(Figure.DISK_BYTES) >= 0).as(path).isEqualTo(hasDisk);
            assertThat(result.get(Figure.CPU_SERVER) > 0).as(path).isEqualTo(IS_LINUX);
        }
        assertThat(results.of("push-100").orElseThrow().get(Figure.WAL_BYTES)).isGreaterThan(200);
        for (String path : List.of("start", "idle push", "idle pop", "idle ack", "cold")) {
            assertThat(results.of(path).orElseThrow().guarded()).as(path).isPresent();
        }
        assertThat(Guard.read(guard).check(results, true).isFine()).isTrue();
        try (Stream<Path> left = Files.list(work)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void theStartCanBeMeasuredAlone() throws Exception {
        Path json = directory.resolve("start.json");
        String work = directory.toString();
        run(
                0,
                "--scenario",
                "start,cold",
                "--secs",
                "0.2",
                "--warmup",
                "0.1",
                "--dir",
                work,
                "--json",
                json.toString());
        assertThat(Results.read(json).results())
                .extracting(Result::path)
                .containsExactly(
                        "start-new", "start", "cold", "floor append", "floor select-1", "floor commit", "floor copy");
    }

    @Test
    void ofABridgeThatRunsOnlyItsAnswersAreKnown() throws Exception {
        Path json = directory.resolve("a.json");
        try (var postgres = TestPostgres.empty();
                var bridge = RunningBridge.start(postgres.url(), directory.resolve("data"))) {
            String text = run(
                    0,
                    "--url",
                    "http://127.0.0.1:" + bridge.port(),
                    "--scenario",
                    "push-100,pop-ack,memory",
                    "--rate",
                    "50%",
                    "--secs",
                    "0.2",
                    "--warmup",
                    "0.1",
                    "--json",
                    json.toString());
            assertThat(text).contains("?");
            assertThat(bridge.get("/api/v1/resources/queues").body()).doesNotContain("bench-");
        }
        Result push = Results.read(json).of("push-100").orElseThrow();
        assertThat(push.get(Figure.RATE)).isPositive();
        assertThat(push.get(Figure.LOG_SYNCS)).isNotNegative();
        assertThat(push.get(Figure.CPU_SERVER)).isNaN();
        assertThat(push.get(Figure.WAL_BYTES)).isNaN();
        assertThat(push.get(Figure.ALLOCATED)).isNaN();
        assertThat(push.guarded()).isEmpty();
        assertThat(Results.read(json).results())
                .extracting(Result::path)
                .startsWith(
                        "push-100",
                        "push-100@50%",
                        "pop-ack",
                        "pop-ack ack",
                        "pop-ack@50%",
                        "pop-ack@50% ack",
                        "memory");
    }

    @Test
    void theDatabaseOfABridgeThatRunsCanBeNamed() throws Exception {
        Path json = directory.resolve("a.json");
        try (var postgres = TestPostgres.empty();
                var bridge = RunningBridge.start(postgres.url(), directory.resolve("data"))) {
            String self = String.valueOf(ProcessHandle.current().pid());
            run(
                    0,
                    "--url",
                    "http://127.0.0.1:" + bridge.port(),
                    "--database",
                    postgres.url() + (postgres.url().contains("?") ? "&" : "?") + "user=postgres",
                    "--pid",
                    self,
                    "--scenario",
                    "push-1,idle",
                    "--secs",
                    "0.2",
                    "--warmup",
                    "0.1",
                    "--json",
                    json.toString());
        }
        Results results = Results.read(json);
        assertThat(results.of("push-1").orElseThrow().get(Figure.WAL_BYTES)).isPositive();
        assertThat(results.of("push-1").orElseThrow().get(Figure.CPU_SERVER) > 0)
                .isEqualTo(IS_LINUX);
        assertThat(results.of("idle push").orElseThrow().guarded()).isPresent();
        assertThat(results.of("floor copy").orElseThrow().get(Figure.RATE)).isPositive();
    }

    @Test
    void theStagesAddUpToTheProcessorTimeOfTheBridge() throws Exception {
        Path json = directory.resolve("a.json");
        String text = run(
                0,
                "--stages",
                "--secs",
                "2",
                "--warmup",
                "0.5",
                "--dir",
                directory.toString(),
                "--json",
                json.toString());
        assertThat(text).contains("The bridge's µs a message by stage");
        Results results = Results.read(json);
        for (String path : List.of("push-1", "pop-ack")) {
            Result result = results.of(path).orElseThrow();
            double sum = result.stages().values().stream()
                    .mapToDouble(Double::doubleValue)
                    .sum();
            if (IS_LINUX) {
                assertThat(sum).as(path).isCloseTo(result.get(Figure.CPU_SERVER), Offset.offset(0.01));
            }
            double unknown = result.stages().getOrDefault(Stage.UNKNOWN.title(), 0.0);
            assertThat(unknown).as(path + result.stages()).isLessThanOrEqualTo(0.1 * sum);
        }
        assertThat(results.of("push-1").orElseThrow().stages())
                .containsKeys(Stage.READ.title(), Stage.LOG.title(), Stage.FLUSH.title(), Stage.ANSWER.title());
        assertThat(results.of("pop-ack").orElseThrow().stages())
                .containsKeys(Stage.CLAIM.title(), Stage.ANSWER.title());
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).containsExactly(json);
        }
    }

    @Test
    void saysThatNoBridgeAnswers() {
        assertThat(run(1, "--url", "http://127.0.0.1:1", "--secs", "0.1", "--warmup", "0.1"))
                .contains("sluice: no bridge answers on 127.0.0.1:1");
    }
}
