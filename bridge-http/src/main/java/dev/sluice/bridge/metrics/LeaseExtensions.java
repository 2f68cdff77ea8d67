package dev.sluice.bridge.metrics;

import java.util.concurrent.atomic.LongAdder;

/** Counts requests for more time. Not by queue: a lease is named by its id, whatever it holds. Any thread may count. */
public final class LeaseExtensions {
    private final LongAdder granted = new LongAdder();
    private final LongAdder refused = new LongAdder();

    /**
     * Counts one.
     *
     * @param live whether there was a lease to lengthen
     */
    public void add(boolean live) {
        (live ? granted : refused).increment();
    }

    /** Returns how many leases were lengthened. */
    public long granted() {
        return granted.sum();
    }

    /** Returns how many were not there, or over. */
    public long refused() {
        return refused.sum();
    }
}
