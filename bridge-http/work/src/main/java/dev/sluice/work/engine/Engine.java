package dev.sluice.work.engine;

import dev.sluice.work.CloseReport;
import dev.sluice.work.Limit;
import dev.sluice.work.WorkLimits;
import dev.sluice.work.WorkStats;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.store.LimitRows;
import dev.sluice.work.store.LimitRules;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running part of a {@link dev.sluice.work.WorkBuffer}: the workers, the dispatcher, the housekeeping, and two
 * threads that nothing can starve. One renews leases on a connection of its own, the other watches the handlers.
 */
final class Engine {
    private static final Logger log = LoggerFactory.getLogger(Engine.class);

    /** How often the watch looks for handlers that exceed their timeouts. */
    private static final long WATCH_MS = 20;

    /** How long the end of the threads and the last outcomes may take after the handlers have ended. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    private final EngineSettings settings;
    private final Tables tables;
    private final TypeSet types;
    private final Workers workers;
    private final GivenUp undecided;
    private final Held held;
    private final MinuteCounts minuteCounts;
    private final Dispatcher dispatcher;
    private final Housekeeping housekeeping;
    private final List<Thread> threads = new ArrayList<>();
    private boolean isStarted;
    private boolean isClosing;
    private volatile boolean closed;

    /**
     * Makes an engine that {@link #start} starts.
     *
     * @param onward writes what works write when they end
     */
    Engine(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            TypeSet types,
            LongSupplier nanos,
            Events events,
            Onward onward) {
        this.settings = settings;
        this.types = types;
        this.tables = tables;
        var owner = UUID.randomUUID();
        var runner = new Runner(owner.toString());
        this.undecided = new GivenUp(runner, settings.interruptGrace(), this::ended, nanos);
        this.held = new Held(dataSource, tables, settings, owner, nanos);
        this.minuteCounts = new MinuteCounts(tables, types, owner);
        var reports = new Reports(tables, settings, owner, events, nanos);
        this.workers = new Workers(settings, types, runner, events, this::ended, undecided, nanos);
        this.dispatcher = new Dispatcher(
                new Dispatcher.Parts(
                        settings,
                        types,
                        workers,
                        new Claims(tables, settings, owner, held, reports, events, nanos),
                        new Settlement(tables, settings, owner, reports, runner, onward),
                        held,
                        reports,
                        events,
                        nanos),
                onward::releaseDue);
        this.housekeeping = new Housekeeping(dataSource, tables, settings, types, minuteCounts, dispatcher::lookAgain);
    }

    private void ended(Ended ended) {
        Begun begun = ended.begun();
        if (begun.stopReason() == Stop.CLOSE && ended.verdict().equals(Runner.givenBack(begun))) {
            begun.type().givenBack().incrementAndGet();
        }
        dispatcher.ended(ended);
    }

    /** Starts the threads. An engine without types has none. */
    synchronized void start() {
        if (types.all().isEmpty() || isStarted) {
            return;
        }
        isStarted = true;
        threads.add(WorkThreads.daemon("sluice-work-leases", this::renewLeases));
        threads.add(WorkThreads.daemon("sluice-work-watch", this::watch));
        held.connect();
        threads.forEach(Thread::start);
        housekeeping.start();
        dispatcher.start();
    }

    Dispatcher dispatcher() {
        return dispatcher;
    }

    private void renewLeases() {
        while (!closed) {
            try {
                held.renew();
            } catch (RuntimeException | Error e) { // The thread must not die: the leases would end.
                log.error("Could not renew the leases of works, trying again", e);
            }
            pause(held.interval().toMillis());
        }
        held.close();
    }

    private void watch() {
        while (!closed) {
            try {
                workers.running().forEach(this::watch);
                held.stopExpiring();
                undecided.watch();
            } catch (RuntimeException | Error e) { // The thread must not die: timeouts would have no effect.
                log.error("Could not watch the handlers, trying again", e);
            }
            pause(WATCH_MS);
        }
    }

    private void watch(Begun begun) {
        if (begun.isOverdue()) {
            begun.stop(Stop.TIMEOUT);
        }
        if (begun.ignoresInterruptFor(settings.interruptGrace())) {
            List<Begun> givenUp = workers.replace(begun);
            if (!givenUp.isEmpty()) {
                log.error(
                        "A handler ignores the interrupt of its thread, and its worker was replaced; the thread is lost"
                                + " until the handler ends type={} id={} works={} reason={} stuck={}",
                        begun.type().name(),
                        begun.id(),
                        givenUp.size(),
                        begun.stopReason(),
                        workers.stuck());
                undecided.add(givenUp);
            }
        }
    }

    /**
     * Lets the handlers end, gives back what has not, and ends the threads. If the thread is interrupted meanwhile, a
     * further call goes on.
     *
     * @param patience how long the handlers may take
     */
    CloseReport close(Duration patience) throws InterruptedException {
        synchronized (this) {
            isClosing = true;
            if (!isStarted) {
                return new CloseReport(0, 0, true);
            }
        }
        dispatcher.stopClaiming(LAST_WORDS);
        giveBack(workers.withdraw());
        awaitHandlers(begun -> true, System.nanoTime() + patience.toNanos());
        giveBack(workers.withdraw());
        workers.running().forEach(begun -> begun.stop(Stop.CLOSE));
        awaitHandlers(
                begun -> true, System.nanoTime() + settings.interruptGrace().toNanos());
        List<Begun> stuck = workers.running().stream().filter(Begun::giveUp).toList();
        giveBack(stuck);
        undecided.close();
        boolean isStored = dispatcher.close(LAST_WORDS);
        if (isStored) { // Then PostgreSQL answers.
            minuteCounts.store();
        }
        closed = true;
        housekeeping.close(LAST_WORDS);
        workers.close();
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join(LAST_WORDS.toMillis());
        }
        long calls = stuck.stream().map(each -> each.call().get(0)).distinct().count();
        return new CloseReport(givenBack(types.all()), (int) calls + workers.stuck(), isStored);
    }

    private static int givenBack(List<HandledType> types) {
        return types.stream().mapToInt(type -> type.givenBack().get()).sum();
    }

    /** Stores the limits of a handler, which count for all engines. Returns whether that changed something. */
    boolean setUpLimits(HandledType type, TypeRows.State state) {
        WorkLimits set = type.settings().limits();
        return tables.transactions().run("could not set the limits of type " + type.name(), connection -> {
            LimitRows limits = tables.limits();
            boolean changed = limits.setLimitKey(connection, type.queue(), set.key());
            changed |= limits.setRule(connection, type.queue(), LimitRows.TYPE, false, rule(set.ofType()));
            changed |= limits.setRule(connection, type.queue(), LimitRows.EACH_KEY, false, rule(set.ofEachKey()));
            if (changed) {
                limits.turnAll(connection, state.queueId());
            }
            return changed;
        });
    }

    static LimitRules.@Nullable Rule rule(@Nullable Limit limit) {
        return limit == null || limit.equals(Limit.NONE)
                ? null
                : new LimitRules.Rule(
                        limit.concurrency(), limit.rate(), limit.period().toMillis(), limit.burst(), limit.weight());
    }

    /**
     * Begins to handle a type.
     *
     * @throws IllegalArgumentException if it has a handler
     * @throws IllegalStateException if the engine closes
     */
    synchronized void add(HandledType type) {
        if (isClosing) {
            throw new IllegalStateException("the work buffer is closed");
        }
        types.add(type);
        start();
        dispatcher.refresh();
        dispatcher.lookAgain();
    }

    /**
     * Ends the handling of a type as {@link #close} ends that of all: claims none of its works, lets its handlers end
     * and gives back what has not.
     *
     * @param patience how long the handlers may take
     */
    CloseReport remove(HandledType type, Duration patience) throws InterruptedException {
        giveBack(workers.withdraw(type));
        Predicate<Begun> isOfType = begun -> begun.type().equals(type);
        awaitHandlers(isOfType, System.nanoTime() + patience.toNanos());
        giveBack(workers.withdraw(type));
        workers.running().stream().filter(isOfType).forEach(begun -> begun.stop(Stop.CLOSE));
        awaitHandlers(isOfType, System.nanoTime() + settings.interruptGrace().toNanos());
        List<Begun> stuck = workers.running().stream().filter(isOfType).toList();
        var calls = new HashSet<Begun>();
        for (Begun each : stuck) {
            calls.add(each.call().get(0));
            giveBack(workers.replace(each));
        }
        giveBack(workers.running().stream()
                .filter(isOfType)
                .filter(Begun::giveUp)
                .toList());
        long end = System.nanoTime() + LAST_WORDS.toNanos();
        while (!held.works(type).isEmpty() && System.nanoTime() - end < 0) {
            giveBack(workers.withdraw(type)); // A claim that was under way.
            TimeUnit.MILLISECONDS.sleep(1);
        }
        minuteCounts.removed(type);
        types.remove(type);
        return new CloseReport(
                givenBack(List.of(type)), calls.size(), held.works(type).isEmpty());
    }

    private void giveBack(List<Begun> works) {
        works.forEach(begun -> begun.type().givenBack().incrementAndGet());
        works.forEach(begun -> dispatcher.ended(new Ended(begun, Runner.givenBack(begun))));
    }

    private void awaitHandlers(Predicate<Begun> of, long deadlineNanos) throws InterruptedException {
        while (workers.running().stream().anyMatch(of) && System.nanoTime() - deadlineNanos < 0) {
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    private void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            if (!closed) {
                log.warn("A thread of the work engine was interrupted; it goes on");
            }
        }
    }

    /**
     * Returns the numbers of the types.
     *
     * @param pending counts the works of a type that no engine has claimed
     */
    WorkStats stats(ToLongFunction<String> pending) {
        return Statistics.of(types.all(), workers, pending);
    }

    /** Returns how many handlers of a type run here. */
    long active(String type) {
        return types.find(type).map(workers::running).orElse(0);
    }

    TypeSet types() {
        return types;
    }
}
