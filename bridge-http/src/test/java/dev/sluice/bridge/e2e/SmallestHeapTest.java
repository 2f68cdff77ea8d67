package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link SmallestHeap}. */
class SmallestHeapTest {
    private static final Duration TIME = Duration.ofSeconds(10);

    @Test
    void isEnoughForTheWorstRequests(@TempDir Path directory) throws Exception {
        SmallestHeap.Result result = SmallestHeap.run(directory, TIME, 1, WorstRequests.ALL);
        assertThat(result.faults()).as("%s", result.answers()).isEmpty();
        assertThat(result.requests()).isPositive();
    }
}
