package dev.sluice.bridge.subscribe;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.metrics.SubscriptionCounts;
import dev.sluice.bridge.repositories.DatabaseExecutor;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueTail;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The subscribers of all queues here: opens them, runs the rounds of their tails, and beats. Any thread may call. */
public final class Subscriptions implements AutoCloseable {
    /** How long a tail waits for a wake-up before it looks by itself. */
    private static final Duration POLL = Duration.ofSeconds(1);

    /** How long a tail waits after a round that has failed. */
    private static final Duration RETRY = Duration.ofMillis(500);

    /** A round begins at the earliest so many times the length of the last one behind it. */
    private static final int PAUSE_FACTOR = 2;

    private static final long LEAST_PAUSE_NANOS = Duration.ofMillis(5).toNanos();
    private static final long MOST_PAUSE_NANOS = POLL.toNanos();

    private final SubscriptionLimits limits;
    private final QueueTail ends;
    private final QueueReader reader;
    private final DatabaseExecutor executor;
    private final BooleanSupplier held;
    private final SubscriptionCounts counts;
    private final Outbox.Memory memory;
    private final ScheduledThreadPoolExecutor clock = Threads.clock("sluice-subscriptions");
    private final Map<String, Work> tails = new ConcurrentHashMap<>();
    private boolean closed;

    /**
     * Makes it without subscribers.
     *
     * @param executor runs the reads
     * @param held whether pops are on hold
     */
    public Subscriptions(
            SubscriptionLimits limits,
            QueueTail ends,
            QueueReader reader,
            DatabaseExecutor executor,
            BooleanSupplier held,
            SubscriptionCounts counts) {
        this.limits = limits;
        this.ends = ends;
        this.reader = reader;
        this.executor = executor;
        this.held = held;
        this.counts = counts;
        this.memory = new Outbox.Memory(limits.memoryBytes());
        counts.measure(this::subscribers, memory.used()::get);
        long millis = limits.heartbeat().toMillis();
        var unused = clock.scheduleWithFixedDelay(this::beat, millis, millis, TimeUnit.MILLISECONDS);
        var unusedToo =
                clock.scheduleWithFixedDelay(this::poll, POLL.toMillis(), POLL.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** A tail and its rounds. */
    private final class Work implements Tail.Surroundings {
        private final Tail tail;
        private boolean running;
        private boolean again;
        private long tookNanos;

        Work(String queue) {
            tail = new Tail(queue, ends, reader, this);
        }

        @Override
        public void schedule(Tail ignored) {
            synchronized (this) {
                if (running) {
                    again = true;
                    return;
                }
                running = true;
            }
            run();
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The stage handles both ends.
        private void run() {
            long began = System.nanoTime();
            executor.read(() -> tail.round()).whenComplete((more, failure) -> {
                tookNanos = System.nanoTime() - began;
                if (failure != null) {
                    tail.failed(failure);
                }
                ended(failure != null, more != null && more);
            });
        }

        private void ended(boolean failed, boolean more) {
            if (forget(this)) {
                return;
            }
            synchronized (this) {
                if (!again && !more) {
                    running = false;
                    return;
                }
                again = false;
            }
            long pause = Math.min(Math.max(PAUSE_FACTOR * tookNanos, LEAST_PAUSE_NANOS), MOST_PAUSE_NANOS);
            later(failed ? RETRY.toNanos() : more ? 0 : pause);
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The round tells its own failures.
        private void later(long nanos) {
            try {
                clock.schedule(this::run, nanos, TimeUnit.NANOSECONDS);
            } catch (RejectedExecutionException e) {
                return; // The service stops.
            }
        }

        @Override
        public boolean isHeld() {
            return held.getAsBoolean();
        }

        @Override
        public void read() {
            counts.read();
        }

        @Override
        public void sent(long events) {
            counts.sent(events);
        }

        @Override
        public void dropped(EndReason reason) {
            counts.dropped(reason.text());
        }
    }

    /**
     * Opens a subscription. The caller connects a client, and calls {@link Subscriber#leave} when that has gone.
     *
     * @param partitions names of partitions; empty: all
     * @param start where it begins
     * @throws OverloadedException if there are as many subscribers as there may be, or the service stops
     */
    public synchronized Subscriber open(String queue, Set<String> partitions, Start start) {
        if (closed) {
            throw new OverloadedException("The service is stopping");
        }
        int others = subscribers();
        if (others >= limits.subscribers()) {
            throw new OverloadedException("There are " + others + " subscribers, at most " + limits.subscribers()
                    + " are possible (subscribe.max.subscribers)");
        }
        Work work = tails.computeIfAbsent(queue, Work::new);
        var subscriber = new Subscriber(
                work.tail, new Subscriber.Wish(partitions, start.position()), memory, limits.bufferBytes());
        work.tail.join(subscriber);
        return subscriber;
    }

    /** A queue has new messages. Never blocks. */
    public void wake(String queue) {
        Work work = tails.get(queue);
        if (work != null) {
            work.tail.wake();
        }
    }

    /** Returns the number of subscribers. */
    public int subscribers() {
        return tails.values().stream().mapToInt(each -> each.tail.subscribers()).sum();
    }

    private synchronized boolean forget(Work work) {
        return work.tail.subscribers() == 0 && tails.remove(work.tail.queue(), work);
    }

    private void poll() {
        tails.values().forEach(each -> each.tail.wake());
    }

    private void beat() {
        tails.values().forEach(each -> each.tail.beat(limits.stall().toNanos()));
    }

    /** Ends all subscriptions. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        clock.shutdownNow();
        tails.values().forEach(each -> each.tail.close());
    }
}
