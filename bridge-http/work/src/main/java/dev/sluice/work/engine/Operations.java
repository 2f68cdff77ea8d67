package dev.sluice.work.engine;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.write.WakeUps;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.work.Batching;
import dev.sluice.work.BreakerAction;
import dev.sluice.work.CloseReport;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Hooks;
import dev.sluice.work.Limit;
import dev.sluice.work.Work;
import dev.sluice.work.WorkAdmin;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkListener;
import dev.sluice.work.WorkStats;
import dev.sluice.work.admin.Administration;
import dev.sluice.work.base.Room;
import dev.sluice.work.breaker.Breakers;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.EndRows.End;
import dev.sluice.work.store.ItemRows.Cancelled;
import dev.sluice.work.store.KeyRows.FinishedKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.LatestRows.EndedWork;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LimitRows.UsedRoom;
import dev.sluice.work.store.LimitRules;
import dev.sluice.work.store.ProgressRows.Of;
import dev.sluice.work.store.TypeRows;
import dev.sluice.work.watch.WorkMeter;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link dev.sluice.work.WorkBuffer} does: it enqueues works, changes types and works, and has the engine that
 * runs handlers. The methods are described there.
 *
 * <p>Safe for use by many threads.
 */
public final class Operations {
    private static final Duration CLOSE = Duration.ofSeconds(5);

    /** How long a close waits for a listener to take its events. */
    private static final Duration LISTENERS = Duration.ofSeconds(1);

    /** How long events are kept in their queue, unless an operator sets another TTL: nobody may consume them. */
    private static final Duration EVENTS_KEPT = Duration.ofDays(7);

    private final DataSource dataSource;
    private final EngineSettings settings;
    private final Tables tables;
    private final Map<String, HandlerSettings> ofHandlers = new ConcurrentHashMap<>();
    private final TypeSet types = new TypeSet();
    private final LongSupplier nanos;
    private final boolean deliversEvents;
    private final Events events;
    private final Enqueuer enqueuer;
    private final Room room;
    private final Onward onward;
    private final Engine engine;
    private final @Nullable WakeUps wakeUps;
    private final @Nullable Consumer<Set<String>> tells;
    private final WorkAdmin admin;
    private @Nullable CloseReport report;

    /** A handler with its settings. */
    public record Registered(Hooks handler, Batching batching, HandlerSettings settings) {}

    /**
     * What the program gives beside handlers and settings.
     *
     * @param listeners each gets the events of the operations
     * @param delivered the kinds of events that are delivered in a queue
     * @param meter counts what happens
     * @param tells gets the queues that have new messages, if the program has wake-ups of its own; else null
     * @param nanos the clock by which timeouts are measured
     */
    public record Surroundings(
            List<WorkListener> listeners,
            Set<WorkEvent.Kind> delivered,
            WorkMeter meter,
            @Nullable Consumer<Set<String>> tells,
            LongSupplier nanos) {}

    /**
     * Makes operations that {@link #start} starts.
     *
     * @param handlers by type
     */
    public Operations(
            DataSource dataSource,
            EngineSettings settings,
            Map<String, Registered> handlers,
            Surroundings surroundings) {
        this.nanos = surroundings.nanos();
        Set<WorkEvent.Kind> delivered = surroundings.delivered();
        this.tells = surroundings.tells();
        this.dataSource = dataSource;
        this.settings = settings;
        this.tables = Tables.of(dataSource, settings);
        this.events = new Events(
                surroundings.listeners(),
                settings.eventBuffer(),
                EventQueue.of(dataSource, tables, settings, delivered, this::written),
                surroundings.meter());
        this.deliversEvents = !delivered.isEmpty();
        this.enqueuer =
                new Enqueuer(dataSource, tables, settings, this::written, this::scheduled, events, this::window);
        this.room = new Room(settings.maxQueueSize(), settings.blocksWhenFull(), this::waiting, nanos);
        this.onward = new Onward(tables, settings, enqueuer, room);
        handlers.forEach((type, each) -> types.add(handled(type, each)));
        this.engine = new Engine(dataSource, tables, settings, types, nanos, events, onward);
        handlers.forEach((type, each) -> ofHandlers.put(type, each.settings()));
        this.admin = new Administration(
                dataSource,
                settings.schema(),
                settings.cipher(),
                new Administration.Here(ofHandlers, () -> Statistics.breakers(types.all()), engine::active, this::due));
        this.wakeUps = settings.listens() ? new WakeUps(dataSource, settings.schema(), this::heard) : null;
    }

    /** Creates, updates or only checks the schema, and starts the threads. */
    public void start(boolean appliesSchema) {
        if (appliesSchema) {
            QueueSchema.apply(dataSource, settings.schema());
        } else {
            QueueSchema.verify(dataSource, settings.schema());
        }
        types.all().forEach(this::setUp);
        if (deliversEvents) {
            tables.transactions().run("could not create the queue of events", connection -> {
                tables.types().createEventQueue(connection, Types.EVENTS, EVENTS_KEPT);
                return true;
            });
        }
        events.start();
        enqueuer.start();
        if (wakeUps != null) {
            wakeUps.start();
        }
        engine.start();
    }

    private HandledType handled(String type, Registered with) {
        return new HandledType(
                type,
                with.handler(),
                with.batching(),
                with.settings(),
                settings.lanes(),
                new Breakers(type, with.settings().breaker(), nanos, events::tell));
    }

    /** Creates the queue of a type and stores its limits. */
    private void setUp(HandledType type) {
        if (engine.setUpLimits(type, enqueuer.open(type.name()))) {
            tell(Set.of(type.queue()));
        }
        type.state(enqueuer.open(type.name()));
    }

    /** Adds a type while the engine runs. */
    public void add(String type, Registered with) {
        Types.check(type);
        types.requireNone(type);
        HandledType handled = handled(type, with);
        setUp(handled);
        engine.add(handled);
        ofHandlers.put(type, with.settings());
    }

    /** Removes a type while the engine runs. Lets its handlers end, and gives back what has not ended. */
    public CloseReport remove(String type, Duration patience) throws InterruptedException {
        HandledType handled = types.find(type)
                .filter(HandledType::leave)
                .orElseThrow(() -> new IllegalArgumentException("type " + type + " has no handler here"));
        try {
            CloseReport left = engine.remove(handled, patience);
            ofHandlers.remove(type);
            return left;
        } finally {
            handled.leaveLater(); // After an interrupt, a further call goes on.
        }
    }

    /** Returns how long a close waits for handlers. */
    public Duration closeTimeout() {
        return settings.closeTimeout();
    }

    /** Sets the limit of a type; null: as its handler is set up. */
    public void limit(String type, @Nullable Limit limit) {
        setRule(type, LimitRows.TYPE, limit);
    }

    /** Sets the limit of each limit key of a type; null: as its handler is set up. */
    public void limitEachKey(String type, @Nullable Limit limit) {
        setRule(type, LimitRows.EACH_KEY, limit);
    }

    /** Sets the limit of a limit key of a type; null: that of each key. */
    public void limitKey(String type, String key, @Nullable Limit limit) {
        setRule(type, LimitKey.name(key), limit);
    }

    private void setRule(String type, String name, @Nullable Limit limit) {
        LimitRules.Rule rule =
                limit == null ? null : Objects.requireNonNullElse(Engine.rule(limit), LimitRules.Rule.NONE);
        change(type, (connection, queue) -> {
            boolean isChanged = tables.limits().setRule(connection, queue, name, true, rule);
            Optional<TypeRows.State> state =
                    tables.types().load(connection, List.of(queue)).stream().findFirst();
            if (isChanged && state.isPresent()) {
                tables.limits().turnAll(connection, state.get().queueId());
            }
        });
    }

    private void written(Set<String> queues) {
        queues.forEach(engine.dispatcher()::arrivedIn);
        tell(queues);
    }

    private void tell(Set<String> queues) {
        if (wakeUps != null) {
            wakeUps.tell(queues);
        }
        if (tells != null) {
            tells.accept(queues);
        }
    }

    /** Says that a queue has new messages, or that its type was changed. */
    public void wake(String queue) {
        if (types.ofQueue(queue) != null) {
            heard(queue);
        }
    }

    private void written(Set<String> queues, WriterSession session) {
        written(queues);
        if (wakeUps != null) {
            wakeUps.sendFirst(session);
        }
    }

    private void scheduled() {
        engine.dispatcher().lookAgain();
    }

    private void due(String queue) {
        heard(queue);
        tell(Set.of(queue));
    }

    private void heard(String queue) {
        engine.dispatcher().arrivedIn(queue);
        engine.dispatcher().lookAgain();
        engine.dispatcher().refresh();
    }

    /** Enqueues works in one transaction: all, or none. */
    public List<Enqueued> enqueue(List<Work> works) throws InterruptedException {
        if (works.isEmpty()) {
            return List.of();
        }
        for (Map.Entry<String, Integer> type : countByType(works).entrySet()) {
            room.take(type.getKey(), type.getValue());
        }
        return enqueuer.enqueue(works);
    }

    /** Enqueues works as {@link #enqueue(List)} does, but waits neither for room nor for the commit. */
    public CompletableFuture<List<Enqueued>> enqueueLater(List<Work> works, @Nullable String producer) {
        if (works.isEmpty()) {
            return CompletableFuture.completedFuture(List.of());
        }
        countByType(works).forEach(room::takeAtOnce);
        return enqueuer.submit(works, producer);
    }

    private static Map<String, Integer> countByType(List<Work> works) {
        return works.stream().collect(Collectors.groupingBy(Work::type, Collectors.summingInt(work -> 1)));
    }

    /** Enqueues a work in a transaction of the program. */
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

    /** Stops all engines from claiming works of a type. */
    public void pause(String type) {
        change(type, (connection, queue) -> tables.types().pause(connection, queue));
    }

    /** Lets engines claim works of a type again. */
    public void resume(String type) {
        change(type, (connection, queue) -> tables.types().resume(connection, queue));
    }

    /** Sets how many works of a type each engine runs at a time. */
    public void concurrency(String type, @Nullable Integer concurrency) {
        if (concurrency != null && concurrency < 1) {
            throw new IllegalArgumentException("concurrency must be at least 1, was " + concurrency);
        }
        change(type, (connection, queue) -> tables.types().setConcurrency(connection, queue, concurrency));
    }

    /** Forces or resets the circuit breakers of a type. */
    public void breaker(String type, BreakerAction action) {
        change(type, (connection, queue) -> {
            switch (action) {
                case FORCE_OPEN -> tables.types().forceBreaker(connection, queue, "open");
                case FORCE_CLOSED -> tables.types().forceBreaker(connection, queue, "closed");
                case RESET -> tables.types().resetBreaker(connection, queue);
            }
        });
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
        tell(Set.of(queue));
    }

    private Optional<TypeRows.State> state(String type) {
        Types.check(type);
        return tables.transactions()
                .run(
                        "could not read type " + type,
                        connection -> tables.types().load(connection, List.of(Types.queue(type))).stream()
                                .findFirst());
    }

    /** Returns the numbers of the types that have handlers here. */
    public WorkStats stats() {
        return engine.stats(this::waiting);
    }

    /** Returns the administration of the works. */
    public WorkAdmin admin() {
        return admin;
    }

    /** Adds a listener. */
    public WorkListener.Listening listen(WorkListener listener) {
        return events.add(listener);
    }

    /** Returns how many events were dropped. */
    public long droppedEvents() {
        return events.dropped();
    }

    /** Returns what the handler of a work has reported, as JSON text. */
    public Optional<String> progress(String type, WorkId id) {
        return state(type)
                .flatMap(state -> tables.transactions()
                        .run(
                                "could not read the progress of work " + id,
                                connection -> Optional.ofNullable(tables.progress()
                                                .load(connection, state.queueId(), List.of(id.value()))
                                                .get(id.value()))
                                        .map(report -> settings.cipher().open(state.queue(), report))));
    }

    /** Cancels a work. Returns whether it is gone already. */
    public boolean cancel(String type, WorkId id) {
        Types.check(type);
        Optional<TypeRows.State> known = state(type);
        if (known.isEmpty()) {
            return false;
        }
        TypeRows.State state = known.get();
        boolean isGone = tables.transactions().run("could not cancel work " + id, connection -> {
            Optional<Cancelled> waiting = tables.items().cancelWaiting(connection, state.queueId(), id.value());
            if (waiting.isEmpty()) {
                waiting = tables.ends().cancelUnsent(connection, state.queue(), state.queueId(), id.value());
            }
            if (waiting.isPresent()) {
                String limited = waiting.get().limited();
                if (limited != null) {
                    tables.limits().giveBack(connection, List.of(new UsedRoom(state.queueId(), limited, 1)));
                }
                dropped(connection, state, id, waiting.get());
                tables.ends().add(connection, List.of(End.cancelled(state.queueId(), id.value())));
                tables.progress().delete(connection, List.of(new Of(state.queueId(), id.value())));
            } else {
                tables.cancels().add(connection, state.queueId(), id.value());
            }
            return waiting.isPresent();
        });
        if (isGone) {
            enqueuer.watchOutbox();
            events.tell(new WorkEvent(WorkEvent.Kind.CANCELLED, type, id, 0, null));
        }
        engine.dispatcher().refresh();
        engine.dispatcher().arrivedIn(state.queue());
        engine.dispatcher().lookAgain();
        tell(Set.of(state.queue()));
        return isGone;
    }

    /** Frees the key and the partition of a work that was cancelled while it waited. */
    private void dropped(Connection connection, TypeRows.State state, WorkId id, Cancelled work) throws SQLException {
        MessageHeaders headers = settings.cipher().open(state.queue(), MessageHeaders.ofStored(work.headers()));
        onward.cancelled(connection, Types.ofQueue(state.queue()), id, headers, work.attempts());
        String key = headers.get(Begun.KEY_HEADER);
        if (key != null) {
            Duration window = window(Types.ofQueue(state.queue()));
            tables.keys()
                    .finish(
                            connection,
                            List.of(new FinishedKey(new QueueKey(state.queueId(), key), id.value(), window, null)));
        }
        String conflationKey = headers.get(Begun.CONFLATION_HEADER);
        if (conflationKey != null) {
            tables.ends().forgetWaiting(connection, state.queueId(), conflationKey, id.value());
            tables.latest().finish(connection, List.of(new EndedWork(state.queueId(), conflationKey, id.value())));
        }
        if (work.closes()) {
            tables.taking().open(connection, Types.GROUP, List.of(work.partitionId()));
        }
    }

    private Duration window(String type) {
        return ofHandlers.getOrDefault(type, HandlerSettings.DEFAULT).idempotencyWindow();
    }

    /** Closes everything. A further call returns the same, or goes on after an interrupt. */
    public CloseReport close() throws InterruptedException {
        return close(settings.closeTimeout());
    }

    /** Closes everything as {@link #close()} does, but does not wait for handlers before it interrupts them. */
    public CloseReport closeAtOnce() throws InterruptedException {
        return close(Duration.ZERO);
    }

    private synchronized CloseReport close(Duration patience) throws InterruptedException {
        room.close();
        if (report == null) {
            CloseReport left = engine.close(patience);
            enqueuer.close(CLOSE);
            events.close(LISTENERS);
            if (wakeUps != null) {
                wakeUps.close();
            }
            report = left;
        }
        return report;
    }
}
