package dev.sluice.work.engine;

import dev.sluice.work.CloseReport;
import dev.sluice.work.WorkStats;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
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
    private final List<HandledType> types;
    private final Workers workers;
    private final GivenUp undecided;
    private final Held held;
    private final MinuteCounts minuteCounts;
    private final Dispatcher dispatcher;
    private final Housekeeping housekeeping;
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
        var owner = UUID.randomUUID();
        var runner = new Runner(owner.toString());
        this.undecided = new GivenUp(runner, settings.interruptGrace(), this::ended, nanos);
        this.held = new Held(dataSource, tables, settings, owner, nanos);
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
        this.housekeeping = new Housekeeping(dataSource, tables, settings, types, minuteCounts, dispatcher::lookAgain);
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
        if (types.isEmpty()) {
            return new CloseReport(0, 0, true);
        }
        dispatcher.stopClaiming(LAST_WORDS);
        giveBack(workers.withdraw());
        awaitHandlers(System.nanoTime() + patience.toNanos());
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
        housekeeping.close(LAST_WORDS);
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
