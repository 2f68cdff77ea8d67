package dev.sluice.bridge.bench;

import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * Times from when a request should have been sent until its answer was there. If a service stalls, every request that
 * was due during the stall counts with the time that it waited. So the percentiles show what users of the service feel
 * (no coordinated omission).
 */
public final class Latencies {
    private static final long LONGEST_NANOS = TimeUnit.HOURS.toNanos(1);
    private static final int DIGITS = 3;
    private static final double NANOS_A_MILLISECOND = 1e6;

    private final Histogram histogram = new Histogram(LONGEST_NANOS, DIGITS);

    /** Adds a request that was due at {@code dueNanos} and answered at {@code answeredNanos}. */
    void record(long dueNanos, long answeredNanos) {
        histogram.recordValue(Math.max(0, Math.min(LONGEST_NANOS, answeredNanos - dueNanos)));
    }

    /** Adds all times of another one. */
    public void add(Latencies other) {
        histogram.add(other.histogram);
    }

    public void reset() {
        histogram.reset();
    }

    public long count() {
        return histogram.getTotalCount();
    }

    /** Returns the time in milliseconds that {@code percent} of the requests did not exceed; NaN without requests. */
    public double percentile(double percent) {
        return count() == 0 ? Double.NaN : histogram.getValueAtPercentile(percent) / NANOS_A_MILLISECOND;
    }

    /** Sets the percentiles of a result. */
    public void describe(Result result) {
        result.set(Figure.P50, percentile(50))
                .set(Figure.P90, percentile(90))
                .set(Figure.P99, percentile(99))
                .set(Figure.P999, percentile(99.9))
                .set(Figure.MAX, percentile(100));
    }
}
