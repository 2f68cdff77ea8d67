package dev.sluice.bridge.api.work;

import dev.sluice.bridge.json.JsonOutput;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.WorkLimits;
import java.time.Duration;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Writes the settings of handlers as JSON. */
final class HandlerJson {
    private HandlerJson() {}

    /** Adds the settings of a handler, or null. */
    static void handler(JsonOutput out, @Nullable HandlerSettings handler) {
        if (handler == null) {
            out.name("handler").raw("null");
            return;
        }
        out.object("handler")
                .field("concurrency", handler.concurrency())
                .field("timeoutMs", handler.timeout().toMillis())
                .field("maxAttempts", handler.retry().maxAttempts());
        retry(out, handler.retry());
        out.field("maxCrashes", handler.maxCrashes())
                .field("deferRetries", handler.defersRetries())
                .name("maxAgeMs")
                .raw(millis(handler.maxAge()))
                .field("keepResults", handler.keepsResults())
                .field("idempotencyWindowMs", handler.idempotencyWindow().toMillis());
        limits(out, handler.limits());
        breaker(out, handler.breaker());
        out.endObject();
    }

    private static void retry(JsonOutput out, RetryPolicy retry) {
        out.object("retry")
                .field("backoffMs", retry.first().toMillis())
                .field("backoffMaxMs", retry.longest().toMillis())
                .name("jitter")
                .raw(Double.toString(retry.jitter()));
        waits(out, retry).array("rules");
        for (RetryPolicy.Rule rule : retry.rules()) {
            out.object()
                    .field("error", rule.error().getName())
                    .field("maxAttempts", rule.policy().maxAttempts());
            waits(out, rule.policy()).endObject();
        }
        out.endArray().endObject();
    }

    private static JsonOutput waits(JsonOutput out, RetryPolicy retry) {
        String waits = retry.waits().stream()
                .map(wait -> Long.toString(wait.toMillis()))
                .collect(Collectors.joining(",", "[", "]"));
        return out.name("waitsMs").raw(waits);
    }

    /** Adds limits. A limit that bounds nothing is null. */
    static void limits(JsonOutput out, WorkLimits limits) {
        out.object("limits").field("key", limits.key());
        limit(out, "type", limits.ofType());
        limit(out, "eachKey", limits.ofEachKey());
        out.endObject();
    }

    private static void limit(JsonOutput out, String name, Limit limit) {
        if (limit.equals(Limit.NONE)) {
            out.name(name).raw("null");
            return;
        }
        out.object(name)
                .field("concurrency", limit.concurrency())
                .field("rate", limit.rate())
                .field("periodMs", limit.period().toMillis())
                .field("burst", limit.burst())
                .field("weight", limit.weight())
                .endObject();
    }

    private static void breaker(JsonOutput out, @Nullable BreakerSettings breaker) {
        if (breaker == null) {
            out.name("breaker").raw("null");
            return;
        }
        out.object("breaker")
                .field("failureRate", breaker.failureRate())
                .field("window", breaker.window())
                .field("minimumCalls", breaker.minimumCalls())
                .field("slowRate", breaker.slowRate())
                .name("slowerThanMs")
                .raw(millis(breaker.slowerThan()))
                .field("openMs", breaker.openFor().toMillis())
                .field("halfOpenCalls", breaker.halfOpenCalls())
                .field(
                        "ignored",
                        breaker.ignored().stream().map(Class::getName).sorted().toList())
                .endObject();
    }

    private static String millis(@Nullable Duration time) {
        return time == null ? "null" : Long.toString(time.toMillis());
    }
}
