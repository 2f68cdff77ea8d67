package dev.sluice.bridge.metrics;

import java.util.concurrent.atomic.LongAdder;

/**
 * Counts requests to extend leases. They are not counted by queue, because a request names only the id of the lease.
 * Any thread may count.
 */
public final class LeaseExtensions {
    private final LongAdder granted = new LongAdder();
    private final LongAdder refused = new LongAdder();

    /**
     * Counts a request.
     *
     * @param live whether the lease existed and was extended
     */
    public void add(boolean live) {
        (live ? granted : refused).increment();
    }

    /** Returns how many leases were extended. */
    public long granted() {
        return granted.sum();
    }

    /** Returns how many leases were unknown or expired. */
    public long refused() {
        return refused.sum();
    }
}
