package dev.sluice.work.engine;

import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.breaker.Permit;
import dev.sluice.work.engine.Claims.Claimed;
import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.ItemRows;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that claims works for the workers and stores the outcomes of their runs. If PostgreSQL does not answer, it
 * keeps the outcomes and tries again.
 */
final class Dispatcher {
    private static final Logger log = LoggerFactory.getLogger(Dispatcher.class);

    /** How long an outcome waits for the others of its claim. */
    private static final long LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(200);
    /** How soon an engine claims again if other engines were claiming all that is there, or a breaker may close. */
    private static final long HELD_UP_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    /** Most works that are claimed beyond those that can run at once, and most of a claim for asynchronous handlers. */
    private static final int MOST_AHEAD = 2_000;

    /** Most outcomes that are stored in one transaction. */
    private static final int MOST_SETTLED = 5_000;

    private final EngineSettings settings;
    private final TypeSet types;
    private final Workers workers;
    private final Claims claims;
    private final Settlement settlement;
    private final Held held;
    private final Reports reports;
    private final Events events;
    private final LongSupplier nanos;
    private final Serving serving;
    private final Withdrawals withdrawals;
    private final Runnable releaseDue;

    private final ConcurrentLinkedQueue<Ended> arrived = new ConcurrentLinkedQueue<>();
    private final List<Ended> unsettled = new ArrayList<>();
    private final AtomicBoolean signalled = new AtomicBoolean();
    private final Thread thread;
    private final CountDownLatch claimsNoMore = new CountDownLatch(1);
    private volatile boolean claiming = true;
    private volatile boolean closed;
    private volatile boolean abandoned;
    private volatile boolean refreshes = true;
    private volatile boolean looks;
    private long firstUnsettledNanos;
    private long nextRefreshNanos;
    private long failedUntilNanos;
    private boolean failing;
    private int turns;

    private @Nullable Long looksAgainNanos;

    /** The type of an item that must run alone: nothing else is claimed until it is done. */
    private @Nullable HandledType alone;

    /** The parts of an engine that the dispatcher uses. */
    record Parts(
            EngineSettings settings,
            TypeSet types,
            Workers workers,
            Claims claims,
            Settlement settlement,
            Held held,
            Reports reports,
            Events events,
            LongSupplier nanos) {}

    /**
     * Makes a dispatcher that {@link #start} starts.
     *
     * @param releaseDue asks for scheduled messages to be moved to their queues
     */
    Dispatcher(Parts parts, Runnable releaseDue) {
        this.settings = parts.settings();
        this.types = parts.types();
        this.workers = parts.workers();
        this.claims = parts.claims();
        this.settlement = parts.settlement();
        this.held = parts.held();
        this.reports = parts.reports();
        this.events = parts.events();
        this.reports.onReport(this::wake);
        this.nanos = parts.nanos();
        this.serving = new Serving(settings, nanos);
        this.withdrawals = new Withdrawals(workers, held, claims);
        this.releaseDue = releaseDue;
        this.nextRefreshNanos = nanos.getAsLong();
        this.failedUntilNanos = nextRefreshNanos;
        this.thread = WorkThreads.daemon("sluice-work-dispatcher", this::run);
    }

    void start() {
        thread.start();
    }

    /** Takes a work whose run has ended. Any thread. */
    void ended(Ended work) {
        arrived.add(work);
        wake();
    }

    /** Says that a queue may have works. Any thread. */
    void arrivedIn(String queue) {
        HandledType type = types.ofQueue(queue);
        if (type != null) {
            type.messagesLikely(true);
            wake();
        }
    }

    /** Says that a work may be due earlier than the engine knows. Any thread. */
    void lookAgain() {
        looks = true;
        wake();
    }

    /** Says that operators have changed something: what they have set is read again. Any thread. */
    void refresh() {
        refreshes = true;
        wake();
    }

    private void wake() {
        if (!signalled.getAndSet(true)) {
            LockSupport.unpark(thread);
        }
    }

    /** Stops claiming, and waits until no claim is under way. Outcomes are still stored. */
    void stopClaiming(Duration timeout) throws InterruptedException {
        claiming = false;
        wake();
        if (!claimsNoMore.await(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
            log.warn("A claim is still under way; its works are given back when PostgreSQL answers");
        }
    }

    /**
     * Stores the outcomes that are left, and ends the thread. If PostgreSQL does not answer within the timeout, the
     * outcomes are not stored.
     */
    boolean close(Duration timeout) throws InterruptedException {
        closed = true;
        wake();
        thread.join(Math.max(1, timeout.toMillis()));
        abandoned = true;
        return !thread.isAlive() && held.size() == 0;
    }

    private void run() {
        while (!abandoned && !(closed && arrived.isEmpty() && unsettled.isEmpty() && !claims.hasDoubts())) {
            signalled.set(false);
            if (!claiming) {
                claimsNoMore.countDown();
            }
            boolean isBusy = false;
            try {
                if (nanos.getAsLong() - failedUntilNanos >= 0) {
                    isBusy = turn();
                    recovered();
                }
            } catch (RuntimeException | Error e) { // The thread must not die: nothing would run any more.
                failed(e);
            }
            if (!isBusy && !signalled.get()) {
                LockSupport.parkNanos(this, Math.max(1, nextTurn() - nanos.getAsLong()));
            }
        }
    }

    private void failed(Throwable e) {
        failedUntilNanos = nanos.getAsLong() + PAUSE_NANOS;
        if (!failing) {
            failing = true;
            log.warn("Works are neither claimed nor finished until PostgreSQL answers; trying again", e);
        }
    }

    private void recovered() {
        if (failing) {
            failing = false;
            log.info("Works are claimed and finished again");
        }
    }

    /** Does what there is to do. Returns whether there may be more at once. */
    private boolean turn() {
        workers.startReady();
        // First: a worker waits for it, and nobody for an outcome.
        boolean hasClaimed = claiming ? claim() : claims.giveDoubtfulBack();
        boolean hasSettled = settle();
        reports.store();
        boolean hasRunAlone = claiming && alone != null && serving.claim(alone, this::runAlone);
        if (alone != null && alone.rests(nanos.getAsLong())) {
            alone = null;
        }
        return hasClaimed || hasSettled || hasRunAlone;
    }

    /** Looks what is due, and claims works of all types. Returns whether there may be more at once. */
    private boolean claim() {
        boolean isBusy = false;
        looksAgainNanos = null;
        readTypes();
        List<HandledType> all = types.all();
        all.forEach(type -> arrived.addAll(withdrawals.late(type)));
        if (looks) {
            looks = false;
            all.forEach(type -> type.nextLookNanos(nanos.getAsLong()));
        }
        Map<Long, ItemRows.Look> looked = serving.look(all, claims::look);
        int first = Math.floorMod(turns++, Math.max(1, all.size())); // Types take turns for what becomes free.
        for (int i = 0; i < all.size(); i++) {
            HandledType type = all.get((first + i) % all.size());
            TypeRows.State state = type.state();
            if (state != null && serving.isOpen(type, state)) {
                isBusy |= serving.claim(type, () -> {
                    look(type, state, looked.get(state.queueId()));
                    if (type.breakers().isOpen()) {
                        giveBack(workers.withdraw(type)); // They were claimed before the breaker opened.
                    }
                    return alone == null && claim(type, state);
                });
            }
        }
        return isBusy;
    }

    /** Stores outcomes, unless it is better to wait for others of their claims. */
    private boolean settle() {
        boolean wasEmpty = unsettled.isEmpty();
        for (Ended each = arrived.poll(); each != null; each = arrived.poll()) {
            unsettled.add(each);
            if (unsettled.size() >= MOST_SETTLED) {
                break;
            }
        }
        if (unsettled.isEmpty()) {
            return false;
        }
        if (wasEmpty) {
            firstUnsettledNanos = nanos.getAsLong();
        }
        if (!isUrgent() && nanos.getAsLong() - firstUnsettledNanos < LINGER_NANOS) {
            return false;
        }
        unsettled.replaceAll(Ended::unlessCancelled);
        Settlement.Settled settled = settlement.run(unsettled);
        Set<Begun> lost = settled.lost();
        if (settled.madeDue() > 0) {
            releaseDue.run();
        }
        if (!lost.isEmpty()) {
            log.warn("Other engines have taken works over; their outcomes were dropped works={}", lost.size());
        }
        List<Ended> stored = settled.ended();
        for (Ended each : stored) {
            HandledType type = each.begun().type();
            if (each.begun().history().closes() || each.begun().history().limited() != null) {
                type.messagesLikely(true); // The next work of the key, or the next one that waits for room.
            }
            if (each.verdict() instanceof Verdict.Again) {
                type.nextLookNanos(nanos.getAsLong());
            }
        }
        held.remove(stored);
        stored.forEach(each -> each.begun().endPermit());
        Counts.settled(stored, lost);
        events.tellSettled(stored, lost);
        Set<Begun> gone = stored.stream().map(Ended::begun).collect(Collectors.toSet());
        unsettled.removeIf(each -> gone.contains(each.begun()));
        return true;
    }

    /** Returns whether an outcome must not wait, or all of some claim are there. */
    private boolean isUrgent() {
        if (closed || unsettled.size() >= MOST_SETTLED) {
            return true;
        }
        for (Ended each : unsettled) {
            ClaimHold claim = each.begun().history().claim();
            if (claim == null || each.begun().history().closes() || !(each.verdict() instanceof Verdict.Finish)) {
                return true;
            }
        }
        return workers.isIdle();
    }

    /** Reads what operators have set, and which works are to be cancelled. */
    private void readTypes() {
        long now = nanos.getAsLong();
        if (!refreshes && now - nextRefreshNanos < 0) {
            return;
        }
        refreshes = false;
        nextRefreshNanos = now + settings.pollInterval().toNanos();
        List<HandledType> all = types.all();
        Map<String, TypeRows.State> states = all.isEmpty() ? Map.of() : claims.load(all);
        for (HandledType type : all) {
            TypeRows.State state = states.get(type.queue());
            if (state == null) {
                continue;
            }
            TypeRows.State before = type.state();
            if (before == null || before.queueId() != state.queueId() || before.isPaused() != state.isPaused()) {
                type.messagesLikely(true);
                type.nextLookNanos(now);
            }
            if (before != null && before.isPaused() != state.isPaused()) {
                Kind kind = state.isPaused() ? Kind.PAUSED : Kind.RESUMED;
                events.tell(new WorkEvent(kind, type.name(), null, 0, null));
            }
            type.state(state);
            type.breakers().set(state.breaker(), state.breakerResets());
            if (state.hasCancels()) {
                arrived.addAll(withdrawals.cancelled(type, state));
            }
        }
    }

    /** Notes what is due, and sets when to look again. */
    private void look(HandledType type, TypeRows.State state, ItemRows.@Nullable Look found) {
        if (found == null) {
            return;
        }
        long now = nanos.getAsLong();
        ItemRows.Look look = claims.look(type, state, found);
        type.itemsLikely(type.itemsLikely() || look.areDue());
        if (look.isAloneDue() && alone == null) {
            alone = type;
        }
        type.messagesLikely(type.messagesLikely() || look.areMessages());
        long next = settings.pollInterval().toNanos();
        if (look.next() != null) {
            next = Math.min(next, look.next().toNanos());
        }
        if (look.nextScheduled() != null) {
            if (look.nextScheduled().isZero()) {
                releaseDue.run();
            } else {
                next = Math.min(next, look.nextScheduled().toNanos());
            }
        }
        type.nextLookNanos(now + Math.max(next, TimeUnit.MILLISECONDS.toNanos(1)));
    }

    /** Claims as many works as the workers can begin. Returns whether there may be more. */
    private boolean claim(HandledType type, TypeRows.State state) {
        if (!type.isLikely()) {
            return false;
        }
        int limit = type.limit(settings.concurrency());
        int free = workers.free(type);
        // What is claimed ahead would take room of a limit before it begins.
        int ahead = type.isBatched() || type.isAsync() || state.hasRules()
                ? 0
                : type.begunWithin(settings.claimAhead().toNanos(), limit, MOST_AHEAD);
        int wanted = type.isAsync() ? Math.min(free, MOST_AHEAD) : free + ahead;
        // A small claim costs as much as a large one, so workers that are busy with short works wait for a large one.
        if (wanted <= 0 || (ahead > 0 && workers.waiting(type) > ahead / 2)) {
            return false;
        }
        if (arrived.stream().anyMatch(each -> each.begun().closes())) {
            settle(); // Opens partitions, so that the next works of their keys have their turns in this claim.
        }
        List<Permit> permissions = type.breakers().permissions(wanted);
        int permitted = permissions == null ? wanted : permissions.size();
        return permitted > 0 && claim(type, state, permitted, permissions);
    }

    private void giveBack(List<Begun> works) {
        works.forEach(begun -> arrived.add(new Ended(begun, Runner.givenBack(begun))));
    }

    private boolean claim(HandledType type, TypeRows.State state, int wanted, @Nullable List<Permit> permissions) {
        long since = nanos.getAsLong();
        boolean items = type.itemsLikely();
        boolean messages = type.messagesLikely();
        type.messagesLikely(false); // Before the claim: what arrives meanwhile sets it again.
        Claimed claimed;
        try {
            claimed = claims.claim(type, state, wanted, items, messages, permissions);
        } catch (RuntimeException | Error e) {
            type.messagesLikely(true);
            throw e;
        }
        boolean someInLines = state.usesLines() && claimed.items() > 0;
        boolean maybeMore = claimed.items() == wanted || claimed.isHeldUp();
        if (claimed.messages() > 0 || (messages && maybeMore) || someInLines) {
            type.messagesLikely(true);
        }
        if (claimed.next() != null) {
            type.lookBy(nanos.getAsLong() + claimed.next().toNanos());
        }
        if (items && !claimed.leftItems()) {
            type.itemsLikely(false);
        }
        if (claimed.isHeldUp()) {
            looksAgainNanos = nanos.getAsLong() + HELD_UP_NANOS;
        }
        add(type, claimed, since);
        return claimed.items() + claimed.messages() > 0;
    }

    private void add(HandledType type, Claimed claimed, long since) {
        held.add(claimed.works(), since);
        held.add(claimed.ended().stream().map(Ended::begun).toList(), since);
        arrived.addAll(claimed.ended());
        if (closed || type.isLeaving()) {
            giveBack(claimed.works().stream().filter(Begun::giveUp).toList());
        } else {
            workers.add(type, claimed.works());
        }
    }

    /** If an item must run alone, waits until nothing else runs, and runs it. Returns whether something was done. */
    private boolean runAlone() {
        HandledType type = alone;
        if (type == null || held.size() > 0) {
            return false;
        }
        TypeRows.State state = type.state();
        if (state == null || state.isPaused() || type.isLeaving()) {
            alone = null;
            return true;
        }
        List<Permit> permissions = type.breakers().permissions(1);
        if (permissions != null && permissions.isEmpty()) {
            alone = null; // The next look finds it again.
            return false;
        }
        long since = nanos.getAsLong();
        Claimed claimed = claims.claimAlone(type, state, permissions);
        if (claimed.items() == 0) {
            alone = null;
        }
        add(type, claimed, since);
        return true;
    }

    /** Returns when the next turn is due if nothing happens before. */
    private long nextTurn() {
        long now = nanos.getAsLong();
        long next = now + settings.pollInterval().toNanos();
        if (failing) {
            return Math.min(next, failedUntilNanos);
        }
        if (!unsettled.isEmpty()) {
            next = Math.min(next, firstUnsettledNanos + LINGER_NANOS);
        }
        Long nextReports = reports.nextNanos();
        if (nextReports != null) {
            next = Math.min(next, nextReports);
        }
        Long nextBatch = workers.nextNanos();
        if (nextBatch != null) {
            next = Math.min(next, nextBatch);
        }
        if (claiming) {
            next = looksAgainNanos == null ? next : Math.min(next, looksAgainNanos);
            next = Math.min(next, nextRefreshNanos);
            for (HandledType type : types.all()) {
                TypeRows.State state = type.state();
                if (state != null && serving.isOpen(type, state)) {
                    next = Math.min(next, type.nextLookNanos());
                    Long mayClose = type.isLikely() ? type.breakers().nextNanos() : null;
                    next = mayClose == null ? next : Math.min(next, Math.max(now + HELD_UP_NANOS, mayClose));
                }
            }
        }
        return next;
    }
}
