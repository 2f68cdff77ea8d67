package dev.sluice.bridge.api.manage;

import static dev.sluice.bridge.limits.InvalidRequestException.badRequest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.AdminJson;
import dev.sluice.bridge.http.JsonRequest;
import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.queue.QueueOptions;
import java.time.Duration;
import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The options of a queue as JSON: the fifteen of the contract, and three of our own, {@code redeliveryLimit},
 * {@code dedupWindowMs} and {@code itemPriority}.
 *
 * <pre>{@code
 * {"leaseTime": 300, "retryLimit": 3, "retryDelay": 1000, "priority": 0, "maxSize": 0, "ttl": 3600,
 *  "deadLetterQueue": false, "dlqAfterMaxRetries": false, "delayedProcessing": 0, "windowBuffer": 0,
 *  "retentionEnabled": false, "retentionSeconds": 0, "completedRetentionSeconds": 0, "maxWaitTimeSeconds": 0,
 *  "encryptionEnabled": false, "redeliveryLimit": 10, "dedupWindowMs": null,
 *  "itemPriority": false}
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

    private static final Set<String> NAMES = namesOf(write(QueueOptions.DEFAULTS));

    private QueueOptionsJson() {}

    private static Set<String> namesOf(ObjectNode options) {
        var names = new TreeSet<String>();
        options.fieldNames().forEachRemaining(names::add);
        return Collections.unmodifiableSet(names);
    }

    /**
     * Reads options. An absent option or null means the default; unknown options are ignored.
     *
     * @throws InvalidRequestException (400) if one has the wrong type or is out of its range; names it
     */
    static QueueOptions read(JsonRequest json) {
        return merge(json, QueueOptions.DEFAULTS);
    }

    /**
     * Changes options as a merge patch (RFC 7396) does: an absent option stays, null means the default.
     *
     * @throws InvalidRequestException (400) as for {@link #read}
     */
    static QueueOptions merge(JsonRequest json, QueueOptions before) {
        var merged = new Merge(json, before);
        try {
            return before.toBuilder()
                    .leaseTime(merged.seconds("leaseTime", QueueOptions::leaseTime))
                    .retryLimit(merged.count("retryLimit", QueueOptions::retryLimit))
                    .retryDelay(merged.optional("retryDelay", QueueOptions::retryDelay, MAX_MILLIS, Duration::ofMillis))
                    .redeliveryLimit(merged.count("redeliveryLimit", QueueOptions::redeliveryLimit))
                    .priority((int)
                            merged.number("priority", QueueOptions::priority, Integer.MIN_VALUE, Integer.MAX_VALUE))
                    .maxSize(merged.number("maxSize", QueueOptions::maxSize, 0, Long.MAX_VALUE))
                    .ttl(merged.optional("ttl", QueueOptions::ttl, MAX_SECONDS, Duration::ofSeconds))
                    .deadLetterQueue(merged.flag("deadLetterQueue", QueueOptions::deadLetterQueue))
                    .dlqAfterMaxRetries(merged.flag("dlqAfterMaxRetries", QueueOptions::dlqAfterMaxRetries))
                    .delayedProcessing(merged.seconds("delayedProcessing", QueueOptions::delayedProcessing))
                    .windowBuffer(merged.seconds("windowBuffer", QueueOptions::windowBuffer))
                    .retentionEnabled(merged.flag("retentionEnabled", QueueOptions::retentionEnabled))
                    .retention(merged.seconds("retentionSeconds", QueueOptions::retention))
                    .completedRetention(merged.seconds("completedRetentionSeconds", QueueOptions::completedRetention))
                    .maxWaitTime(merged.seconds("maxWaitTimeSeconds", QueueOptions::maxWaitTime))
                    .encryptionEnabled(merged.flag("encryptionEnabled", QueueOptions::encryptionEnabled))
                    .dedupWindow(
                            merged.optional("dedupWindowMs", QueueOptions::dedupWindow, MAX_MILLIS, Duration::ofMillis))
                    .itemPriority(merged.flag("itemPriority", QueueOptions::itemPriority))
                    .build();
        } catch (IllegalArgumentException e) {
            throw badRequest(String.valueOf(e.getMessage()));
        }
    }

    /** Returns the names of all options. */
    static Set<String> names() {
        return NAMES;
    }

    /** The options of a request over those of a queue. */
    private record Merge(JsonRequest json, QueueOptions before) {
        /** Returns the options whose value counts if the request has none. */
        private QueueOptions without(String name) {
            return json.fields().has(name) ? QueueOptions.DEFAULTS : before;
        }

        long number(String name, ToLongFunction<QueueOptions> value, long least, long most) {
            return json.number(name, value.applyAsLong(without(name)), least, most);
        }

        int count(String name, ToLongFunction<QueueOptions> value) {
            return (int) number(name, value, 0, Integer.MAX_VALUE);
        }

        boolean flag(String name, Predicate<QueueOptions> value) {
            return json.flag(name, value.test(without(name)));
        }

        Duration seconds(String name, Function<QueueOptions, Duration> value) {
            return Duration.ofSeconds(
                    number(name, options -> value.apply(options).toSeconds(), 0, MAX_SECONDS));
        }

        @Nullable
        Duration optional(
                String name,
                Function<QueueOptions, @Nullable Duration> value,
                long most,
                LongFunction<Duration> duration) {
            return json.value(name) == null
                    ? value.apply(without(name))
                    : duration.apply(json.number(name, 0, 0, most));
        }
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
                .put("dedupWindowMs", toMillis(options.dedupWindow()))
                .put("itemPriority", options.itemPriority());
    }

    private static @Nullable Long toMillis(@Nullable Duration time) {
        return time == null ? null : (Long) time.toMillis();
    }
}
