package dev.sluice.bridge;

import dev.sluice.bridge.outbound.OutboundClient;
import dev.sluice.bridge.outbound.OutboundSettings;
import dev.sluice.bridge.system.StartException;
import dev.sluice.bridge.webhook.SystemTimers;
import dev.sluice.bridge.webhook.WebhookSender;

/** What the process has for webhooks. Costs no thread before the first call. */
final class Webhooks {
    private Webhooks() {}

    static WebhookSender open(OutboundSettings settings, OpenParts parts) throws StartException {
        SystemTimers timers = parts.add(new SystemTimers());
        OutboundClient client = parts.add(new OutboundClient(settings));
        return new WebhookSender(client, timers);
    }
}
