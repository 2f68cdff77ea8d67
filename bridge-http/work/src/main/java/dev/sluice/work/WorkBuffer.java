package dev.sluice.work;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.WakeUps;
import dev.sluice.work.store.ItemRows.Cancelled;
import dev.sluice.work.store.KeyRows.FinishedKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
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
public final class WorkBuffer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WorkBuffer.class);

    private static final Duration CLOSE = Duration.ofSeconds(5);

    private final EngineSettings settings;
    private final Tables tables;
    private final Enqueuer enqueuer;
    private final Room room;
    private final Engine engine;
    private final @Nullable WakeUps wakeUps;
    private @Nullable CloseReport report;

    private WorkBuffer(Builder builder) {
        this.settings = builder.settings();
        this.tables = Tables.of(builder.dataSource, settings);
        this.enqueuer = new Enqueuer(builder.dataSource, tables, settings, this::written, this::scheduled);
        this.room = new Room(settings.maxQueueSize(), settings.blocksWhenFull(), this::waiting, builder.nanos);
        var types = new ArrayList<HandledType>();
        builder.handlers.forEach((type, handler) -> types.add(new HandledType(type, handler, builder.ofType(type))));
        this.engine = new Engine(builder.dataSource, tables, settings, types, builder.nanos, enqueuer::releaseDue);
        this.wakeUps = settings.listens() ? new WakeUps(builder.dataSource, settings.schema(), this::heard) : null;
    }

    /**
     * Returns a builder.
     *
     * @param dataSource a pool of the program. The engine uses at most five connections of it, and returns them as they
     *     came
     */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    private void start() {
        for (HandledType type : engine.types()) {
            type.state(enqueuer.open(type.name()));
        }
        enqueuer.start();
        if (wakeUps != null) {
            wakeUps.start();
        }
        engine.start();
    }

    private void written(Set<String> queues) {
        queues.forEach(engine.dispatcher()::arrivedIn);
        if (wakeUps != null) {
            wakeUps.tell(queues);
        }
    }

    private void scheduled() {
        engine.dispatcher().lookAgain();
    }

    private void heard(String queue) {
        engine.dispatcher().arrivedIn(queue);
        engine.dispatcher().lookAgain();
        engine.dispatcher().refresh();
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
        if (works.isEmpty()) {
            return List.of();
        }
        for (Map.Entry<String, Long> type : works.stream()
                .collect(Collectors.groupingBy(Work::type, Collectors.counting()))
                .entrySet()) {
            room.take(type.getKey(), Math.toIntExact(type.getValue()));
        }
        return enqueuer.enqueue(works);
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
        return enqueuer.enqueue(connection, work);
    }

    /** Returns how many works of a type wait that no engine has claimed, without those that are scheduled. */
    public long waiting(String type) {
        return tables.transactions()
                .run(
                        "could not count the works of type " + type,
                        connection -> tables.types().waiting(connection, Types.queue(type)));
    }

    /**
     * Stops all engines from claiming works of a type, until {@link #resume}. Works that run go on. Engines of other
     * programs notice within their poll interval.
     */
    public void pause(String type) {
        change(type, (connection, queue) -> tables.types().pause(connection, queue));
    }

    /** Lets engines claim works of a type again. */
    public void resume(String type) {
        change(type, (connection, queue) -> tables.types().resume(connection, queue));
    }

    /**
     * Sets how many works of a type each engine runs at a time. Stays set over restarts.
     *
     * @param concurrency at most as many as the engine runs in total; null: as its handler is set up
     */
    public void concurrency(String type, @Nullable Integer concurrency) {
        if (concurrency != null && concurrency < 1) {
            throw new IllegalArgumentException("concurrency must be at least 1, was " + concurrency);
        }
        change(type, (connection, queue) -> tables.types().setConcurrency(connection, queue, concurrency));
    }

    private interface Change {
        void on(Connection connection, String queue) throws SQLException;
    }

    private void change(String type, Change change) {
        Types.check(type);
        String queue = Types.queue(type);
        tables.transactions().run("could not change type " + type, connection -> {
            change.on(connection, queue);
            return true;
        });
        engine.dispatcher().refresh();
        if (wakeUps != null) {
            wakeUps.tell(List.of(queue));
        }
    }

    /**
     * Cancels a work. If it waits for a retry, it is gone at once. If it waits for its first run, it is dropped when an
     * engine claims it. If it runs, its handler is asked to end, within the poll interval of its engine, and its
     * outcome is dropped. Without effect on a work that is done.
     *
     * @return whether the work is gone already
     */
    public boolean cancel(String type, WorkId id) {
        Types.check(type);
        Optional<TypeRows.State> known = tables.transactions()
                .run(
                        "could not read type " + type,
                        connection -> tables.types().load(connection, List.of(Types.queue(type))).stream()
                                .findFirst());
        if (known.isEmpty()) {
            return false;
        }
        TypeRows.State state = known.get();
        boolean isGone = tables.transactions().run("could not cancel work " + id, connection -> {
            Optional<Cancelled> waiting = tables.items().cancelWaiting(connection, state.queueId(), id.value());
            if (waiting.isPresent()) {
                dropped(connection, state, id, waiting.get());
            } else {
                tables.cancels().add(connection, state.queueId(), id.value());
            }
            return waiting.isPresent();
        });
        engine.dispatcher().refresh();
        engine.dispatcher().arrivedIn(state.queue());
        if (wakeUps != null) {
            wakeUps.tell(List.of(state.queue()));
        }
        return isGone;
    }

    /** Frees the key and the partition of a work that was cancelled while it waited. */
    private void dropped(Connection connection, TypeRows.State state, WorkId id, Cancelled work) throws SQLException {
        String key = settings.cipher()
                .open(state.queue(), MessageHeaders.ofStored(work.headers()))
                .get(Begun.KEY_HEADER);
        if (key != null) {
            Duration window = engine.types().stream()
                    .filter(type -> type.queue().equals(state.queue()))
                    .findFirst()
                    .map(HandledType::settings)
                    .orElse(HandlerSettings.DEFAULT)
                    .idempotencyWindow();
            tables.keys()
                    .finish(
                            connection,
                            List.of(new FinishedKey(new QueueKey(state.queueId(), key), id.value(), window, null)));
        }
        if (work.closes()) {
            tables.taking().open(connection, Types.GROUP, List.of(work.partitionId()));
        }
    }

    /**
     * Closes the buffer. Claims nothing more, waits for the handlers, interrupts those that have not ended within
     * {@link Builder#closeTimeout}, and gives back what has not finished: it runs again elsewhere and has cost no
     * attempt.
     *
     * @return what was left. A further call returns the same
     */
    public synchronized CloseReport closeAndReport() throws InterruptedException {
        if (report == null) {
            report = engine.close();
            enqueuer.close(CLOSE);
            if (wakeUps != null) {
                wakeUps.close();
            }
        }
        return report;
    }

    /** Closes the buffer as {@link #closeAndReport} does, and logs what was left. */
    @Override
    public void close() {
        try {
            CloseReport left = closeAndReport();
            if (left.givenBack() > 0 || left.stuck() > 0 || !left.isStored()) {
                log.warn(
                        "Closed the work buffer with works left; other engines run them again given_back={}"
                                + " stuck={} stored={}",
                        left.givenBack(),
                        left.stuck(),
                        left.isStored());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A buffer under construction; each method sets the setting of its name. Not thread-safe. */
    public static final class Builder {
        private final DataSource dataSource;
        private final Map<String, Handler> handlers = new LinkedHashMap<>();
        private final Map<String, HandlerSettings> ofHandlers = new LinkedHashMap<>();
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
        private boolean listens = true;
        private LongSupplier nanos = System::nanoTime;

        private Builder(DataSource dataSource) {
            this.dataSource = dataSource;
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
            Types.check(type);
            if (handlers.putIfAbsent(type, handler) != null) {
                throw new IllegalArgumentException("type " + type + " has a handler");
            }
            ofHandlers.put(type, settings);
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

        /** Sets whether a connection listens to other processes; else the engine only polls. */
        public Builder listen(boolean value) {
            listens = value;
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
                    listens);
        }

        private HandlerSettings ofType(String type) {
            return ofHandlers.getOrDefault(type, HandlerSettings.DEFAULT);
        }

        /**
         * Starts the buffer.
         *
         * @throws IllegalArgumentException if a setting is out of its range; the message names it
         * @throws IllegalStateException if the schema does not fit; the message says what to do
         * @throws QueueException if PostgreSQL failed
         */
        public WorkBuffer start() {
            var buffer = new WorkBuffer(this);
            if (appliesSchema) {
                QueueSchema.apply(dataSource, schema);
            } else {
                QueueSchema.verify(dataSource, schema);
            }
            buffer.start();
            return buffer;
        }
    }
}
