package dev.sluice.work.engine;

import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkListener;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.run.VerdictEvents;
import dev.sluice.work.watch.WorkMeter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands events to listeners. Each listener has a bounded queue and a thread, so no listener can delay a work or another
 * listener. An event that finds no room is dropped and counted.
 */
final class Events {
    private static final Logger log = LoggerFactory.getLogger(Events.class);

    private static final WorkEvent END = new WorkEvent(Kind.RESUMED, "", null, 0, null);

    private final List<Outlet> outlets = new CopyOnWriteArrayList<>();
    private final int capacity;
    private final LongAdder dropped = new LongAdder();
    private final @Nullable EventQueue queue;
    private final WorkMeter meter;

    /**
     * Makes the events of listeners, each with room for {@code capacity} events that wait.
     *
     * @param queue delivers events; null: nobody wants them
     * @param meter counts all events
     */
    Events(Collection<WorkListener> listeners, int capacity, @Nullable EventQueue queue, WorkMeter meter) {
        this.queue = queue;
        this.meter = meter;
        this.capacity = capacity;
        listeners.forEach(listener -> outlets.add(new Outlet(listener, capacity)));
    }

    private static final class Outlet {
        private final LongAdder missed = new LongAdder();
        private final WorkListener listener;
        private final ArrayBlockingQueue<WorkEvent> waiting;
        private final Thread thread = WorkThreads.daemon("sluice-work-events", this::run);
        private volatile boolean closed;
        private volatile boolean abandoned;
        private boolean hasFailed;

        Outlet(WorkListener listener, int capacity) {
            this.listener = listener;
            this.waiting = new ArrayBlockingQueue<>(capacity);
        }

        private void run() {
            while (!abandoned && !(closed && waiting.isEmpty())) {
                try {
                    WorkEvent event = waiting.take();
                    if (!event.equals(END)) {
                        listener.on(event);
                    }
                } catch (Exception | Error e) { // The thread must not die: the listener would get nothing any more.
                    failed(e);
                }
            }
        }

        private void failed(Throwable e) {
            if (!hasFailed && !abandoned) {
                hasFailed = true;
                log.warn("A listener failed and misses the event; further failures of it are not logged", e);
            }
        }

        /** Ends the thread after the event that the listener has. */
        void abandon() {
            abandoned = true;
            boolean unused = waiting.offer(END); // If there is no room, the thread does not sleep.
        }

        /** Lets the listener take what waits, within a time. Returns how many events it has missed. */
        int close(Duration timeout) throws InterruptedException {
            closed = true;
            waiting.offer(END); // Wakes the thread; if there is no room, it does not sleep.
            thread.join(Math.max(1, timeout.toMillis()));
            abandoned = true;
            thread.interrupt();
            var missed = new ArrayList<WorkEvent>();
            waiting.drainTo(missed);
            missed.remove(END);
            return missed.size();
        }
    }

    void start() {
        outlets.forEach(outlet -> outlet.thread.start());
        if (queue != null) {
            queue.start();
        }
    }

    /**
     * Adds a listener after the start.
     *
     * @return removes the listener, and counts what it misses
     */
    WorkListener.Listening add(WorkListener listener) {
        var outlet = new Outlet(listener, capacity);
        outlet.thread.start();
        outlets.add(outlet);
        return new WorkListener.Listening() {
            @Override
            public long dropped() {
                return outlet.missed.sum();
            }

            @Override
            public void close() {
                outlets.remove(outlet);
                outlet.abandon();
            }
        };
    }

    /** Counts a run that begins, and tells it. */
    void began(Begun begun) {
        boolean isFirst = begun.attempt() == 1 && begun.snoozes() == 0 && begun.crashes() == 0;
        meter.began(begun.type().name(), isFirst ? begun.createdAt() : null);
        tell(Kind.STARTED, begun, null);
    }

    /** Counts a run that has ended. */
    void ran(Begun begun) {
        meter.ran(begun.type().name(), Duration.ofNanos(begun.elapsedNanos()));
    }

    /** Counts works of an engine that died. */
    void crashed(HandledType type, int works) {
        meter.crashed(type.name(), works);
    }

    /** Hands an event to all listeners. Any thread; never waits. */
    void tell(Kind kind, Begun begun, @Nullable String detail) {
        if (hasTakers()) {
            tell(new WorkEvent(kind, begun.type().name(), begun.id(), begun.attempt(), detail));
        } else {
            meter.happened(kind, begun.type().name());
        }
    }

    private boolean hasTakers() {
        return queue != null || !outlets.isEmpty();
    }

    /** Hands an event to all listeners. Any thread; never waits. */
    void tell(WorkEvent event) {
        meter.happened(event.kind(), event.type());
        if (event.kind() == Kind.BREAKER) {
            stateOfType(event.detail()).ifPresent(state -> meter.breaker(event.type(), state));
        }
        if (queue != null) {
            queue.offer(event);
        }
        for (Outlet outlet : outlets) {
            if (!outlet.waiting.offer(event)) {
                dropped.increment();
                outlet.missed.increment();
            }
        }
    }

    /** Returns the state in a detail; empty if it is the state of a target. */
    private static Optional<BreakerState> stateOfType(@Nullable String detail) {
        return Arrays.stream(BreakerState.values())
                .filter(state -> state.name().equals(detail))
                .findFirst();
    }

    /** Tells what was stored of runs, without those that other engines have taken over. */
    void tellSettled(List<Ended> ended, Set<Begun> lost) {
        if (!hasTakers() && meter.equals(WorkMeter.NONE)) {
            return;
        }
        for (Ended each : ended) {
            if (!lost.contains(each.begun())) {
                VerdictEvents.of(each.begun().type().name(), each.begun(), each.verdict())
                        .forEach(this::tell);
            }
        }
    }

    /** Returns how many events were dropped, of all listeners and the queue. */
    long dropped() {
        return dropped.sum() + (queue == null ? 0 : queue.dropped());
    }

    /** Lets the listeners take what waits, within a time for each, and ends their threads. */
    void close(Duration timeout) throws InterruptedException {
        for (Outlet outlet : outlets) {
            dropped.add(outlet.close(timeout));
        }
        if (queue != null) {
            queue.close(timeout);
        }
    }
}
