package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the system tells of processes: on Linux everything, elsewhere nothing. */
class ProcessFilesTest {
    private static final boolean IS_LINUX = Files.isDirectory(Path.of("/proc/self"));

    private static final int PIECE = 1 << 20;
    private static final int PAGE = 4096;
    private static final int PAGES = 32;
    private static final int ATTEMPTS = 5;

    private final long self = ProcessHandle.current().pid();

    @Test
    void tellsOfThisProcess() {
        List<Double> values = List.of(
                ProcessFiles.cpu(self),
                ProcessFiles.cpuOfTree(self),
                ProcessFiles.cpuOfMachine(),
                ProcessFiles.resident(self),
                ProcessFiles.peakResident(self),
                ProcessFiles.proportional(List.of(self)));
        assertThat(values).allMatch(value -> IS_LINUX ? value > 0 : value.isNaN());
        double resident = ProcessFiles.resident(self);
        assertThat(ProcessFiles.peakResident(self) >= resident).isEqualTo(IS_LINUX);
    }

    @Test
    void aTreeHasTheProcessesThatAProcessStarted() throws Exception {
        Process child = new ProcessBuilder("cat").start(); // It reads until its input ends.
        try {
            assertThat(ProcessFiles.tree(self)).startsWith(self);
            assertThat(ProcessFiles.tree(self).contains(child.pid())).isEqualTo(IS_LINUX);
        } finally {
            child.destroyForcibly().waitFor();
        }
        assertThat(ProcessFiles.tree(self)).doesNotContain(child.pid());
    }

    @Test
    void aProcessThatIsGoneIsUnknown() {
        long none = Integer.MAX_VALUE;
        assertThat(ProcessFiles.cpu(none)).isNaN();
        assertThat(ProcessFiles.resident(none)).isNaN();
    }

    @Test
    void aSyncedPageCountsAsThatPageAndNotAsThePieceOfThePageCacheAroundIt(@TempDir Path directory) throws Exception {
        double before = ProcessFiles.written(directory);
        assumeThat(before).as("the directory is on a disk of its own").isNotNaN();
        Path file = Files.write(directory.resolve("large"), new byte[PAGES * PIECE]);
        double large = ProcessFiles.written(directory);
        assertThat(large - before).isGreaterThanOrEqualTo(PAGES * PIECE);
        double least = Double.MAX_VALUE;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) { // Other programs write to the disk too.
            double begin = ProcessFiles.written(directory);
            try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                for (int i = 0; i < PAGES; i++) {
                    channel.write(ByteBuffer.allocate(PAGE), (long) i * PIECE);
                    channel.force(false);
                }
            }
            least = Math.min(least, ProcessFiles.written(directory) - begin);
        }
        assertThat(least).isGreaterThanOrEqualTo(PAGES * PAGE).isLessThan(PAGES * PIECE / 2.0);
    }

    @Test
    void theStatisticsOfADeviceTellWhatItHasWritten() {
        // Reads, merged, sectors, ms; writes, merged, sectors, ms; in flight, ms, weighted ms.
        String statistics = "   11 1 700 5   40 2 96 31   0 20 36 0 0 0 0 3 1\n";
        assertThat(ProcessFiles.deviceWritten(statistics)).isEqualTo(96 * 512);
        assertThat(ProcessFiles.deviceWritten("")).isNaN();
    }

    @Test
    void theNumbersOfADeviceNameIt() {
        assertThat(ProcessFiles.name(0xfe00)).isEqualTo("254:0");
        assertThat(ProcessFiles.name(0x10303)).isEqualTo("259:3");
        assertThat(ProcessFiles.name(0x100011138870L)).isEqualTo("5000:70000");
    }
}
