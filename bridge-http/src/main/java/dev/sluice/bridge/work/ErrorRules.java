package dev.sluice.bridge.work;

import dev.sluice.work.RetryPolicy;
import java.util.List;

/**
 * What the configuration of a handler says of errors by their classes, which a plug-in may have.
 *
 * @param retries how works run again; the first that fits counts
 * @param ignored errors that the circuit breaker does not count
 */
public record ErrorRules(List<Retry> retries, List<String> ignored) {
    /** No rules. */
    public static final ErrorRules NONE = new ErrorRules(List.of(), List.of());

    /** How works run again after errors of a class. */
    public record Retry(String error, RetryPolicy policy) {}

    public ErrorRules {
        retries = List.copyOf(retries);
        ignored = List.copyOf(ignored);
    }
}
