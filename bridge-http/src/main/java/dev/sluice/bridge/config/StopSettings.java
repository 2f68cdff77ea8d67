package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import java.time.Duration;

/**
 * Settings of a stop.
 *
 * @param grace how long the service still serves while {@code /ready} answers 503, {@code shutdown.grace.ms}
 * @param timeout how long the stop may drain the local log, {@code shutdown.timeout.ms}
 */
public record StopSettings(Duration grace, Duration timeout) {
    static final KeyGroup GROUP = new KeyGroup("Stop");

    static final Key<Duration> GRACE = GROUP.millis(
            "shutdown.grace.ms",
            0,
            0,
            HOUR_MS,
            "The time in ms that a stopping service still serves while `/ready` answers 503, so that a load balancer"
                    + " sends no more requests before the service refuses connections. Behind a load balancer, set"
                    + " its check interval times the number of failed checks that it requires, plus one second. If 0,"
                    + " the service refuses connections at once.");
    static final Key<Duration> TIMEOUT = GROUP.millis(
            "shutdown.timeout.ms",
            15_000,
            0,
            HOUR_MS,
            "The time in ms that a stop may take to move messages from the local log to the database. The service"
                    + " moves the rest after the next start.");

    static StopSettings of(Values values) {
        return new StopSettings(values.get(GRACE), values.get(TIMEOUT));
    }
}
