package dev.sluice.buffer;

import static dev.sluice.buffer.PositionIntervals.withPositionInterval;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real full file system: a tmpfs of 8 MiB. Runs where mounting is permitted (Linux, as root). {@link FaultsTest}
 * covers the same on a simulated disk and runs everywhere.
 */
class FullDiskTest {
    @TempDir
    Path directory;

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

    @Test
    void nothingAcknowledgedIsLostAndTheLogGoesOnWhenThereIsSpaceAgain() throws Exception {
        assumeTrue(
                run("mount", "-t", "tmpfs", "-o", "size=8m", "sluice-test", directory.toString()),
                "skipped: mounting a tmpfs is not permitted here");
        try {
            fillAndRecover();
        } finally {
            assertThat(run("umount", directory.toString())).isTrue();
        }
    }

    private void fillAndRecover() throws Exception {
        var config = withPositionInterval(
                SegmentLogConfig.defaults(directory.resolve("log"))
                        .withLimits(64 << 10, 128 << 10, 1 << 20)
                        .withSizes(1 << 20, 1 << 30),
                Duration.ofMillis(5));
        var acknowledged = new ArrayList<Long>();
        long committed;
        try (var log = SegmentLog.open(config)) {
            assertThat(fill(log, acknowledged)).isInstanceOf(DiskFullException.class);
            assertThat(log.status().failure()).isPresent();
            assertThatThrownBy(() -> log.sync(log.nextOffset() - 1).get())
                    .as("a later caller learns the reason too")
                    .hasRootCauseInstanceOf(IOException.class)
                    .cause()
                    .hasCauseInstanceOf(DiskFullException.class);
            assertThat(acknowledged).hasSizeGreaterThan(1000);
            try (var reader = log.reader(0)) {
                while (reader.position() < acknowledged.size() / 2) {
                    assertThat(reader.read(100, 1 << 20)).isNotEmpty();
                }
                committed = reader.position();
            }
            int segments = log.status().segments();
            log.commit(committed);
            var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (log.status().segments() >= segments && System.nanoTime() < deadline) {
                Thread.sleep(2);
            }
            assertThat(log.status().segments())
                    .as("the reserve let the position move")
                    .isLessThan(segments);
            assertThat(appendOne(log)).as("there is space again").isNotNegative();
            acknowledged.add(log.nextOffset() - 1);
            assertThat(log.status().counters().failedAppends()).isPositive();
        }
        try (var log = SegmentLog.open(config);
                var reader = log.reader(committed)) {
            assertThat(log.recovery().findings()).isEmpty();
            assertThat(log.committedOffset()).isEqualTo(committed);
            var found = new ArrayList<Long>();
            for (var entries = reader.read(100, 1 << 20); !entries.isEmpty(); entries = reader.read(100, 1 << 20)) {
                entries.forEach(entry -> found.add(entry.offset()));
            }
            acknowledged.removeIf(offset -> offset < committed);
            assertThat(found).containsSubsequence(acknowledged);
        }
    }

    private static Throwable fill(SegmentLog log, List<Long> acknowledged) throws InterruptedException {
        while (true) {
            try {
                acknowledged.add(appendOne(log));
            } catch (ExecutionException e) {
                return e.getCause();
            }
        }
    }

    private static long appendOne(SegmentLog log) throws ExecutionException, InterruptedException {
        var appended =
                (AppendResult.Appended) log.append(List.of("x".repeat(4000).getBytes(UTF_8)));
        appended.written().get();
        log.sync(appended.lastOffset()).get();
        return appended.lastOffset();
    }
}
