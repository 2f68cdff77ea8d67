package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogDirectoryTest {
    @TempDir
    Path directory;

    @BeforeEach
    void writeALog() throws IOException {
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory))) {
            for (int i = 0; i < 10; i++) {
                log.append(SegmentLogTest.payloads(i, 1));
            }
            log.commit(3);
        }
    }

    private Path segment() {
        return directory.resolve("00000000000000000000.log");
    }

    private void damage() throws IOException {
        var bytes = Files.readAllBytes(segment());
        bytes[64 + 53 + 46] ^= 1;
        Files.write(segment(), bytes);
    }

    private TreeMap<String, String> snapshot() throws IOException {
        try (var files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.endsWith("lock"))
                    .collect(Collectors.toMap(
                            file -> directory.relativize(file).toString(),
                            LogDirectoryTest::hash,
                            (a, b) -> a,
                            TreeMap::new));
        }
    }

    private static String hash(Path file) {
        try {
            return java.util.Arrays.hashCode(Files.readAllBytes(file)) + "/" + Files.size(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void inspectShowsTheContents() throws IOException {
        try (var stopped = LogDirectory.open(directory)) {
            var inspection = stopped.inspect();
            assertThat(inspection.closedCleanly()).isTrue();
            assertThat(inspection.committedOffset()).isEqualTo(3);
            assertThat(inspection.nextOffset()).isEqualTo(10);
            assertThat(inspection.epoch()).isEqualTo(1);
            assertThat(inspection.quarantine()).isEmpty();
            assertThat(inspection.segments()).hasSize(1).first().satisfies(segment -> {
                assertThat(segment.entries()).hasValue(10);
                assertThat(segment.nextOffset()).isEqualTo(10);
                assertThat(segment.bytes()).isEqualTo(inspection.bytes()).isEqualTo(Files.size(segment()));
            });
        }
    }

    @Test
    void verifyReportsAndChangesNothing() throws IOException {
        damage();
        var before = snapshot();
        try (var stopped = LogDirectory.open(directory)) {
            var report = stopped.verify(LogDirectory.Progress.NONE);
            assertThat(report.lostEntries()).isEqualTo(1);
            assertThat(report.findings())
                    .extracting(RecoveryReport.Finding::kind)
                    .containsExactly(RecoveryReport.Kind.DAMAGED_FRAMES);
        }
        assertThat(snapshot()).isEqualTo(before);
    }

    @Test
    void repairKeepsACopyAndTheCleanMark() throws IOException {
        damage();
        try (var stopped = LogDirectory.open(directory)) {
            assertThat(stopped.repair(LogDirectory.Progress.NONE).lostEntries()).isEqualTo(1);
            assertThat(stopped.inspect().quarantine()).hasSize(1);
        }
        Files.write(segment(), new byte[] {1, 2, 3}, java.nio.file.StandardOpenOption.APPEND);
        try (var stopped = LogDirectory.open(directory)) {
            assertThat(stopped.repair(LogDirectory.Progress.NONE).cutBytes()).isEqualTo(3);
            assertThat(stopped.verify(LogDirectory.Progress.NONE).cutBytes()).isZero();
        }
    }

    @Test
    void readsWithoutChangingAnything() throws IOException {
        damage();
        var before = snapshot();
        try (var stopped = LogDirectory.open(directory);
                var reader = stopped.reader(0)) {
            var entries = reader.read(100, 1 << 20);
            assertThat(entries).hasSize(9);
            assertThat(new String(entries.get(0).payload(), UTF_8)).isEqualTo("record 0");
            assertThat(reader.read(100, 1 << 20)).isEmpty();
        }
        assertThat(snapshot()).isEqualTo(before);
    }

    @Test
    void aRunningLogIsRefusedButCanBeOpenedForReading() throws IOException {
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory))) {
            assertThat(log.epoch()).isEqualTo(1);
            assertThatThrownBy(() -> LogDirectory.open(directory)).isInstanceOf(DirectoryLockedException.class);
            var before = snapshot();
            try (var running = LogDirectory.openForReading(directory);
                    var reader = running.reader(5)) {
                assertThat(running.inspect().nextOffset()).isEqualTo(10);
                assertThat(reader.read(100, 1 << 20)).hasSize(5);
                assertThatThrownBy(() -> running.repair(LogDirectory.Progress.NONE))
                        .isInstanceOf(IOException.class);
            }
            assertThat(snapshot()).isEqualTo(before);
        }
    }

    @Test
    void aMissingDirectoryIsNotCreated() {
        var missing = directory.resolve("missing");
        assertThatThrownBy(() -> LogDirectory.open(missing)).isInstanceOf(NoSuchFileException.class);
        assertThat(List.of(missing)).noneMatch(Files::exists);
    }
}
