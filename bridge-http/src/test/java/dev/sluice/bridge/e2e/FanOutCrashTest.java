package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bridges that are killed while they copy neither lose nor double a message. {@link FanOutCrashCampaign} goes on. */
class FanOutCrashTest {
    @Test
    void bridgesThatAreKilledCopyEachMessageToEachEndpointOnce(@TempDir Path directory) throws Exception {
        FanOutCrashCampaign.Result result = FanOutCrashCampaign.run(1, 2, directory);
        assertThat(result.problems()).isEmpty();
        assertThat(result.pushed()).isPositive();
    }
}
