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
            "How long a stop goes on serving while `/ready` answers 503, so that a load balancer sends no more"
                    + " before connections are refused. Behind one: its interval between checks times the failed"
                    + " checks it asks for, and a second more; 0: refuse at once.");
    static final Key<Duration> TIMEOUT = GROUP.millis(
            "shutdown.timeout.ms",
            15_000,
            0,
            HOUR_MS,
            "How long a stop may take to move what is in the local log on to the database. What is left is moved"
                    + " after the next start.");

    static StopSettings of(Values values) {
        return new StopSettings(values.get(GRACE), values.get(TIMEOUT));
    }
}
