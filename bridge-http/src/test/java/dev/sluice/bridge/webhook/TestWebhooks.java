package dev.sluice.bridge.webhook;

import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.system.StartException;

/** A sender for tests that send nothing. It has no thread. */
public final class TestWebhooks {
    private TestWebhooks() {}

    public static WebhookSender idle() {
        try {
            return new WebhookSender(new OutboundClient(OutboundSettings.DEFAULT), new SystemTimers());
        } catch (StartException e) {
            throw new IllegalStateException(e);
        }
    }
}
