package dev.sluice.bridge.bench.growth;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.bench.Figure;
import dev.sluice.bridge.bench.OwnBridge;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The curves as a whole, with loads so small that their figures mean nothing. */
class GrowthCommandTest {
    private static final boolean IS_LINUX = Files.isDirectory(Path.of("/proc/self"));

    @TempDir
    Path directory;

    private String run(int status, String... words) {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        int exit = GrowthCommand.run(List.of(words), stream, stream);
        String text = out.toString(StandardCharsets.UTF_8);
        assertThat(exit).as(text).isEqualTo(status);
        return text;
    }

    private List<Point> measure(String growth, String at) throws Exception {
        Path work = Files.createDirectories(directory.resolve("work"));
        Path json = directory.resolve(growth + ".json");
        run(
                0,
                "--growth",
                growth,
                "--at",
                at,
                "--secs",
                "0.3",
                "--warmup",
                "0.2",
                "--dir",
                work.toString(),
                "--json",
                json.toString(),
                "--pictures",
                directory.resolve("pictures").toString());
        try (Stream<Path> left = Files.list(work)) {
            assertThat(left).as("temporary directories").isEmpty();
        }
        return GrowthFile.read(List.of(json), Set.of(Growth.values())).points();
    }

    private void assertMeasured(List<Point> points, String... names) {
        assertThat(points)
                .extracting(point -> point.at() + " " + point.result().path())
                .containsExactlyInAnyOrder(names);
        for (Point point : points) {
            assertThat(point.result().get(Figure.RATE)).isPositive();
            assertThat(point.result().get(Figure.P99)).isPositive();
            assertThat(point.result().get(Figure.FAILED)).isZero();
            assertThat(point.result().get(Figure.CPU_POSTGRES) >= 0).isEqualTo(IS_LINUX);
        }
    }

    @Test
    void aCurveOfPartitionsHasEveryLoadAtEveryPointAndPictures() throws Exception {
        assertMeasured(
                measure("partitions", "1,3"),
                "1 push-100",
                "1 push-1",
                "1 pop-ack",
                "3 push-100",
                "3 push-1",
                "3 pop-ack");
        assertThat(directory.resolve("pictures").resolve("growth-partitions-rate.svg"))
                .content()
                .contains("push-100", "pop-ack", "partitions");
    }

    @Test
    void aCurveOfGroupsPopsForEachOfThem() throws Exception {
        assertMeasured(measure("groups", "2"), "2 push-100", "2 push-1", "2 pop-ack");
    }

    @Test
    void aCurveOfPayloadsHasPayloadsOfThatSize() throws Exception {
        List<Point> points = measure("payloads", "20000");
        assertMeasured(points, "20000 push-10", "20000 push-1", "20000 pop-ack");
        assertThat(points.get(0).result().get(Figure.WAL_BYTES)).isPositive();
    }

    @Test
    void aCurveOfMessagesFillsAQueueBetweenItsPoints() throws Exception {
        assertMeasured(
                measure("messages", "500,2000"),
                "500 fill",
                "500 push-100",
                "500 push-1",
                "500 pop-ack",
                "2000 fill",
                "2000 push-100",
                "2000 push-1",
                "2000 pop-ack");
    }

    @Test
    void aSoakSamplesRatesMemoryFilesAndTheDatabase() throws Exception {
        var samples = new ArrayList<Sample>();
        GrowthOptions options = GrowthOptions.parse(List.of(
                "--growth",
                "soak",
                "--rate",
                "200",
                "--every",
                "0.4",
                "--dir",
                directory.resolve("work").toString()));
        try (var bridge = GrowthBridge.start(new OwnBridge.Program(null, null), options)) {
            new Soak(bridge, options, samples::add).run(Duration.ofSeconds(6));
        }
        assertThat(samples).isNotEmpty();
        Sample last = samples.get(samples.size() - 1);
        assertThat(last.seconds()).isBetween(0.4, 60.0);
        for (Gauge gauge : Gauge.values()) {
            boolean isOfLinux = Set.of(Gauge.RESIDENT, Gauge.POSTGRES, Gauge.THREADS, Gauge.OPEN_FILES)
                    .contains(gauge);
            assertThat(last.get(gauge)).as(gauge.key()).matches(value -> value >= 0 || (isOfLinux && !IS_LINUX));
        }
        assertThat(last.get(Gauge.FAILED)).isZero();
        assertThat(samples).anyMatch(sample -> sample.get(Gauge.PUSHED) > 0);
        assertThat(samples).anyMatch(sample -> sample.get(Gauge.DELIVERED) > 0);
        Path json = directory.resolve("soak.json");
        new GrowthFile(Map.of("cores", "2"), List.of(), samples).write(json);
        Path pictures = directory.resolve("pictures");
        run(0, "--growth", "soak", "--from", json.toString(), "--pictures", pictures.toString());
        assertThat(pictures.resolve("soak-memory.svg")).content().contains("RSS");
        assertThat(pictures.resolve("soak-rows.svg")).content().contains("dead rows");
    }

    @Test
    void aFileThatHasNoCurvesIsNamed() throws Exception {
        Path file = Files.writeString(directory.resolve("x.json"), "{\"format\":1}");
        assertThat(run(1, "--growth", "groups", "--from", file.toString()))
                .contains("x.json is no file of curves of format growth-1");
        assertThat(run(2, "--growth", "up")).contains("--growth must be one or more of");
        assertThat(run(0, "--growth", "--help")).contains("--pictures DIR");
    }
}
