package dev.sluice.buffer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The lock between processes, and a process that is killed while it appends. */
class TwoProcessesTest {
    @TempDir
    Path directory;

    /** Opens the log of the first argument and appends for ever; prints each offset once it is durable. */
    static final class Other {
        private Other() {}

        public static void main(String[] arguments) throws Exception {
            var log = SegmentLog.open(SegmentLogConfig.defaults(Path.of(arguments[0])));
            System.out.println("open");
            for (long i = log.nextOffset(); ; i++) {
                log.append(List.of(("record " + i).getBytes(UTF_8)));
                log.sync(i).get();
                System.out.println(i);
            }
        }
    }

    private Process start() throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Other.class.getName(),
                        directory.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    @Test
    void theSecondIsRefusedAndToldWhoHoldsTheLog() throws Exception {
        var process = start();
        try (var output = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
            String line;
            do {
                line = output.readLine();
            } while (line != null && !line.equals("open"));
            assertThatThrownBy(() -> SegmentLog.open(SegmentLogConfig.defaults(directory)))
                    .isInstanceOf(DirectoryLockedException.class)
                    .hasMessageContaining("in use by process " + process.pid() + " on ");
            assertThatThrownBy(() -> LogDirectory.open(directory)).isInstanceOf(DirectoryLockedException.class);
            assertThat(LogDirectory.holder(directory))
                    .hasValueSatisfying(holder -> assertThat(holder).startsWith("process " + process.pid() + " on "));
        } finally {
            process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
        }
        assertThat(LogDirectory.holder(directory)).isEmpty();
    }

    @Test
    void theSameProcessIsRefusedAsWellAndTheLockStaysWithTheFirst() throws Exception {
        var config = SegmentLogConfig.defaults(directory);
        try (var log = SegmentLog.open(config)) {
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> SegmentLog.open(config))
                        .isInstanceOf(DirectoryLockedException.class)
                        .hasMessageContaining(
                                "process " + ProcessHandle.current().pid());
            }
            assertThat(LogDirectory.holder(directory)).isPresent();
            var process = start();
            assertThat(process.waitFor(20, TimeUnit.SECONDS))
                    .as("another process ends by itself")
                    .isTrue();
            assertThat(process.exitValue()).isNotZero();
            log.append(List.of(new byte[1]));
        }
        assertThat(LogDirectory.holder(directory)).isEmpty();
        SegmentLog.open(config).close();
    }

    @Test
    void whatAKilledProcessSaidWasDurableIsThere() throws Exception {
        var random = new Random(5);
        long promised = -1;
        for (int round = 0; round < 3; round++) {
            var process = start();
            try (var output = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
                int lines = 20 + random.nextInt(200);
                for (int i = 0; i < lines; i++) {
                    var line = output.readLine();
                    if (line != null && !line.equals("open")) {
                        promised = Long.parseLong(line);
                    }
                }
                process.toHandle().destroyForcibly(); // Leaves the pipe open, unlike Process#destroyForcibly.
                for (var line = output.readLine(); line != null; line = output.readLine()) {
                    promised = Math.max(promised, Long.parseLong(line)); // A torn line is a smaller number.
                }
            }
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        }
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(directory));
                var reader = log.reader(0)) {
            assertThat(log.epoch()).isEqualTo(4);
            var texts = new ArrayList<String>();
            for (var entries = reader.read(1000, 1 << 20); !entries.isEmpty(); entries = reader.read(1000, 1 << 20)) {
                entries.forEach(
                        entry -> assertThat(new String(entry.payload(), UTF_8)).isEqualTo("record " + entry.offset()));
                texts.addAll(SegmentLogTest.texts(entries));
            }
            assertThat(texts.size()).isGreaterThan((int) promised).isGreaterThan(50);
        }
    }

    @Test
    void onlyTheOwnerMayReadTheFiles() throws Exception {
        var nested = directory.resolve("a/b");
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(nested))) {
            log.append(List.of(new byte[1]));
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(nested)))
                .isEqualTo("rwx------");
        try (var files = Files.list(nested)) {
            for (var file : files.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as(file.toString())
                        .isEqualTo("rw-------");
            }
        }
    }
}
