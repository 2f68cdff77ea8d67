package dev.sluice.work.engine;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.work.Coalescing;
import dev.sluice.work.Enqueued;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Work;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.base.WorkThreads;
import dev.sluice.work.callback.CallbackHeaders;
import dev.sluice.work.engine.IdempotencyKeys.Prepared;
import dev.sluice.work.rules.HeldBack;
import dev.sluice.work.rules.JsonText;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.KeyRows.NewKey;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.LentConnections;
import dev.sluice.work.store.OutboxRows.Replaces;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes works to their queues. One thread writes what many callers enqueue at the same time in one transaction. It
 * also moves works from the outbox, and scheduled messages that are due.
 */
final class Enqueuer {
    private static final Logger log = LoggerFactory.getLogger(Enqueuer.class);

    /** Most works of one transaction, unless one call brings more. */
    private static final int BATCH = 1_000;

    /** How long the thread keeps its connection without work. */
    private static final long IDLE_MS = 1_000;

    /** How often the thread looks into the outbox after a program has enqueued in a transaction of its own. */
    private static final long OUTBOX_MS = 10;

    private static final Duration OUTBOX_WATCH = Duration.ofSeconds(30);

    private static final Duration LOG_EVERY = Duration.ofMinutes(1);

    /** How long a queue that was deleted may be used as if it were there. */
    private static final Duration FORGET = Duration.ofSeconds(5);

    private final Tables tables;
    private final EngineSettings settings;
    private final IdempotencyKeys keys;
    private final WorkWriter writer;
    private final QueueWriter releases;
    private final MessageIds ids = new MessageIds();

    /** The partition of each lane for works without a key. One for each lane, so that their order holds. */
    private final int program = ThreadLocalRandom.current().nextInt(PriorityLane.PARTITIONS);

    private final Map<String, TypeRows.State> states = new ConcurrentHashMap<>();
    private final LinkedBlockingQueue<Request> requests = new LinkedBlockingQueue<>();
    private final HeldBack<Request> heldBack = new HeldBack<>(System::nanoTime);
    private final BiConsumer<Set<String>, WriterSession> written;
    private final Events events;
    private final Runnable scheduled;
    private final Thread thread;
    private volatile boolean closed;
    private volatile boolean releasesDue;
    private volatile long outboxUntilNanos = System.nanoTime();
    private long nextOutboxNanos = System.nanoTime();
    private long forgetsNanos = System.nanoTime();
    private long nextLogNanos = System.nanoTime();

    /** A call of enqueue. */
    private record Request(List<Prepared> works, CompletableFuture<List<Enqueued>> result) {
        boolean hasKeys() {
            return works.stream().anyMatch(each -> each.key() != null);
        }

        void fail(Throwable reason) {
            result.completeExceptionally(reason);
        }
    }

    /**
     * Makes an enqueuer that {@link #start} starts.
     *
     * @param written gets the queues to which works were written, and the session that wrote them
     * @param scheduled runs after works were written that are due later
     * @param windows how long the idempotency keys of a type stay taken
     */
    Enqueuer(
            DataSource dataSource,
            Tables tables,
            EngineSettings settings,
            BiConsumer<Set<String>, WriterSession> written,
            Runnable scheduled,
            Events events,
            Function<String, Duration> windows) {
        this.scheduled = scheduled;
        this.tables = tables;
        this.settings = settings;
        this.written = written;
        this.events = events;
        this.keys = new IdempotencyKeys(tables.keys(), settings.cipher());
        QueueWriterConfig defaults = QueueWriterConfig.DEFAULTS;
        var config = new QueueWriterConfig(
                settings.schema(), defaults.dedupWindow(), defaults.dedupMaxIds(), settings.cipher());
        var lent = new LentConnections(dataSource);
        this.writer = new WorkWriter(lent, config, tables, keys, windows);
        this.releases = new QueueWriter(lent, config);
        this.thread = WorkThreads.daemon("sluice-work-enqueuer", this::run);
    }

    void start() {
        thread.start();
    }

    /**
     * Enqueues works in one transaction: all of them, or none.
     *
     * @throws KeyConflictException if a key belongs to a work with another payload; nothing was stored
     * @throws QueueException if PostgreSQL failed; nothing was stored
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit. A repetition with keys is safe
     */
    List<Enqueued> enqueue(List<Work> works) {
        try {
            return submit(works, null).join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                failure.addSuppressed(new IllegalStateException("the call that failed")); // Its stack trace.
                throw failure;
            }
            throw e;
        }
    }

    /**
     * Enqueues works as {@link #enqueue(List)} does. Asks the database only for queues that it does not know.
     *
     * @param producer subject of the producer's token; null: none
     * @return completes after the commit, on the thread of the enqueuer: what follows must not block
     */
    CompletableFuture<List<Enqueued>> submit(List<Work> works, @Nullable String producer) {
        List<Prepared> prepared =
                works.stream().map(work -> prepare(work, producer)).toList();
        var request = new Request(prepared, new CompletableFuture<>());
        requests.add(request);
        if (closed && requests.remove(request)) {
            throw new IllegalStateException("the work buffer is closed");
        }
        return request.result();
    }

    /**
     * Enqueues a work in a transaction of the program.
     *
     * @throws KeyConflictException if the key belongs to a work with another payload
     */
    Enqueued enqueue(Connection connection, Work work) throws SQLException {
        Prepared prepared = prepare(work, null);
        Map<QueueKey, Enqueued> duplicates = keys.claim(connection, List.of(prepared));
        Enqueued duplicate = IdempotencyKeys.duplicateOf(prepared, duplicates);
        if (duplicate != null) {
            return duplicate;
        }
        NewMessage message = prepared.message();
        if (tables.types().load(connection, List.of(message.queue())).stream().anyMatch(TypeRows.State::isEncrypted)) {
            settings.cipher().requireKey(message.queue());
            message = settings.cipher().seal(message);
        }
        Coalescing how = work.coalescing();
        tables.outbox()
                .add(
                        connection,
                        message,
                        work.priority(),
                        how == null ? null : new Replaces(how.key(), how.quiet(), how.longest()));
        watchOutbox();
        return new Enqueued(new WorkId(message.id()), false, false, null);
    }

    /** Looks into the outbox soon, and often for a while. */
    void watchOutbox() {
        outboxUntilNanos = System.nanoTime() + OUTBOX_WATCH.toNanos();
        requests.add(new Request(List.of(), new CompletableFuture<>())); // Wakes the thread.
    }

    /** Returns the message of a work, in clear. */
    NewMessage message(Work work) {
        return prepare(work, null).message();
    }

    /** Asks for scheduled messages to be moved to their queues. */
    void releaseDue() {
        releasesDue = true;
        requests.add(new Request(List.of(), new CompletableFuture<>()));
    }

    private Prepared prepare(Work work, @Nullable String producer) {
        JsonText.check(work.payload());
        TypeRows.State state = state(work);
        var headers = new LinkedHashMap<>(work.metadata());
        String key = work.idempotencyKey();
        if (key != null) {
            headers.put(Begun.KEY_HEADER, key);
        }
        if (work.coalescing() != null && work.coalescing().conflates()) {
            headers.put(Begun.CONFLATION_HEADER, work.coalescing().key());
        }
        if (work.deadline() != null) {
            headers.put(Begun.DEADLINE_HEADER, work.deadline().toString());
        }
        CallbackHeaders.addTo(headers, work.callbacks());
        var id = ids.next();
        if (work.key() != null && work.priority() != PriorityLane.NORMAL) {
            headers.put(Begun.PRIORITY_HEADER, work.priority().text());
        }
        String partition =
                work.key() == null ? Types.partitionOfLane(work.priority(), program) : Types.partitionOfKey(work.key());
        String limited = Types.partition(partition, state.limitKey(work.limitKey(), work.payload(), work.metadata()));
        NewMessage message = NewMessage.builder(id, state.queue(), limited, id.toString(), work.payload())
                .generatedTransactionId(true)
                .headers(headers.isEmpty() ? MessageHeaders.NONE : MessageHeaders.ofStored(JsonText.object(headers)))
                .deliverAt(work.runAt())
                .delay(work.delay())
                .producerSub(producer)
                .origin(new Origin(null, work.priority()))
                .build();
        NewKey newKey = key == null ? null : IdempotencyKeys.of(state.queueId(), key, work.payload(), id);
        return new Prepared(work, message, state.queueId(), newKey);
    }

    /** Returns the queue of a type; creates it, with the group of the engines, if it does not exist. */
    private TypeRows.State state(Work work) {
        return states.computeIfAbsent(Types.queue(work.type()), queue -> open(work.type()));
    }

    /** Creates the queue of a type, with the group of the engines, unless it exists. */
    TypeRows.State open(String type) {
        String queue = Types.queue(type);
        return tables.transactions().run("could not open the queue of type " + type, connection -> {
            tables.types().createQueue(connection, queue, Types.NAMESPACE, Types.task(type));
            tables.taking().register(connection, queue, Types.GROUP);
            return tables.types().load(connection, List.of(queue)).get(0);
        });
    }

    /** Forgets the queues from time to time: they may have been deleted. */
    private void forget() {
        long now = System.nanoTime();
        if (now - forgetsNanos >= FORGET.toNanos()) {
            states.clear();
            forgetsNanos = now;
        }
    }

    private void run() {
        while (!closed || !requests.isEmpty()) {
            try {
                List<Request> batch = next();
                if (!batch.isEmpty()) {
                    write(batch);
                }
                tryHeldBack();
                if (releasesDue) {
                    releasesDue = false;
                    Set<String> queues = releases.releaseDue(BATCH).queues();
                    releases.close();
                    written.accept(queues, writer.session());
                }
                moveOutbox();
                forget();
            } catch (RuntimeException | Error e) { // The thread must not die: callers would wait for ever.
                failed(e);
            }
        }
        heldBack.drain()
                .forEach(each -> each.fail(new IllegalStateException("the work buffer was closed, and another"
                        + " transaction that is still open has entered the idempotency key")));
        writer.close();
        releases.close();
    }

    /** Tells of a failure, now and then, and lets the outbox rest until the next look. */
    private void failed(Throwable e) {
        long now = System.nanoTime();
        nextOutboxNanos = now + settings.pollInterval().toNanos();
        if (now - nextLogNanos >= 0) {
            nextLogNanos = now + LOG_EVERY.toNanos();
            log.warn("Could not move works to their queues; trying again", e);
        }
        try {
            Thread.sleep(OUTBOX_MS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for requests and takes as many as one transaction has room for. */
    private List<Request> next() {
        var batch = new ArrayList<Request>();
        try {
            boolean watches = outboxUntilNanos - System.nanoTime() > 0;
            long longest = heldBack.waitMillis(watches ? OUTBOX_MS : IDLE_MS);
            Request first = requests.poll(longest, TimeUnit.MILLISECONDS);
            if (first == null) {
                if (longest == IDLE_MS) {
                    writer.close();
                }
                return batch;
            }
            int works = 0;
            for (Request each = first; each != null; each = works < BATCH ? requests.poll() : null) {
                works += each.works().size();
                if (!each.works().isEmpty()) {
                    batch.add(each);
                }
            }
        } catch (InterruptedException e) {
            closed = true;
        }
        return batch;
    }

    /** Writes requests together. If that fails because of what is in them, writes each by itself. */
    private void write(List<Request> batch) {
        try {
            if (tryWrite(batch)) {
                return;
            }
            List<Request> keyless =
                    batch.stream().filter(each -> !each.hasKeys()).toList();
            heldBack.add(batch.stream().filter(Request::hasKeys).toList());
            if (!keyless.isEmpty()) {
                write(keyless);
            }
        } catch (RuntimeException | Error e) {
            boolean mayBeOfOne = e instanceof KeyConflictException
                    || (e instanceof QueueException failure && !failure.isTransient());
            if (batch.size() == 1 || !mayBeOfOne) {
                batch.forEach(each -> each.fail(e));
            } else {
                batch.forEach(each -> write(List.of(each)));
            }
        }
    }

    /** Tries requests again that wait for a transaction of somebody else. One try, so that others wait no longer. */
    private void tryHeldBack() {
        HeldBack.Group<Request> group = heldBack.next();
        if (group == null) {
            return;
        }
        try {
            if (!tryWrite(group.requests()) && heldBack.held(group)) {
                group.requests().forEach(each -> each.fail(keyIsHeld(each)));
            }
        } catch (RuntimeException | Error e) {
            write(group.requests()); // Finds out whose fault it is.
        }
    }

    private static QueueException keyIsHeld(Request request) {
        String keys = request.works().stream()
                .filter(each -> each.key() != null)
                .limit(3)
                .map(each -> each.work().type() + "/" + each.work().idempotencyKey())
                .collect(Collectors.joining(", "));
        return new QueueException(
                "could not enqueue: for " + HeldBack.LONGEST.toSeconds() + " s, a transaction that is still open has"
                        + " held one of the idempotency keys " + keys,
                IdempotencyKeys.LOCK_NOT_AVAILABLE,
                null);
    }

    /** Writes requests. Returns false if transactions that are still open have entered some of their keys. */
    private boolean tryWrite(List<Request> batch) {
        List<Prepared> works =
                batch.stream().flatMap(each -> each.works().stream()).toList();
        WorkWriter.Written stored = writer.write(works);
        if (stored == null) {
            return false;
        }
        try {
            tell(works, stored);
        } catch (RuntimeException | Error e) { // The works are stored, so the callers must not learn of a failure.
            log.warn("Works were enqueued, and not all were told of it", e);
        }
        complete(batch, stored.results());
        return true;
    }

    private static void complete(List<Request> batch, List<Enqueued> results) {
        int next = 0;
        for (Request each : batch) {
            int end = next + each.works().size();
            each.result().complete(List.copyOf(results.subList(next, end)));
            next = end;
        }
    }

    private void tell(List<Prepared> works, WorkWriter.Written stored) {
        List<Enqueued> results = stored.results();
        var queues = new HashSet<String>();
        works.forEach(each -> queues.add(each.message().queue()));
        for (int i = 0; i < results.size(); i++) {
            if (!results.get(i).isDuplicate()) {
                tellEnqueued(
                        works.get(i).work().type(),
                        results.get(i).id(),
                        results.get(i).replaced());
            }
        }
        written.accept(queues, writer.session());
        if (stored.messages().stream().anyMatch(NewMessage::isScheduled)) {
            scheduled.run();
        }
    }

    private void tellEnqueued(String type, WorkId id, @Nullable WorkId replaced) {
        if (replaced != null) {
            events.tell(new WorkEvent(WorkEvent.Kind.CANCELLED, type, replaced, 0, "replaced by " + id));
        }
        events.tell(new WorkEvent(WorkEvent.Kind.ENQUEUED, type, id, 0, null));
    }

    /** Moves works from the outbox to their queues, if it is time to look. */
    private void moveOutbox() {
        long now = System.nanoTime();
        if (now - nextOutboxNanos < 0) {
            return;
        }
        // A look costs less than a transaction of the writer.
        boolean more = tables.transactions()
                .run(
                        "could not look into the outbox",
                        connection -> tables.outbox().waits(connection));
        while (more) {
            WorkWriter.Moved moved = writer.moveOutbox(BATCH);
            more = !moved.works().isEmpty();
            if (more) {
                written.accept(
                        moved.works().stream().map(NewMessage::queue).collect(Collectors.toSet()), writer.session());
                moved.works().stream()
                        .filter(each -> Types.isQueue(each.queue()))
                        .forEach(each -> {
                            UUID replaced = moved.replaced().get(each.id());
                            tellEnqueued(
                                    Types.ofQueue(each.queue()),
                                    new WorkId(each.id()),
                                    replaced == null ? null : new WorkId(replaced));
                        });
                scheduled.run();
            }
        }
        boolean watches = outboxUntilNanos - now > 0;
        nextOutboxNanos = now
                + TimeUnit.MILLISECONDS.toNanos(
                        watches ? OUTBOX_MS : settings.pollInterval().toMillis());
    }

    void close(Duration timeout) throws InterruptedException {
        closed = true;
        requests.add(new Request(List.of(), new CompletableFuture<>()));
        thread.join(Math.max(1, timeout.toMillis()));
        var late = new ArrayList<Request>();
        requests.drainTo(late);
        late.forEach(
                each -> each.result().completeExceptionally(new IllegalStateException("the work buffer is closed")));
    }
}
