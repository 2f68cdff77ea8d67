package dev.sluice.bridge.bench;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Connections that send the same kind of requests. In a closed loop each connection sends its next request when it has
 * the answer to the last one. In an open loop requests are due at a fixed rate, whether the service keeps up or not; a
 * request whose connection is still busy waits, and that time counts. One thread uses it.
 */
public final class LoadStream {
    private static final double NANOS_A_SECOND = 1e9;

    private final Traffic traffic;
    private final int connections;
    private final double intervalNanos;
    private final double share;
    private final @Nullable LoadStream source;
    private final Latencies requests = new Latencies();
    private final Latencies followUps = new Latencies();
    private final ArrayDeque<LoadConnection> idle = new ArrayDeque<>();
    private final ArrayDeque<LoadConnection> paused = new ArrayDeque<>();
    private long startNanos;
    private long endNanos;
    private long sent;
    private long answered;

    private LoadStream(
            Traffic traffic, int connections, double intervalNanos, double share, @Nullable LoadStream source) {
        this.source = source;
        this.traffic = traffic;
        this.connections = connections;
        this.intervalNanos = intervalNanos;
        this.share = share;
    }

    public static LoadStream closed(Traffic traffic, int connections) {
        return new LoadStream(traffic, connections, 0, 1, null);
    }

    /** Returns a stream of a closed loop that goes on after the time is over, until {@code source} has its answers. */
    static LoadStream following(LoadStream source, Traffic traffic, int connections) {
        return new LoadStream(traffic, connections, 0, 1, source);
    }

    /**
     * Returns a stream of an open loop.
     *
     * @param rate how many requests are due each second
     * @param share the part of the time of a run in which requests are due; the rest is for others to finish
     */
    public static LoadStream open(Traffic traffic, int connections, double rate, double share) {
        if (rate <= 0) {
            throw new IllegalArgumentException("the rate of an open loop must be positive, was " + rate);
        }
        return new LoadStream(traffic, connections, NANOS_A_SECOND / rate, share, null);
    }

    public Traffic traffic() {
        return traffic;
    }

    int connections() {
        return connections;
    }

    boolean isOpen() {
        return intervalNanos > 0;
    }

    /** Returns the times of requests. */
    public Latencies requests() {
        return requests;
    }

    /** Returns the times of requests that follow another one, such as acknowledgements. */
    public Latencies followUps() {
        return followUps;
    }

    /** Returns how many requests were answered, without those that follow another one. */
    public long answered() {
        return answered;
    }

    void begin(long start, long end) {
        startNanos = start;
        endNanos = start + (long) ((end - start) * share);
        sent = 0;
        answered = 0;
        requests.reset();
        followUps.reset();
        traffic.reset();
    }

    /** Ends the time of a closed loop early. */
    void end(long nanos) {
        endNanos = Math.min(endNanos, nanos);
    }

    /** Returns when the next request is due. */
    long nextDue(long now) {
        return isOpen() ? startNanos + (long) (sent * intervalNanos) : now;
    }

    /** Returns whether a request of this run is still to be sent. */
    boolean isSending(long now) {
        return nextDue(now) < endNanos || (source != null && source.isBusy(now));
    }

    private boolean isBusy(long now) {
        return isSending(now) || idle.size() + paused.size() < connections;
    }

    /** Returns a connection for the next request if one is due now and a connection is free; null otherwise. */
    @Nullable
    LoadConnection take(long now) {
        while (!paused.isEmpty() && paused.element().resumeNanos() <= now) {
            idle.add(paused.remove());
        }
        long due = nextDue(now);
        if (due > now || !isSending(now) || idle.isEmpty()) {
            return null;
        }
        sent++;
        LoadConnection connection = idle.remove();
        connection.due(due);
        return connection;
    }

    /** Gives a connection back whose request is answered. */
    void give(LoadConnection connection, boolean pauses) {
        if (pauses) {
            paused.add(connection);
        } else {
            idle.add(connection);
        }
    }

    boolean hasPaused() {
        return !paused.isEmpty();
    }

    void answered(LoadConnection connection, long now) {
        if (connection.isFollowUp()) {
            followUps.record(connection.dueNanos(), now);
        } else {
            requests.record(connection.dueNanos(), now);
            answered++;
        }
    }

    /** Counts requests that were due and never sent with the time that they have waited. Returns how many there are. */
    long giveUp(long now) {
        long unsent = 0;
        while (isOpen() && isSending(now)) {
            requests.record(nextDue(now), now);
            sent++;
            unsent++;
        }
        return unsent;
    }
}
