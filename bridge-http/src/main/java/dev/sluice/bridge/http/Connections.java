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
 * Bounds the number of open connections so that a push never waits long for one:
 *
 * <ul>
 *   <li>From 7/8 of the bound on, a new connection closes the connection that has been idle for the longest time, if
 *       that is half a second or more.
 *   <li>Pops wait on at most 7/8 of the bound. Any further pop waits for {@link #CROWDED_WAIT} only. So waiting pops
 *       never fill the last eighth, and requests that do not wait, such as pushes, get through.
 *   <li>While more than 7/8 are open, the connection of a pop ends with the answer.
 *   <li>A request whose headers do not arrive in time ends its connection.
 * </ul>
 *
 * <p>Any thread may call; {@link #makeRoom} and {@link #noMoreFiles} are called by the thread that accepts.
 */
public final class Connections {
    /** Waiting pops leave one part of this many free. */
    private static final int FREE_SHARE = 8;

    /** A connection that has been idle for less stays open, because its request may be on the way. */
    private static final long GRACE_NANOS = 500_000_000L;

    /** The wait of a pop while other pops wait on all connections that pops may use. */
    static final Duration CROWDED_WAIT = Duration.ofMillis(250);

    /** The bound drops by this number when the process can open no more files. */
    private static final int FILES_GIVEN_BACK = 16;

    /** The time for which the bound stays lowered. */
    private static final long LOWERED_NANOS = 60_000_000_000L;

    /** Pause after a search that found no connection to close. */
    private static final long PAUSE_NANOS = 50_000_000L;

    /** The number of candidates that one search collects. */
    private static final int CANDIDATES = 64;

    private final ConnectionLimits limits;
    private final LongSupplier nanoClock;
    private final Set<Held> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger opening = new AtomicInteger();
    private final LongAdder evicted = new LongAdder();
    private final LongAdder overdue = new LongAdder();
    private final Semaphore waitingPops;

    /** The current bound. */
    private volatile int most;

    private volatile long loweredNanos;

    /** The connections to close next. Confined to the thread that accepts. */
    private final Deque<Candidate> candidates = new ArrayDeque<>();

    private long nextLookNanos;

    /** A connection that is open. */
    interface Held {
        /** Returns the time since which it has carried no request; null while it carries one. */
        @Nullable
        Long idleSinceNanos();

        /** Returns the time of the first byte of incomplete request headers; null if there are none. */
        @Nullable
        Long headersSinceNanos();

        /** Closes the connection unless it carries a request. Returns whether it closed it. */
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
     * Closes a dummy connection to load all classes for it. A process that can open no more files cannot load classes.
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

    /** Returns the current bound. */
    public int most() {
        return most;
    }

    /**
     * Lowers the bound for a minute because the process can open no more files, and closes idle connections: the log
     * and the database need files, too.
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

    /** Counts a connection that the server has begun to open. */
    void opening() {
        opening.incrementAndGet();
    }

    /** Ends {@link #opening}: the server has opened the connection, or has failed to. */
    void openingEnded() {
        opening.decrementAndGet();
    }

    /** Adds an open connection. */
    void opened(Held held) {
        open.add(held);
    }

    /** Removes a closed connection. */
    void closed(Held held) {
        open.remove(held);
    }

    /** Returns the number of open connections. */
    public int count() {
        return open.size() + opening.get();
    }

    /** Returns the number of connections that were closed to make room. */
    public long evicted() {
        return evicted.sum();
    }

    /** Returns the number of connections that were closed because the headers of a request were late. */
    public long overdue() {
        return overdue.sum();
    }

    /** Returns whether more connections are open than waiting pops may use. */
    public boolean crowded() {
        return count() > usual();
    }

    /**
     * Lets a pop wait, unless pops already wait on all connections that they may use.
     *
     * @param asked the wait that the pop asks for
     * @param pop runs the pop with the wait that it is allowed
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

    /** Makes room for one more connection. Returns false if all connections carry a request. */
    boolean makeRoom() {
        boolean more = count() < usual() || evict();
        while (more && count() >= most) {
            more = evict();
        }
        return count() < most;
    }

    /** Closes the connection that has been idle for the longest time, if that is long enough. */
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
                continue; // The connection has been used since the search.
            }
            if (now - since < GRACE_NANOS) {
                candidates.clear(); // The remaining candidates are more recent.
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

    /** Closes the connections on which the headers of a request are late. */
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
