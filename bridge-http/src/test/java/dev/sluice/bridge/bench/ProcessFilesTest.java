package dev.sluice.bridge.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the system tells of processes: on Linux everything, elsewhere nothing. */
class ProcessFilesTest {
    private static final boolean IS_LINUX = Files.isDirectory(Path.of("/proc/self"));

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
        assertThat(ProcessFiles.peakResident(self) >= ProcessFiles.resident(self))
                .isEqualTo(IS_LINUX);
        assertThat(ProcessFiles.written(List.of(self)) >= 0).isEqualTo(IS_LINUX);
        assertThat(ProcessFiles.cpuByThread(self).keySet().stream().anyMatch(name -> name.contains("CompilerThre")))
                .isEqualTo(IS_LINUX);
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
        assertThat(ProcessFiles.written(List.of(none))).isNaN();
        assertThat(ProcessFiles.cpuByThread(none)).isEmpty();
    }
}
