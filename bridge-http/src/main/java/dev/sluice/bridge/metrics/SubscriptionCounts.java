package dev.sluice.bridge.metrics;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/** Counts of the subscribers of queues here. Any thread may call. */
public final class SubscriptionCounts {
    private final LongAdder reads = new LongAdder();
    private final LongAdder sent = new LongAdder();
    private final Map<String, LongAdder> dropped = new ConcurrentHashMap<>();
    private volatile IntSupplier subscribers = () -> 0;
    private volatile LongSupplier bytes = () -> 0;

    /** Takes what returns the subscribers, and the bytes that wait for them. */
    public void measure(IntSupplier open, LongSupplier waitingBytes) {
        subscribers = open;
        bytes = waitingBytes;
    }

    /** Counts a read of messages, for any number of subscribers. */
    public void read() {
        reads.increment();
    }

    /** Counts messages that were given to subscribers. */
    public void sent(long messages) {
        sent.add(messages);
    }

    /** Counts a subscriber that was dropped. */
    public void dropped(String reason) {
        dropped.computeIfAbsent(reason, made -> new LongAdder()).increment();
    }

    public long reads() {
        return reads.sum();
    }

    public long sent() {
        return sent.sum();
    }

    /** Returns how many subscribers were dropped, by reason. */
    public Map<String, Long> dropped() {
        var counts = new TreeMap<String, Long>();
        dropped.forEach((reason, count) -> counts.put(reason, count.sum()));
        return counts;
    }

    public int subscribers() {
        return subscribers.getAsInt();
    }

    public long waitingBytes() {
        return bytes.getAsLong();
    }
}
