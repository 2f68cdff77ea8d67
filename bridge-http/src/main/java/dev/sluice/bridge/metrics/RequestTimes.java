package dev.sluice.bridge.metrics;

import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;

/** The durations of requests by route and status. Routes are bounded, and so are the series. Any thread may add. */
final class RequestTimes {
    private static final double[] BOUNDS_SECONDS = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};

    private static final int CLASS_SIZE = 100;

    private final Histogram seconds = Histogram.builder()
            .name("sluice_http_request_duration_seconds")
            .help("Time from a request to the end of its answer, waiting included.")
            .labelNames("method", "route", "status")
            .classicOnly()
            .classicUpperBounds(BOUNDS_SECONDS)
            .withoutExemplars()
            .build();

    /**
     * Adds a request.
     *
     * @param route the pattern of its path
     * @param status its HTTP status
     */
    void add(String method, String route, int status, double tookSeconds) {
        seconds.labelValues(method, route, status / CLASS_SIZE + "xx").observe(tookSeconds);
    }

    /** Returns the number of requests. */
    long count() {
        return collect().getDataPoints().stream()
                .mapToLong(HistogramSnapshot.HistogramDataPointSnapshot::getCount)
                .sum();
    }

    /** Returns the histogram of all requests. */
    HistogramSnapshot collect() {
        return seconds.collect();
    }
}
