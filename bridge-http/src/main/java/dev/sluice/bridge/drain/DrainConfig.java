package dev.sluice.bridge.drain;

import java.time.Duration;
import java.util.Map;

/**
 * Settings of the drain. An instance is always valid.
 *
 * @param task properties of the sink task, such as {@code connection.url}; the drain overwrites the properties that it
 *     sets itself ({@code source.name}, {@code batch.size}, {@code batch.bytes}, {@code linger.ms},
 *     {@code max.retries})
 * @param batchRecords {@code drain.batch.records}: most messages in one transaction, 1 to 1,000,000
 * @param batchBytes {@code drain.batch.bytes}: bytes after which a transaction takes no more, 1 KiB to 1 GiB
 * @param linger {@code drain.linger.ms}: how long a batch that is not full waits for more messages, 0 to 10 s. While
 *     one batch is written the next collects in the log, and a small one waits as {@link AnsweredPushes} says
 * @param restartBackoff {@code drain.restart.backoff.ms}: pause before the drain replaces a failed task, at least 1 ms
 */
public record DrainConfig(
        Map<String, String> task, int batchRecords, long batchBytes, Duration linger, Duration restartBackoff) {

    /** Checks the ranges. */
    public DrainConfig {
        task = Map.copyOf(task);
        check(batchRecords >= 1 && batchRecords <= 1_000_000, "drain.batch.records", "1 to 1000000", batchRecords);
        check(batchBytes >= 1 << 10 && batchBytes <= 1 << 30, "drain.batch.bytes", "1024 to 1073741824", batchBytes);
        check(
                !linger.isNegative() && linger.compareTo(Duration.ofSeconds(10)) <= 0,
                "drain.linger.ms",
                "0 to 10000",
                linger.toMillis());
        check(restartBackoff.toMillis() >= 1, "drain.restart.backoff.ms", "at least 1", restartBackoff.toMillis());
    }

    /** Hides the properties of the task: some are secrets. */
    @Override
    public String toString() {
        return "DrainConfig[batchRecords=" + batchRecords + "]";
    }

    private static void check(boolean good, String key, String range, long was) {
        if (!good) {
            throw new IllegalArgumentException(key + " must be " + range + ", was " + was);
        }
    }
}
