package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Bridges that are killed at any time fire each tick of their schedules once. {@link ScheduleCrashCampaign} goes on.
 */
class ScheduleCrashTest {
    @Test
    void bridgesThatAreKilledFireEachTickOnce(@TempDir Path directory) throws Exception {
        ScheduleCrashCampaign.Result result = ScheduleCrashCampaign.run(1, 2, directory);
        assertThat(result.problems()).isEmpty();
        assertThat(result.fired()).isGreaterThan(100);
    }
}
