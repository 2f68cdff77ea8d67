package dev.sluice.work;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.work.engine.EngineSettings;
import dev.sluice.work.engine.Operations;
import dev.sluice.work.rules.Types;
import dev.sluice.work.watch.WorkMeter;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Enqueues works and runs their handlers. Works are kept in PostgreSQL: any number of programs may enqueue and handle
 * works on one database. A buffer without handlers only enqueues.
 *
 * <p>Safe for use by many threads.
 */
public final class WorkBuffer extends WorkBufferTypes implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WorkBuffer.class);

    private final Operations operations;

    private WorkBuffer(Operations operations) {
        super(operations);
        this.operations = operations;
    }

    /**
     * Returns a builder.
     *
     * @param dataSource a pool of the program. The engine uses at most five connections of it, and one more if it
     *     delivers events in a queue, and returns them as they came
     */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /**
     * Enqueues a work. Returns after the commit.
     *
     * @throws QueueFullException if too many works of the type wait, and the buffer does not block
     * @throws KeyConflictException if another work has the idempotency key and another payload
     * @throws IllegalArgumentException if the payload is no JSON text
     * @throws QueueException if PostgreSQL failed; nothing was stored. If it is an {@code OutcomeUnknownException}, the
     *     work may be stored or not
     * @throws InterruptedException if the thread was interrupted while it waited for room; nothing was stored
     */
    public Enqueued enqueue(Work work) throws InterruptedException {
        return enqueue(List.of(work)).get(0);
    }

    /**
     * Enqueues works in one transaction: all, or none. See {@link #enqueue(Work)}.
     *
     * @return a result for each, in the same order
     */
    public List<Enqueued> enqueue(List<Work> works) throws InterruptedException {
        return operations.enqueue(works);
    }

    /**
     * Enqueues works as {@link #enqueue(List)} does, without waiting: if a type is full, this is refused even if the
     * buffer blocks. Asks the database only for queues that the buffer has not used for a while.
     *
     * @param producer who enqueues them, as the messages say; null: nobody that is known
     * @return completes after the commit, or with one of the exceptions of {@link #enqueue(Work)}. What follows must
     *     not block
     */
    public CompletableFuture<List<Enqueued>> enqueueLater(List<Work> works, @Nullable String producer) {
        return operations.enqueueLater(works, producer);
    }

    /**
     * Enqueues a work in a transaction of the program: the work exists if and only if the transaction commits. An
     * engine moves it to its queue then. The bound on waiting works does not apply, because nothing must fail after the
     * transaction has committed.
     *
     * @param connection a connection to the database of the buffer, in a transaction
     * @throws KeyConflictException if another work has the idempotency key and another payload
     * @throws IllegalArgumentException if the payload is no JSON text
     */
    public Enqueued enqueue(Connection connection, Work work) throws SQLException {
        return operations.enqueue(connection, work);
    }

    /**
     * Cancels a work. If it waits for a retry or is scheduled, it is gone at once. If it waits for its first run, it is
     * dropped when an engine claims it. If it runs, its handler is asked to end, within the poll interval of its
     * engine, and its outcome is dropped. Without effect on a work that is done.
     *
     * @return whether the work is gone already
     */
    public boolean cancel(String type, WorkId id) {
        return operations.cancel(type, id);
    }

    /**
     * Returns what the handler of a work has reported, as JSON text: {@code percent} and {@code text} of the last
     * progress (null if there was none), and {@code log}, an array of objects with {@code attempt}, {@code at} and
     * {@code text}.
     *
     * @return empty if the handler has reported nothing, or the work is done or a dead letter
     */
    public Optional<String> progress(String type, WorkId id) {
        return operations.progress(type, id);
    }

    /** Returns numbers of the types that have handlers in this buffer, of each and in total. */
    public WorkStats stats() {
        return operations.stats();
    }

    /**
     * Says that a queue has new messages. The program calls this when another process has told it so. Of use only with
     * {@link Builder#wakeUps}. Never blocks; queues without works have no effect.
     */
    public void wake(String queue) {
        operations.wake(queue);
    }

    /** Returns what looks works up, lists and counts them, of all programs on the database, and runs them again. */
    public WorkAdmin admin() {
        return operations.admin();
    }

    /**
     * Adds a listener of events while the buffer runs, as {@link Builder#listener} does before.
     *
     * @return removes the listener, and counts what it misses
     */
    public WorkListener.Listening listen(WorkListener listener) {
        return operations.listen(listener);
    }

    /** Returns how many events all listeners and the queue of events have missed: they were slower than the works. */
    public long droppedEvents() {
        return operations.droppedEvents();
    }

    /**
     * Closes the buffer. Claims nothing more, waits for the handlers, interrupts those that have not ended within
     * {@link Builder#closeTimeout}, and gives back what has not finished: it runs again elsewhere and has cost no
     * attempt.
     *
     * @return what was left. A further call returns the same
     */
    public CloseReport closeAndReport() throws InterruptedException {
        return operations.close();
    }

    /**
     * Closes the buffer as {@link #closeAndReport} does, and logs what was left. If the thread is interrupted, before
     * or meanwhile, does not wait for handlers any longer before it interrupts them, and leaves the thread interrupted.
     */
    @Override
    public void close() {
        boolean isInterrupted = Thread.interrupted();
        CloseReport left = null;
        while (left == null) {
            try {
                left = isInterrupted ? operations.closeAtOnce() : operations.close();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (left.givenBack() > 0 || left.stuck() > 0 || !left.isStored()) {
            log.warn(
                    "Closed the work buffer with works left; other engines run them again given_back={}"
                            + " stuck={} stored={}",
                    left.givenBack(),
                    left.stuck(),
                    left.isStored());
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** A buffer under construction; each method sets the setting of its name. Not thread-safe. */
    public static final class Builder {
        private final DataSource dataSource;
        private final Map<String, Operations.Registered> handlers = new LinkedHashMap<>();
        private String schema = "sluice";
        private boolean appliesSchema = true;
        private PayloadCipher cipher = PayloadCipher.NONE;
        private int concurrency = 10;
        private long maxQueueSize;
        private boolean blocksWhenFull;
        private Duration lease = Duration.ofSeconds(30);
        private Duration claimAhead = Duration.ofMillis(2);
        private Duration closeTimeout = Duration.ofSeconds(30);
        private Duration interruptGrace = Duration.ofSeconds(5);
        private int maxStuck = 10;
        private Duration pollInterval = Duration.ofSeconds(1);
        private Duration progressInterval = Duration.ofMillis(500);
        private boolean listens = true;
        private @Nullable Consumer<Set<String>> tells;
        private int eventBuffer = 10_000;
        private LaneOrder lanes = LaneOrder.WEIGHTED;
        private final List<WorkListener> listeners = new ArrayList<>();
        private Set<WorkEvent.Kind> delivered = Set.of();
        private WorkMeter meter = WorkMeter.NONE;
        private LongSupplier nanos = System::nanoTime;

        private Builder(DataSource dataSource) {
            this.dataSource = dataSource;
        }

        /**
         * Delivers events of these kinds as messages of the queue {@code sluice.events}, at most once each. Needs one
         * more connection of the pool.
         */
        public Builder eventQueue(Set<WorkEvent.Kind> kinds) {
            delivered = Set.copyOf(kinds);
            return this;
        }

        /** Adds a handler with the default settings. */
        public Builder handler(String type, Handler handler) {
            return handler(type, handler, HandlerSettings.DEFAULT);
        }

        /**
         * Adds a handler.
         *
         * @throws IllegalArgumentException if the type has a handler, or no type may have that name
         */
        public Builder handler(String type, Handler handler, HandlerSettings settings) {
            return handler(type, new Operations.Registered(handler, Batching.ofSize(1), settings));
        }

        /**
         * Adds a handler that gets many works in one call. A call takes one worker.
         *
         * @throws IllegalArgumentException if the type has a handler, or no type may have that name
         */
        public Builder batchHandler(String type, BatchHandler handler, Batching batching, HandlerSettings settings) {
            return handler(type, new Operations.Registered(handler, batching, settings));
        }

        /**
         * Adds a handler whose works need no thread while they are in flight.
         *
         * @throws IllegalArgumentException if the type has a handler, no type may have that name, or the concurrency is
         *     more than {@link AsyncHandler#MAX_CONCURRENCY}
         */
        public Builder asyncHandler(String type, AsyncHandler handler, HandlerSettings settings) {
            checkAsync(settings);
            return handler(type, new Operations.Registered(handler, Batching.ofSize(1), settings));
        }

        private Builder handler(String type, Operations.Registered registered) {
            Types.check(type);
            if (handlers.putIfAbsent(type, registered) != null) {
                throw new IllegalArgumentException("type " + type + " has a handler");
            }
            return this;
        }

        /** Sets the PostgreSQL schema of the queue. */
        public Builder schema(String value) {
            schema = value;
            return this;
        }

        /** Sets whether the start creates or updates the schema. If not, it checks the version. */
        public Builder applySchema(boolean value) {
            appliesSchema = value;
            return this;
        }

        /** Sets the cipher of encrypted queues. */
        public Builder cipher(PayloadCipher value) {
            cipher = value;
            return this;
        }

        /** Sets how many works run at a time. */
        public Builder concurrency(int value) {
            concurrency = value;
            return this;
        }

        /** Sets how many works of a type may wait; 0: any number. */
        public Builder maxQueueSize(long value) {
            maxQueueSize = value;
            return this;
        }

        /** Sets whether an enqueue waits for room; else it is refused. */
        public Builder blockWhenFull(boolean value) {
            blocksWhenFull = value;
            return this;
        }

        /** Sets after how long another engine takes over the works of an engine that died. */
        public Builder lease(Duration value) {
            lease = value;
            return this;
        }

        /** Sets how long before its expected start a work may be claimed; zero: claims only what can begin at once. */
        public Builder claimAhead(Duration value) {
            claimAhead = value;
            return this;
        }

        /** Sets how long a close waits for handlers. */
        public Builder closeTimeout(Duration value) {
            closeTimeout = value;
            return this;
        }

        /** Sets how long a handler may take to end after its thread was interrupted. */
        public Builder interruptGrace(Duration value) {
            interruptGrace = value;
            return this;
        }

        /** Sets how many workers are replaced whose handlers ignore the interrupt. */
        public Builder maxStuck(int value) {
            maxStuck = value;
            return this;
        }

        /** Sets how long the engine waits for a wake-up before it looks by itself. */
        public Builder pollInterval(Duration value) {
            pollInterval = value;
            return this;
        }

        /** Sets how often what handlers report is stored, at most. */
        public Builder progressInterval(Duration value) {
            progressInterval = value;
            return this;
        }

        /** Sets whether a connection listens to other processes; else the engine only polls. */
        public Builder listen(boolean value) {
            listens = value;
            return this;
        }

        /**
         * Uses an exchange of wake-ups that the program has already, instead of a connection that listens. The program
         * hands what it hears to {@link WorkBuffer#wake}.
         *
         * @param value gets the queues to which this buffer has written; must not block
         */
        public Builder wakeUps(Consumer<Set<String>> value) {
            tells = value;
            return this;
        }

        /** Adds a listener of events. */
        public Builder listener(WorkListener value) {
            listeners.add(value);
            return this;
        }

        /** Sets what counts the works of this buffer. */
        public Builder meter(WorkMeter value) {
            meter = value;
            return this;
        }

        /** Sets how many events may wait for each listener; further ones are dropped. */
        public Builder eventBuffer(int value) {
            eventBuffer = value;
            return this;
        }

        /** Sets how claims are divided among the lanes of a type. */
        public Builder lanes(LaneOrder value) {
            lanes = value;
            return this;
        }

        /** Sets the clock by which timeouts are measured. */
        Builder nanos(LongSupplier value) {
            nanos = value;
            return this;
        }

        private EngineSettings settings() {
            return new EngineSettings(
                    schema,
                    cipher,
                    concurrency,
                    maxQueueSize,
                    blocksWhenFull,
                    lease,
                    claimAhead,
                    closeTimeout,
                    interruptGrace,
                    maxStuck,
                    pollInterval,
                    progressInterval,
                    listens && tells == null,
                    eventBuffer,
                    lanes);
        }

        /**
         * Starts the buffer.
         *
         * @throws IllegalArgumentException if a setting is out of its range; the message names it
         * @throws IllegalStateException if the schema does not fit; the message says what to do
         * @throws QueueException if PostgreSQL failed
         */
        public WorkBuffer start() {
            var operations = new Operations(
                    dataSource,
                    settings(),
                    handlers,
                    new Operations.Surroundings(listeners, delivered, meter, tells, nanos));
            operations.start(appliesSchema);
            return new WorkBuffer(operations);
        }
    }
}
