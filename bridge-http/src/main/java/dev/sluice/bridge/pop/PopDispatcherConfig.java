package dev.sluice.bridge.pop;

import java.time.Duration;

/**
 * Bounds of a {@link PopDispatcher}.
 *
 * @param threads transactions at a time ({@code pop.threads}), 1 or more
 * @param maxParked requests that may wait ({@code pop.max.parked}), 1 or more
 * @param pollInterval how often the dispatcher looks for messages without having been woken
 *     ({@code pop.poll.interval.ms})
 */
public record PopDispatcherConfig(int threads, int maxParked, Duration pollInterval) {
    public PopDispatcherConfig {
        if (threads < 1) {
            throw new IllegalArgumentException("pop.threads must be at least 1, was " + threads);
        }
        if (maxParked < 1) {
            throw new IllegalArgumentException("pop.max.parked must be at least 1, was " + maxParked);
        }
        if (pollInterval.isNegative() || pollInterval.isZero()) {
            throw new IllegalArgumentException(
                    "pop.poll.interval.ms must be at least 1, was " + pollInterval.toMillis());
        }
    }
}
