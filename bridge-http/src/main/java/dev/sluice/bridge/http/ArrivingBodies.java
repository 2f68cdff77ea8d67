package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.InvalidRequestException;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.limits.RequestMemory;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Tracks the arriving bodies and bounds their memory, for all together and for each client. If a body finds no room,
 * the slowest body is refused instead. Any thread may call.
 */
final class ArrivingBodies {
    /** A body that is still arriving. */
    interface Arriving {
        /** Returns the address of the client. */
        String client();

        /** Returns the memory of its request. */
        RequestMemory.Claim claim();

        /** Returns its start, as of {@link System#nanoTime}. */
        long startNanos();

        /** Refuses this body, because another one needs its memory. Must not block. */
        void evicted();
    }

    /** A younger body does not count as slow. */
    private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final long limitBytes;
    private final long clientLimitBytes;
    /** The bytes of each body. Guarded by this. */
    private final Map<Arriving, Long> bodies = new HashMap<>();
    /** Guarded by this. */
    private final Map<String, Long> bytesByClient = new HashMap<>();
    /** Guarded by this. */
    private long bytes;

    /**
     * Sets the limits.
     *
     * @param limitBytes of all arriving bodies
     * @param clientLimitBytes of the arriving bodies of one client
     */
    ArrivingBodies(long limitBytes, long clientLimitBytes) {
        this.limitBytes = limitBytes;
        this.clientLimitBytes = clientLimitBytes;
    }

    /**
     * Takes memory for a body.
     *
     * @throws OverloadedException (503) if none is left and no body is slower than this one
     * @throws InvalidRequestException (413) if the body needs more than the limit of all requests
     */
    synchronized void take(Arriving body, long more) {
        if (body.claim().isClosed()) {
            throw RequestMemory.tooMany();
        }
        makeRoom(body, more);
        while (true) {
            try {
                body.claim().take(more);
                break;
            } catch (OverloadedException e) {
                // Requests whose bodies have arrived use the rest of the memory.
                if (body.claim().isClosed() || !evictSlowest(body, null)) {
                    throw e;
                }
            }
        }
        add(body, more);
    }

    private void makeRoom(Arriving body, long more) {
        String client = body.client();
        while (bytesByClient.getOrDefault(client, 0L) + more > clientLimitBytes) {
            if (!evictSlowest(body, client)) {
                throw RequestMemory.tooMany();
            }
        }
        while (bytes + more > limitBytes) {
            if (!evictSlowest(body, null)) {
                throw RequestMemory.tooMany();
            }
        }
    }

    /** Refuses the slowest body of the client, or of all clients, unless it is this one. */
    private boolean evictSlowest(Arriving body, @Nullable String client) {
        long now = System.nanoTime();
        Arriving slowest = body;
        double lowest = rate(body, now);
        for (Arriving other : bodies.keySet()) {
            if (other != body && (client == null || client.equals(other.client())) && rate(other, now) < lowest) {
                slowest = other;
                lowest = rate(other, now);
            }
        }
        if (slowest == body) {
            return false;
        }
        remove(slowest);
        slowest.evicted();
        return true;
    }

    /** Returns bytes per nanosecond. */
    private double rate(Arriving body, long now) {
        long age = now - body.startNanos();
        return age < GRACE_NANOS ? Double.MAX_VALUE : bodies.getOrDefault(body, 0L) / (double) age;
    }

    private void add(Arriving body, long more) {
        bodies.merge(body, more, Long::sum);
        bytesByClient.merge(body.client(), more, Long::sum);
        bytes += more;
    }

    /** Removes a body that has arrived or was refused. Its request keeps its memory. */
    synchronized void remove(Arriving body) {
        Long had = bodies.remove(body);
        if (had != null) {
            bytes -= had;
            bytesByClient.computeIfPresent(body.client(), (client, all) -> all - had <= 0 ? null : all - had);
        }
    }
}
