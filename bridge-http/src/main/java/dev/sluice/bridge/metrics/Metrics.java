package dev.sluice.bridge.metrics;

import dev.sluice.queue.view.QueueStatus;
import java.util.List;

/** All that is counted in this process. Any thread may ask. */
public final class Metrics {
    private final Counters counters;
    private final RequestTimes requests = new RequestTimes();
    private final ProcessUsage process;
    private final LastMinute lastMinute = new LastMinute();
    private final LeaseExtensions leaseExtensions = new LeaseExtensions();
    private volatile List<QueueStatus> queues = List.of();

    /**
     * Starts at zero.
     *
     * @param maxQueues queues counted by name ({@code metrics.max.queues})
     * @param process what the process uses
     */
    public Metrics(int maxQueues, ProcessUsage process) {
        this.counters = new Counters(maxQueues);
        this.process = process;
    }

    /** Returns the counters by queue. */
    public Counters counters() {
        return counters;
    }

    /** Returns the count of requests to lengthen a lease. */
    public LeaseExtensions leaseExtensions() {
        return leaseExtensions;
    }

    /** Returns what was counted in the last minute. */
    public LastMinute lastMinute() {
        return lastMinute;
    }

    /** Returns the times requests took. */
    public RequestTimes requests() {
        return requests;
    }

    /** Returns what the process uses. */
    public ProcessUsage process() {
        return process;
    }

    /** Returns what the queues held when last looked at, about half a minute ago; empty before the first look. */
    public List<QueueStatus> queues() {
        return queues;
    }

    void queues(List<QueueStatus> seen) {
        queues = List.copyOf(seen);
    }
}
