package dev.sluice.bridge.notice;

import java.time.Duration;

/**
 * Thresholds of notices.
 *
 * @param schema the schema of the queue
 * @param deadLetters most dead letters of a queue without a notice; 0: no notices of them
 * @param backlog the age of the oldest message that a group has not read without a notice; zero: no notices of it
 * @param breakers whether circuit breakers that open are told
 * @param interval time between two checks, by all bridges together
 */
public record NoticeConfig(String schema, int deadLetters, Duration backlog, boolean breakers, Duration interval) {
    /** Those of the documentation. */
    public static final NoticeConfig DEFAULT =
            new NoticeConfig("sluice", 100, Duration.ofHours(1), true, Duration.ofMinutes(1));
}
