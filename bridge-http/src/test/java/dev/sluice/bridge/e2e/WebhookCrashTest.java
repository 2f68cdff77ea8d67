package dev.sluice.bridge.e2e;

import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WebhookCrashTest {
    /** Runs a short form of the campaign, which {@link WebhookCrashCampaign} starts with more works and seeds. */
    @Test
    void whatAProcessThatIsKilledHadInFlightIsDeliveredWithTheSameId(@TempDir Path directory) throws Exception {
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            new WebhookCrashCampaign(postgres, directory, 19, 150, 1, 1).run();
        }
    }
}
