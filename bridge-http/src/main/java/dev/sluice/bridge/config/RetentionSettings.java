package dev.sluice.bridge.config;

import java.time.Duration;

/**
 * Settings of the job that deletes expired data.
 *
 * @param interval time between two runs, {@code retention.interval.ms}
 * @param idlePartitions time without a push after which an empty partition is deleted; zero keeps all,
 *     {@code retention.partition.idle.days}
 * @param deadLetters time after which a dead letter is deleted; zero keeps all, {@code retention.dead.letter.days}
 * @param deadLetterJobs time for which a job on dead letters is kept after its end,
 *     {@code retention.dead.letter.job.days}
 * @param metricsDays days for which counts by minute and traces are kept, {@code metrics.retention.days}
 */
public record RetentionSettings(
        Duration interval, Duration idlePartitions, Duration deadLetters, Duration deadLetterJobs, int metricsDays) {
    static RetentionSettings of(Values values) {
        return new RetentionSettings(
                values.get(PopSettings.RETENTION_INTERVAL),
                Duration.ofDays(values.get(PopSettings.RETENTION_IDLE_DAYS)),
                Duration.ofDays(values.get(PopSettings.RETENTION_DEAD_LETTER_DAYS)),
                Duration.ofDays(values.get(PopSettings.RETENTION_DEAD_LETTER_JOB_DAYS)),
                values.get(MetricsSettings.RETENTION_DAYS));
    }
}
