package dev.sluice.work.engine;

import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.CloseReport;
import dev.sluice.work.WorkStats;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.store.Orphans;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running part of a {@link dev.sluice.work.WorkBuffer}: the workers, the dispatcher, and two threads that no
 * handler can starve. One renews leases, the other watches the handlers.
 */
final class Engine {
    private static final Logger log = LoggerFactory.getLogger(Engine.class);

    /** How often the watch looks for handlers that exceed their timeouts. */
    private static final long WATCH_MS = 20;

    /** How long the end of the threads and the last outcomes may take after the handlers have ended. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(5);

    private static final Duration HOUSEKEEPING = Duration.ofMinutes(10);
    /** How long a work waits for one that is gone before an engine looks, and how often it looks. */
    private static final Duration FORGOTTEN = Duration.ofMinutes(1);

    private static final int HOUSEKEEPING_ROWS = 1_000;

    private final EngineSettings settings;
    private final List<HandledType> types;
    private final Tables tables;
    private final Transactions housekeeping;
    private final Orphans orphans;
    private final Workers workers;
    private final GivenUp undecided;
    private final Held held;
    private final MinuteCounts minuteCounts;
    private final Dispatcher dispatcher;
    private final List<Thread> threads = new ArrayList<>();
    /** Works whose handlers ended because of the close and gave no outcome. */
    private final AtomicInteger givenBack = new AtomicInteger();

    private volatile boolean closed;

    /**
     * Makes an engine that {@link #start} starts.
     *
     * @param releaseDue asks for scheduled messages to be moved to their queues
     */
    Engine(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            List<HandledType> types,
            LongSupplier nanos,
            Events events,
            Runnable releaseDue) {
        this.settings = settings;
        this.types = types;
        this.tables = tables;
        this.housekeeping = new Transactions(dataSource);
        this.orphans = new Orphans(settings.schema());
        var owner = UUID.randomUUID();
        var runner = new Runner(owner.toString());
        this.undecided = new GivenUp(runner, settings.interruptGrace(), this::ended, nanos);
        this.held = new Held(tables, settings.lease(), owner, nanos);
        this.minuteCounts = new MinuteCounts(tables, types, owner);
        var reports = new Reports(tables, settings, owner, events, nanos);
        this.workers = new Workers(settings, types, runner, events, this::ended, nanos);
        this.dispatcher = new Dispatcher(
                new Dispatcher.Parts(
                        settings,
                        types,
                        workers,
                        new Claims(tables, settings, owner, held, reports, events, nanos),
                        new Settlement(tables, settings, owner, reports),
                        held,
                        reports,
                        events,
                        nanos),
                releaseDue);
    }

    private void ended(Ended ended) {
        Begun begun = ended.begun();
        if (begun.stopReason() == Stop.CLOSE && ended.verdict().equals(Runner.givenBack(begun))) {
            givenBack.incrementAndGet();
        }
        dispatcher.ended(ended);
    }

    /** Starts the threads. An engine without types has none. */
    void start() {
        if (types.isEmpty()) {
            return;
        }
        threads.add(WorkThreads.daemon("sluice-work-leases", this::renewLeases));
        threads.add(WorkThreads.daemon("sluice-work-watch", this::watch));
        threads.forEach(Thread::start);
        dispatcher.start();
    }

    Dispatcher dispatcher() {
        return dispatcher;
    }

    private void renewLeases() {
        long nextHousekeeping = System.nanoTime();
        long nextForgotten = System.nanoTime() + FORGOTTEN.toNanos();
        long nextCounts = nextHousekeeping;
        while (!closed) {
            try {
                held.renew();
                if (System.nanoTime() - nextCounts >= 0) {
                    nextCounts = System.nanoTime() + MinuteCounts.INTERVAL.toNanos();
                    minuteCounts.store();
                }
                if (System.nanoTime() - nextHousekeeping >= 0) {
                    nextHousekeeping = System.nanoTime() + HOUSEKEEPING.toNanos();
                    keepHouse();
                }
                if (System.nanoTime() - nextForgotten >= 0) {
                    nextForgotten = System.nanoTime() + FORGOTTEN.toNanos();
                    releaseForgotten();
                }
            } catch (RuntimeException | Error e) { // The thread must not die: the leases would end.
                log.error("Could not renew the leases of works, trying again", e);
            }
            pause(Math.min(held.interval().toMillis(), MinuteCounts.INTERVAL.toMillis()));
        }
    }

    /** Lets works run that wait for works which somebody has deleted. */
    private void releaseForgotten() {
        int released = tables.transactions()
                .run(
                        "could not look for works that wait for deleted ones",
                        connection -> tables.latest().releaseForgotten(connection, FORGOTTEN, HOUSEKEEPING_ROWS));
        if (released > 0) {
            log.info("Released works that waited for deleted works works={}", released);
            dispatcher.lookAgain();
        }
    }

    /** Deletes what nothing needs any more. */
    private void keepHouse() {
        try {
            String what = "could not delete old rows of works";
            tables.transactions()
                    .repeat(what, connection -> tables.keys().deleteExpired(connection, HOUSEKEEPING_ROWS));
            tables.transactions().repeat(what, connection -> tables.latest().deleteOld(connection, HOUSEKEEPING_ROWS));
            tables.transactions().repeat(what, connection -> tables.cancels().deleteOld(connection, HOUSEKEEPING_ROWS));
            tables.transactions()
                    .repeat(what, connection -> tables.progress().deleteOld(connection, HOUSEKEEPING_ROWS));
            tables.transactions().repeat(what, connection -> tables.ends().deleteOld(connection, HOUSEKEEPING_ROWS));
            tables.transactions().repeat(what, connection -> tables.counts().deleteOld(connection, HOUSEKEEPING_ROWS));
            housekeeping.run(what, orphans::delete);
            types.forEach(this::keepLimits);
        } catch (RuntimeException e) {
            log.warn("Could not delete old rows of works, trying again later reason={}", e.getMessage());
        }
    }

    /** Corrects numbers of running works, which should never be wrong, and deletes keys that use nothing. */
    private void keepLimits(HandledType type) {
        TypeRows.State state = type.state();
        if (state == null || !state.isLimited()) {
            return;
        }
        String what = "could not keep the limits of type " + type.name();
        int wrong =
                tables.transactions().run(what, connection -> tables.limits().count(connection, state.queueId()));
        if (wrong > 0) {
            log.warn(
                    "Corrected how many works run, by the works that engines hold type={} limits={}",
                    type.name(),
                    wrong);
        }
        tables.transactions()
                .repeat(
                        what,
                        connection -> tables.limits()
                                .deleteIdle(
                                        connection,
                                        state.queueId(),
                                        state.queue(),
                                        state.limits().ofEachKey(),
                                        HOUSEKEEPING_ROWS));
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

    /** Lets the handlers end within the time of the settings, gives back what has not, and ends the threads. */
    CloseReport close() throws InterruptedException {
        if (types.isEmpty()) {
            return new CloseReport(0, 0, true);
        }
        dispatcher.stopClaiming(LAST_WORDS);
        giveBack(workers.withdraw());
        awaitHandlers(System.nanoTime() + settings.closeTimeout().toNanos());
        giveBack(workers.withdraw());
        workers.running().forEach(begun -> begun.stop(Stop.CLOSE));
        awaitHandlers(System.nanoTime() + settings.interruptGrace().toNanos());
        List<Begun> stuck = workers.running().stream().filter(Begun::giveUp).toList();
        giveBack(stuck);
        undecided.close();
        boolean isStored = dispatcher.close(LAST_WORDS);
        if (isStored) { // Then PostgreSQL answers.
            minuteCounts.store();
        }
        closed = true;
        workers.close();
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join(LAST_WORDS.toMillis());
        }
        long calls = stuck.stream().map(each -> each.call().get(0)).distinct().count();
        return new CloseReport(givenBack.get(), (int) calls + workers.stuck(), isStored);
    }

    private void giveBack(List<Begun> works) {
        givenBack.addAndGet(works.size());
        works.forEach(begun -> dispatcher.ended(new Ended(begun, Runner.givenBack(begun))));
    }

    private void awaitHandlers(long deadlineNanos) throws InterruptedException {
        while (!workers.running().isEmpty() && System.nanoTime() - deadlineNanos < 0) {
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
        return Statistics.of(types, workers, pending);
    }

    /** Returns how many handlers of a type run here. */
    long active(String type) {
        return types.stream()
                .filter(each -> each.name().equals(type))
                .mapToLong(workers::running)
                .sum();
    }

    List<HandledType> types() {
        return types;
    }
}
