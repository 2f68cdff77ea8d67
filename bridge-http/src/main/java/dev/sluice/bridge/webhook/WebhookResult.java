package dev.sluice.bridge.webhook;

import dev.sluice.bridge.json.JsonOutput;

/** The result of a work that was delivered, for those who wait for it: the status and the beginning of the answer. */
final class WebhookResult {
    private static final int USUAL_BYTES = 100;

    private WebhookResult() {}

    static String of(Attempt attempt) {
        return new JsonOutput(USUAL_BYTES + attempt.snippet().length())
                .object()
                .field("status", attempt.status())
                .field("answer", attempt.snippet())
                .endObject()
                .toString();
    }
}
