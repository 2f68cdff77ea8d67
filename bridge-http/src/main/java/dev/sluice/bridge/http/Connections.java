package dev.sluice.bridge.http;

import dev.sluice.bridge.limits.ConnectionLimits;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The open connections. Their number is bounded, and the bound never keeps a push out for long:
 *
 * <ul>
 *   <li>From seven eighths of the bound on, a new connection closes the one that has been without a request for the
 *       longest time, if that is half a second or more.
 *   <li>Pops wait on seven eighths of the bound at most. Any other pop hardly waits. So the last eighth is never full
 *       of waiting pops, and requests that do not wait, pushes first of all, get through.
 *   <li>While more than seven eighths are open, the connection of a pop ends with the answer.
 *   <li>A request whose headers do not arrive in time ends its connection.
 * </ul>
 *
 * <p>Any thread may call; {@link #makeRoom} and {@link #noMoreFiles} are called by the thread that accepts.
 */
public final class Connections {
    /** The part of the bound that waiting pops leave free, as a divisor. */
    private static final int FREE_SHARE = 8;

    /** A connection that has been without a request for less stays: its request may be on the way. */
    private static final long GRACE_NANOS = 500_000_000L;

    /** How long a pop waits when others wait on all connections that pops may take. */
    static final Duration CROWDED_WAIT = Duration.ofMillis(250);

    /** By how many the bound drops when the process may open no more files. */
    private static final int FILES_GIVEN_BACK = 16;

    /** How long fewer connections are allowed after that. */
    private static final long LOWERED_NANOS = 60_000_000_000L;

    /** Pause after a look that found nothing to close. */
    private static final long PAUSE_NANOS = 50_000_000L;

    /** How many connections one look at all of them finds to close. */
    private static final int CANDIDATES = 64;

    private final ConnectionLimits limits;
    private final LongSupplier nanoClock;
    private final Set<Held> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger opening = new AtomicInteger();
    private final LongAdder evicted = new LongAdder();
    private final LongAdder overdue = new LongAdder();
    private final Semaphore waitingPops;

    /** The bound now. */
    private volatile int most;

    private volatile long loweredNanos;

    /** The connections to close next. Only the thread that accepts touches it. */
    private final Deque<Candidate> candidates = new ArrayDeque<>();

    private long nextLookNanos;

    /** A connection that is open. */
    interface Held {
        /** Returns since when it has carried no request; null while it carries one. */
        @Nullable
        Long idleSinceNanos();

        /** Returns when the first byte of a request came whose headers are not complete; null if there is none. */
        @Nullable
        Long headersSinceNanos();

        /** Closes it unless it carries a request. Returns whether it did. */
        boolean closeUnlessUsed();
    }

    private record Candidate(Held held, long idleSinceNanos) {}

    public Connections(ConnectionLimits limits, LongSupplier nanoClock) {
        this.limits = limits;
        this.nanoClock = nanoClock;
        this.nextLookNanos = nanoClock.getAsLong();
        this.most = limits.most();
        this.waitingPops = new Semaphore(usual());
        loadClasses();
    }

    /**
     * Closes a dummy connection, to load the classes for it. A process that may open no more files could not load them.
     */
    private void loadClasses() {
        Held none = new Held() {
            @Override
            public Long idleSinceNanos() {
                return nextLookNanos - GRACE_NANOS;
            }

            @Override
            public @Nullable Long headersSinceNanos() {
                return null;
            }

            @Override
            public boolean closeUnlessUsed() {
                return false;
            }
        };
        opened(none);
        closeOverdue();
        boolean unused = evict();
        closed(none);
        nextLookNanos = nanoClock.getAsLong();
    }

    /** Returns the bounds. */
    ConnectionLimits limits() {
        return limits;
    }

    /** Returns how many may be open now. */
    public int most() {
        return most;
    }

    /**
     * The process may open no more files. For a minute allows fewer connections than are open, and closes idle ones:
     * the log and the database need the files, too.
     */
    void noMoreFiles() {
        most = Math.max(ConnectionLimits.FEWEST, Math.min(most, count() - FILES_GIVEN_BACK));
        boolean more = true;
        while (more && count() >= most) {
            more = evict();
        }
        loweredNanos = nanoClock.getAsLong();
    }

    private void raiseAgain() {
        if (most < limits.most() && nanoClock.getAsLong() - loweredNanos >= LOWERED_NANOS) {
            most = limits.most();
        }
    }

    /** The server has begun to open a connection. */
    void opening() {
        opening.incrementAndGet();
    }

    /** The server has opened the connection, or failed to. */
    void openingEnded() {
        opening.decrementAndGet();
    }

    /** A connection is open. */
    void opened(Held held) {
        open.add(held);
    }

    /** A connection is closed. */
    void closed(Held held) {
        open.remove(held);
    }

    /** Returns how many there are. */
    public int count() {
        return open.size() + opening.get();
    }

    /** Returns how many were closed to make room. */
    public long evicted() {
        return evicted.sum();
    }

    /** Returns how many were closed because the headers of a request were late. */
    public long overdue() {
        return overdue.sum();
    }

    /** Returns whether more are open than waiting pops may take. */
    public boolean crowded() {
        return count() > usual();
    }

    /**
     * Lets a pop wait, unless pops already wait on all connections that they may take.
     *
     * @param asked how long the pop asks to wait
     * @param pop the pop; gets how long it may wait
     */
    public <T> CompletableFuture<T> waiting(Duration asked, Function<Duration, CompletableFuture<T>> pop) {
        if (asked.compareTo(CROWDED_WAIT) <= 0) {
            return pop.apply(asked);
        }
        if (!waitingPops.tryAcquire()) {
            return pop.apply(CROWDED_WAIT);
        }
        return pop.apply(asked).whenComplete((result, failure) -> waitingPops.release());
    }

    private int usual() {
        return most - Math.max(1, most / FREE_SHARE);
    }

    /** Makes room for another connection if there is none. Returns false if all carry a request. */
    boolean makeRoom() {
        boolean more = count() < usual() || evict();
        while (more && count() >= most) {
            more = evict();
        }
        return count() < most;
    }

    /** Closes the connection that has been without a request for the longest time, if that is long enough. */
    private boolean evict() {
        long now = nanoClock.getAsLong();
        if (candidates.isEmpty()) {
            if (now - nextLookNanos < 0) {
                return false;
            }
            candidates.addAll(idleLongest());
        }
        for (Candidate each = candidates.poll(); each != null; each = candidates.poll()) {
            Long since = each.held().idleSinceNanos();
            if (since == null || since != each.idleSinceNanos()) {
                continue; // It was used meanwhile.
            }
            if (now - since < GRACE_NANOS) {
                candidates.clear(); // Those after it are more recent.
            } else if (each.held().closeUnlessUsed()) {
                evicted.increment();
                return true;
            }
        }
        nextLookNanos = now + PAUSE_NANOS;
        return false;
    }

    private List<Candidate> idleLongest() {
        long now = nanoClock.getAsLong();
        return open.stream()
                .flatMap(held -> {
                    Long since = held.idleSinceNanos();
                    return since == null ? Stream.empty() : Stream.of(new Candidate(held, since));
                })
                .sorted(Comparator.comparingLong((Candidate each) -> each.idleSinceNanos() - now))
                .limit(CANDIDATES)
                .toList();
    }

    /** Closes connections on which the headers of a request are late. */
    void closeOverdue() {
        raiseAgain();
        long now = nanoClock.getAsLong();
        long limitNanos = limits.headerTimeout().toNanos();
        for (Held each : open) {
            Long since = each.headersSinceNanos();
            if (since != null && now - since >= limitNanos && each.closeUnlessUsed()) {
                overdue.increment();
            }
        }
    }
}
