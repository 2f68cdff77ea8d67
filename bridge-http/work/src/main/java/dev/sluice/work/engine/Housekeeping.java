package dev.sluice.work.engine;

import dev.sluice.queue.sql.Transactions;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.store.CancelRows.Request;
import dev.sluice.work.store.KeyRows.HeldKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.Orphans;
import dev.sluice.work.store.TypeRows;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes what nothing needs any more, corrects numbers, and stores the counts of the minute. Has a thread of its own:
 * after a long pause there may be much to delete. A step is one transaction on a bounded number of rows.
 */
final class Housekeeping {
    private static final Logger log = LoggerFactory.getLogger(Housekeeping.class);

    private static final Duration ROUNDS = Duration.ofMinutes(10);

    /** How long a work waits for one that is gone before an engine looks, and how often it looks. */
    private static final Duration FORGOTTEN = Duration.ofMinutes(1);

    private static final int ROWS = 1_000;

    /** How many pages of keys a round looks at, and of requests to cancel. */
    private static final int PAGES = 100;

    private static final QueueKey FIRST = new QueueKey(0, "");

    private static final String WHAT = "could not delete old rows of works";

    private final Tables tables;
    private final TypeSet types;
    private final MinuteCounts minuteCounts;
    private final Transactions wholeTables;
    private final Orphans orphans;
    private final Runnable released;
    private final Thread thread;
    private volatile boolean closed;
    private QueueKey lastKey = FIRST;
    private Request lastCancel = Request.FIRST;
    private long nextCountsNanos = System.nanoTime();

    /**
     * Makes a housekeeping that {@link #start} starts.
     *
     * @param released runs after works were let run that waited for deleted ones
     */
    Housekeeping(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            TypeSet types,
            MinuteCounts minuteCounts,
            Runnable released) {
        this.tables = tables;
        this.types = types;
        this.minuteCounts = minuteCounts;
        this.wholeTables = new Transactions(dataSource);
        this.orphans = new Orphans(settings.schema());
        this.released = released;
        this.thread = WorkThreads.daemon("sluice-work-housekeeping", this::run);
    }

    void start() {
        thread.start();
    }

    private void run() {
        long nextRound = System.nanoTime();
        long nextForgotten = System.nanoTime() + FORGOTTEN.toNanos();
        while (!closed) {
            try {
                storeCounts();
                if (System.nanoTime() - nextRound >= 0) {
                    nextRound = System.nanoTime() + ROUNDS.toNanos();
                    keepHouse();
                }
                if (System.nanoTime() - nextForgotten >= 0) {
                    nextForgotten = System.nanoTime() + FORGOTTEN.toNanos();
                    releaseForgotten();
                }
            } catch (RuntimeException | Error e) { // The thread must not die: tables would grow.
                log.warn("Could not delete old rows of works, trying again later reason={}", e.getMessage());
            }
            pause();
        }
    }

    private void pause() {
        try {
            Thread.sleep(MinuteCounts.INTERVAL.toMillis());
        } catch (InterruptedException e) {
            if (!closed) {
                log.warn("A thread of the work engine was interrupted; it goes on");
            }
        }
    }

    private void storeCounts() {
        if (System.nanoTime() - nextCountsNanos >= 0) {
            nextCountsNanos = System.nanoTime() + MinuteCounts.INTERVAL.toNanos();
            minuteCounts.store();
        }
    }

    /** Lets works run that wait for works which somebody has deleted. */
    private void releaseForgotten() {
        int works = tables.transactions()
                .run(
                        "could not look for works that wait for deleted ones",
                        connection -> tables.latest().releaseForgotten(connection, FORGOTTEN, ROWS));
        if (works > 0) {
            log.info("Released works that waited for deleted works works={}", works);
            released.run();
        }
    }

    private void keepHouse() {
        repeat(WHAT, connection -> tables.keys().deleteExpired(connection, ROWS));
        repeat(WHAT, connection -> tables.latest().deleteOld(connection, ROWS));
        repeat(WHAT, connection -> tables.progress().deleteOld(connection, ROWS));
        repeat(WHAT, connection -> tables.ends().deleteOld(connection, ROWS));
        repeat(WHAT, connection -> tables.counts().deleteOld(connection, ROWS));
        deleteLostKeys();
        deleteLostCancels();
        wholeTables.run(WHAT, orphans::delete);
        types.all().forEach(this::keepLimits);
    }

    /** Frees keys whose works were deleted with their messages. Looks at some pages of keys, further ones next time. */
    private void deleteLostKeys() {
        for (int page = 0; page < PAGES && !closed; page++) {
            List<HeldKey> keys =
                    tables.transactions().run(WHAT, connection -> tables.keys().page(connection, lastKey, ROWS));
            keys.stream()
                    .filter(HeldKey::isOld)
                    .collect(Collectors.groupingBy(each -> each.key().queueId(), TreeMap::new, Collectors.toList()))
                    .forEach(this::deleteLostKeys);
            storeCounts();
            if (keys.size() < ROWS) {
                lastKey = FIRST;
                return;
            }
            lastKey = keys.get(keys.size() - 1).key();
        }
    }

    private void deleteLostKeys(long queueId, List<HeldKey> keys) {
        int deleted = tables.transactions().run(WHAT, connection -> {
            Set<UUID> left = tables.unread()
                    .left(
                            connection,
                            queueId,
                            keys.stream().map(HeldKey::messageId).toList());
            List<HeldKey> lost =
                    keys.stream().filter(key -> !left.contains(key.messageId())).toList();
            return tables.keys().deleteLost(connection, queueId, lost);
        });
        if (deleted > 0) {
            log.info("Freed idempotency keys of works that were deleted before they ran keys={}", deleted);
        }
    }

    /** Deletes requests to cancel works that no engine has found: they were done before, or deleted. */
    private void deleteLostCancels() {
        for (int page = 0; page < PAGES && !closed; page++) {
            List<Request> requests = tables.transactions()
                    .run(WHAT, connection -> tables.cancels().page(connection, lastCancel, ROWS));
            requests.stream()
                    .filter(Request::isOld)
                    .collect(Collectors.groupingBy(
                            Request::queueId, Collectors.mapping(Request::messageId, Collectors.toList())))
                    .forEach(this::deleteLostCancels);
            storeCounts();
            if (requests.size() < ROWS) {
                lastCancel = Request.FIRST;
                return;
            }
            lastCancel = requests.get(requests.size() - 1);
        }
    }

    private void deleteLostCancels(long queueId, List<UUID> works) {
        tables.transactions().run(WHAT, connection -> {
            var lost = new HashSet<>(works);
            lost.removeAll(tables.unread().left(connection, queueId, works));
            return tables.cancels().delete(connection, queueId, lost);
        });
    }

    /** Repeats a step until it finds nothing. Between two steps, does what must not wait. */
    private void repeat(String what, Transactions.Work<Integer> step) {
        while (!closed && tables.transactions().run(what, step) > 0) {
            storeCounts();
        }
    }

    /** Corrects numbers of running works, which should never be wrong, and deletes keys that use nothing. */
    private void keepLimits(HandledType type) {
        TypeRows.State state = type.state();
        if (closed || state == null || !state.isLimited()) {
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
        repeat(
                what,
                connection -> tables.limits()
                        .deleteIdle(
                                connection,
                                state.queueId(),
                                state.queue(),
                                state.limits().ofEachKey(),
                                ROWS));
    }

    /** Ends the thread after its step. */
    void close(Duration timeout) throws InterruptedException {
        closed = true;
        thread.interrupt();
        thread.join(Math.max(1, timeout.toMillis()));
    }
}
