package dev.sluice.bridge.metrics;

import io.prometheus.metrics.core.datapoints.DistributionDataPoint;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** The durations of requests by route and status. Routes are bounded, and so are the series. Any thread may add. */
public final class RequestTimes {
    private static final double[] BOUNDS_SECONDS = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};

    private static final int CLASS_SIZE = 100;
    /** Statuses have three digits. */
    private static final int CLASSES = 10;

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
        point(method, route, status / CLASS_SIZE).observe(tookSeconds);
    }

    private DistributionDataPoint point(String method, String route, int statusClass) {
        return seconds.labelValues(method, route, statusClass + "xx");
    }

    /** Returns the times of one route, which remember where they count. */
    OfRoute of(String method, String route) {
        return new OfRoute(method, route);
    }

    /** The times of one route. Any thread may call. */
    public final class OfRoute {
        private final String method;
        private final String route;
        private final AtomicReferenceArray<DistributionDataPoint> points = new AtomicReferenceArray<>(CLASSES);

        private OfRoute(String method, String route) {
            this.method = method;
            this.route = route;
        }

        /** Adds a request. A class of statuses appears in the histogram with its first request. */
        public void add(int status, double tookSeconds) {
            int statusClass = status / CLASS_SIZE;
            DistributionDataPoint point = points.get(statusClass);
            if (point == null) {
                point = point(method, route, statusClass);
                points.set(statusClass, point);
            }
            point.observe(tookSeconds);
        }
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
