package dev.sluice.connect.plugin;

import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.stats.Avg;
import org.apache.kafka.common.metrics.stats.Max;

/** The mean and the largest of the values of the last minute, as Kafka computes them. Any thread may use it. */
public final class RecentValues {
    /** Two windows of 30 seconds, as for the metrics of Kafka's clients. */
    private final MetricConfig config = new MetricConfig();

    private final Avg average = new Avg();
    private final Max largest = new Max();

    /** Adds a value. */
    public synchronized void add(double value) {
        long now = nowMillis();
        average.record(config, value, now);
        largest.record(config, value, now);
    }

    /** Returns the mean; 0 if there is no value. */
    public synchronized double average() {
        return number(average.measure(config, nowMillis()));
    }

    /** Returns the largest value; 0 if there is none. */
    public synchronized double largest() {
        return number(largest.measure(config, nowMillis()));
    }

    private static double number(double value) {
        return Double.isFinite(value) ? value : 0;
    }

    private static long nowMillis() {
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime());
    }
}
