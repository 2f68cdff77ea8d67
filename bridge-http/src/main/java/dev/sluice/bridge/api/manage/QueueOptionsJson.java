package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.QueueOptions;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The options of a queue as JSON: the fifteen of the contract, and two of our own, {@code redeliveryLimit} and
 * {@code dedupWindowMs}.
 *
 * <pre>{@code
 * {"leaseTime": 300, "retryLimit": 3, "retryDelay": 1000, "priority": 0, "maxSize": 0, "ttl": 3600,
 *  "deadLetterQueue": false, "dlqAfterMaxRetries": false, "delayedProcessing": 0, "windowBuffer": 0,
 *  "retentionEnabled": false, "retentionSeconds": 0, "completedRetentionSeconds": 0, "maxWaitTimeSeconds": 0,
 *  "encryptionEnabled": false, "redeliveryLimit": 10, "dedupWindowMs": null}
 * }</pre>
 *
 * <p>{@code retryDelay} is in milliseconds, all other times in seconds. If no client has set {@code retryDelay} or
 * {@code ttl}, it is shown with the default of the contract but has no effect: a client that never asked for a delay or
 * a deletion gets none. Once a client has set it, it takes effect.
 */
final class QueueOptionsJson {
    private static final long MAX_SECONDS = QueueOptions.MAX_TIME.toSeconds();
    private static final long MAX_MILLIS = QueueOptions.MAX_TIME.toMillis();
    private static final long SHOWN_RETRY_DELAY_MS = 1000;
    private static final long SHOWN_TTL_S = 3600;

    private QueueOptionsJson() {}

    /**
     * Reads options. An absent option or null means the default; unknown options are ignored.
     *
     * @throws InvalidRequestException (400) if one has the wrong type or is out of its range; names it
     */
    static QueueOptions read(JsonRequest json) {
        QueueOptions defaults = QueueOptions.DEFAULTS;
        try {
            return defaults.toBuilder()
                    .leaseTime(seconds(json, "leaseTime", defaults.leaseTime()))
                    .retryLimit(count(json, "retryLimit", defaults.retryLimit()))
                    .retryDelay(json.value("retryDelay") == null ? null : millis(json, "retryDelay"))
                    .redeliveryLimit(count(json, "redeliveryLimit", defaults.redeliveryLimit()))
                    .priority((int) json.number("priority", defaults.priority(), Integer.MIN_VALUE, Integer.MAX_VALUE))
                    .maxSize(json.number("maxSize", defaults.maxSize(), 0, Long.MAX_VALUE))
                    .ttl(json.value("ttl") == null ? null : seconds(json, "ttl", Duration.ZERO))
                    .deadLetterQueue(json.flag("deadLetterQueue", defaults.deadLetterQueue()))
                    .dlqAfterMaxRetries(json.flag("dlqAfterMaxRetries", defaults.dlqAfterMaxRetries()))
                    .delayedProcessing(seconds(json, "delayedProcessing", defaults.delayedProcessing()))
                    .windowBuffer(seconds(json, "windowBuffer", defaults.windowBuffer()))
                    .retentionEnabled(json.flag("retentionEnabled", defaults.retentionEnabled()))
                    .retention(seconds(json, "retentionSeconds", defaults.retention()))
                    .completedRetention(seconds(json, "completedRetentionSeconds", defaults.completedRetention()))
                    .maxWaitTime(seconds(json, "maxWaitTimeSeconds", defaults.maxWaitTime()))
                    .encryptionEnabled(json.flag("encryptionEnabled", defaults.encryptionEnabled()))
                    .dedupWindow(json.value("dedupWindowMs") == null ? null : millis(json, "dedupWindowMs"))
                    .build();
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    private static int count(JsonRequest json, String name, int byDefault) {
        return (int) json.number(name, byDefault, 0, Integer.MAX_VALUE);
    }

    private static Duration seconds(JsonRequest json, String name, Duration byDefault) {
        return Duration.ofSeconds(json.number(name, byDefault.toSeconds(), 0, MAX_SECONDS));
    }

    private static Duration millis(JsonRequest json, String name) {
        return Duration.ofMillis(json.number(name, 0, 0, MAX_MILLIS));
    }

    /** Writes all options. */
    static ObjectNode write(QueueOptions options) {
        return AdminJson.object()
                .put("leaseTime", options.leaseTime().toSeconds())
                .put("retryLimit", options.retryLimit())
                .put(
                        "retryDelay",
                        options.retryDelay() == null ? (Long) SHOWN_RETRY_DELAY_MS : toMillis(options.retryDelay()))
                .put("priority", options.priority())
                .put("maxSize", options.maxSize())
                .put("ttl", options.ttl() == null ? SHOWN_TTL_S : options.ttl().toSeconds())
                .put("deadLetterQueue", options.deadLetterQueue())
                .put("dlqAfterMaxRetries", options.dlqAfterMaxRetries())
                .put("delayedProcessing", options.delayedProcessing().toSeconds())
                .put("windowBuffer", options.windowBuffer().toSeconds())
                .put("retentionEnabled", options.retentionEnabled())
                .put("retentionSeconds", options.retention().toSeconds())
                .put("completedRetentionSeconds", options.completedRetention().toSeconds())
                .put("maxWaitTimeSeconds", options.maxWaitTime().toSeconds())
                .put("encryptionEnabled", options.encryptionEnabled())
                .put("redeliveryLimit", options.redeliveryLimit())
                .put("dedupWindowMs", toMillis(options.dedupWindow()));
    }

    private static @Nullable Long toMillis(@Nullable Duration time) {
        return time == null ? null : (Long) time.toMillis();
    }
}
