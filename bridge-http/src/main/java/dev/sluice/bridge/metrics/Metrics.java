package dev.sluice.bridge.metrics;

import dev.sluice.queue.view.QueueStatus;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import java.util.List;
import java.util.function.Supplier;

/** All counters of this process. Any thread may ask. */
public final class Metrics {
    private final Counters counters;
    private final RequestTimes requests = new RequestTimes();
    private final ProcessUsage process;
    private final LastMinute lastMinute = new LastMinute();
    private final LeaseExtensions leaseExtensions = new LeaseExtensions();
    private final SubscriptionCounts subscriptions = new SubscriptionCounts();
    private final WorkMetrics work;
    private volatile List<QueueStatus> queues = List.of();
    private volatile Supplier<EndpointCounts> endpoints = () -> EndpointCounts.NONE;
    private volatile Supplier<ScheduleCounts> schedules = () -> ScheduleCounts.NONE;

    /**
     * Makes counters that start at zero.
     *
     * @param maxQueues queues counted by name ({@code metrics.max.queues})
     * @param process measures the process
     * @param work counts works
     */
    public Metrics(int maxQueues, ProcessUsage process, WorkMetrics work) {
        this.work = work;
        this.counters = new Counters(maxQueues);
        this.process = process;
    }

    /** Returns the counters by queue. */
    public Counters counters() {
        return counters;
    }

    /** Returns the counts of requests to extend leases. */
    public LeaseExtensions leaseExtensions() {
        return leaseExtensions;
    }

    /** Returns the counts of subscribers of queues. */
    public SubscriptionCounts subscriptions() {
        return subscriptions;
    }

    /** Returns the counts of works. */
    public WorkMetrics work() {
        return work;
    }

    /** Sets what counts endpoints. */
    public void endpoints(Supplier<EndpointCounts> counts) {
        endpoints = counts;
    }

    /** Returns the counts of endpoints. */
    public EndpointCounts endpoints() {
        return endpoints.get();
    }

    /** Sets what counts schedules. */
    public void schedules(Supplier<ScheduleCounts> counts) {
        schedules = counts;
    }

    /** Returns the counts of schedules. */
    public ScheduleCounts schedules() {
        return schedules.get();
    }

    /** Returns the counts of the last minute. */
    public LastMinute lastMinute() {
        return lastMinute;
    }

    /**
     * Counts a request.
     *
     * @param route the pattern of its path
     * @param status its HTTP status
     */
    public void countRequest(String method, String route, int status, double tookSeconds) {
        requests.add(method, route, status, tookSeconds);
    }

    /** Returns the times of the requests of one route. */
    public RequestTimes.OfRoute requests(String method, String route) {
        return requests.of(method, route);
    }

    /** Returns the number of requests. */
    public long requestCount() {
        return requests.count();
    }

    /** Returns the histogram of the durations of requests. */
    public HistogramSnapshot requestTimes() {
        return requests.collect();
    }

    /** Returns the usage of the process. */
    public ProcessUsage process() {
        return process;
    }

    /** Returns the state of the queues about half a minute ago; empty before the first read. */
    public List<QueueStatus> queues() {
        return queues;
    }

    void queues(List<QueueStatus> read) {
        queues = List.copyOf(read);
    }
}
