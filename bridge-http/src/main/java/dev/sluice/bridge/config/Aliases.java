package dev.sluice.bridge.config;

import java.util.List;
import java.util.function.UnaryOperator;

/** Variables of another service that set keys of ours. */
final class Aliases {
    /** The value of {@code compat} with which they are read. */
    static final String WORK_BUFFER = "workbuffer";

    /**
     * A variable, and the key that it sets.
     *
     * @param value turns the value of the variable into the one of the key
     */
    record Alias(String variable, String key, UnaryOperator<String> value) {}

    static final List<Alias> ALL = List.of(
            new Alias("BUFFER_CONCURRENCY", "work.concurrency", UnaryOperator.identity()),
            new Alias("BUFFER_MAX_RETRIES", "work.defaults.retry.max.attempts", Aliases::oneMore),
            new Alias("BUFFER_MAX_QUEUE_SIZE", "work.max.queue.size", UnaryOperator.identity()),
            new Alias("BUFFER_MESSAGE_TIMEOUT_MS", "work.defaults.timeout.ms", UnaryOperator.identity()),
            new Alias("BUFFER_CIRCUIT_BREAKER_THRESHOLD", "work.defaults.breaker.threshold", UnaryOperator.identity()),
            new Alias("BUFFER_METRICS_ENABLED", "work.metrics.enabled", UnaryOperator.identity()));

    private Aliases() {}

    /** The first attempt is no retry. What is no number stays as it is, and its key refuses it. */
    private static String oneMore(String retries) {
        try {
            return String.valueOf(Math.addExact(Integer.parseInt(retries.strip()), 1));
        } catch (NumberFormatException | ArithmeticException e) {
            return retries;
        }
    }
}
