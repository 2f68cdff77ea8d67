package dev.sluice.bridge.pop;

import dev.sluice.queue.QueueNamespace;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Caches the namespaces of queues that recently got messages, so that the name of a queue wakes the pops that wait on
 * its namespace or task. Any client of the database may move a queue, so the cache is cleared every
 * {@value #CACHE_MILLIS} ms. Any thread may call.
 */
final class QueueNamespaces {
    static final long CACHE_MILLIS = 2000;

    private final Map<String, QueueNamespace> known = new HashMap<>();
    private final Set<String> unknown = new HashSet<>();
    private long clearedNanos;

    QueueNamespaces(long nowNanos) {
        clearedNanos = nowNanos;
    }

    /** Returns the namespace of a queue; null if it must be looked up. */
    @Nullable
    synchronized QueueNamespace of(String queue, long nowNanos) {
        if (nowNanos - clearedNanos >= TimeUnit.MILLISECONDS.toNanos(CACHE_MILLIS)) {
            known.clear();
            clearedNanos = nowNanos;
        }
        return known.get(queue);
    }

    /** Adds a queue to look up. Returns false if a look-up is pending, which then includes this queue. */
    synchronized boolean addUnknown(String queue) {
        boolean first = unknown.isEmpty();
        unknown.add(queue);
        return first;
    }

    /** Returns the queues to look up, and clears them. */
    synchronized Set<String> takeUnknown() {
        Set<String> taken = Set.copyOf(unknown);
        unknown.clear();
        return taken;
    }

    /** Caches the result of a look-up. */
    synchronized void found(Map<String, QueueNamespace> namespaces) {
        known.putAll(namespaces);
    }
}
