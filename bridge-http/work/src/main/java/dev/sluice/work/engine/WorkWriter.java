package dev.sluice.work.engine;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import dev.sluice.queue.write.WriterTransaction;
import dev.sluice.work.Coalescing;
import dev.sluice.work.Enqueued;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.WorkId;
import dev.sluice.work.engine.Coalescer.Candidate;
import dev.sluice.work.engine.IdempotencyKeys.Prepared;
import dev.sluice.work.rules.Types;
import dev.sluice.work.store.KeyRows.QueueKey;
import dev.sluice.work.store.LatestRows.LatestKey;
import dev.sluice.work.store.OutboxRows.OutboxWork;
import dev.sluice.work.store.OutboxRows.Replaces;
import dev.sluice.work.store.TypeRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The transactions that write works to their queues: those of callers, and those of the outbox. Owned by the thread of
 * {@link Enqueuer}.
 */
final class WorkWriter implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(WorkWriter.class);

    /** How long a work rests that cannot be moved from the outbox. */
    private static final Duration REST = Duration.ofMinutes(1);

    private final Tables tables;
    private final PayloadCipher cipher;
    private final IdempotencyKeys keys;
    private final Coalescer coalescer;
    private final Function<String, Duration> windows;
    private final WriterSession session;

    /**
     * Makes a writer; its first transaction opens its connection.
     *
     * @param windows how long the idempotency keys of a type stay taken
     */
    WorkWriter(
            DataSource dataSource,
            QueueWriterConfig config,
            Tables tables,
            IdempotencyKeys keys,
            Function<String, Duration> windows) {
        this.tables = tables;
        this.cipher = config.cipher();
        this.keys = keys;
        this.coalescer = new Coalescer(tables.latest(), tables.keys());
        this.windows = windows;
        this.session = new WriterSession(dataSource, config);
    }

    /** Returns the session, for transactions of the thread that writes. */
    WriterSession session() {
        return session;
    }

    /** What was written: the results of all works, and the messages of those that are stored. */
    record Written(List<Enqueued> results, List<NewMessage> messages) {
        private static final Written NONE = new Written(List.of(), List.of());
    }

    /**
     * Writes works in one transaction.
     *
     * @return null: a transaction that is still open has entered an idempotency key of them; nothing was stored
     * @throws KeyConflictException if a key belongs to a work with another payload; nothing was stored
     */
    @Nullable
    Written write(List<Prepared> works) {
        var conflict = new AtomicReference<@Nullable KeyConflictException>();
        Written written = session.run("could not enqueue " + works.size() + " works", transaction -> {
            var flush = new Flush(works.stream().map(Prepared::message).toList());
            if (!transaction.locate(flush)) {
                return Ending.restart();
            }
            try {
                Map<QueueKey, Enqueued> duplicates = keys.claimSoon(transaction.connection(), works);
                return duplicates == null
                        ? Ending.rollBack(Written.NONE)
                        : write(transaction, flush, works, duplicates);
            } catch (KeyConflictException e) {
                conflict.set(e);
                return Ending.rollBack(Written.NONE);
            }
        });
        KeyConflictException found = conflict.get();
        if (found != null) {
            throw found;
        }
        return written.results().isEmpty() ? null : written;
    }

    private Ending<Written> write(
            WriterTransaction transaction, Flush located, List<Prepared> works, Map<QueueKey, Enqueued> duplicates)
            throws SQLException {
        var fresh = new ArrayList<NewMessage>(works.size());
        var candidates = new ArrayList<Candidate>();
        for (Prepared each : works) {
            if (IdempotencyKeys.duplicateOf(each, duplicates) == null) {
                fresh.add(each.message());
                Coalescing how = each.work().coalescing();
                if (how != null) {
                    candidates.add(candidate(
                            each.message(), each.queueId(), how, each.work().idempotencyKey()));
                }
            }
        }
        Coalescer.Plan plan = coalescer.plan(transaction, located, candidates);
        List<Enqueued> results = works.stream()
                .map(each -> {
                    Enqueued duplicate = IdempotencyKeys.duplicateOf(each, duplicates);
                    UUID id = each.message().id();
                    UUID replaced = plan.replaced().get(id);
                    return duplicate == null
                            ? new Enqueued(
                                    new WorkId(id), false, false, null, replaced == null ? null : new WorkId(replaced))
                            : duplicate;
                })
                .toList();
        if (fresh.isEmpty()) {
            return Ending.rollBack(new Written(results, List.of()));
        }
        List<NewMessage> messages = plan.applyTo(fresh, candidates);
        Flush writing = candidates.isEmpty() && fresh.size() == works.size() ? located : new Flush(messages);
        if (!transaction.locateCached(writing) || !transaction.write(writing)) {
            return Ending.restart();
        }
        coalescer.written(transaction.connection(), plan, writing);
        return Ending.commit(new Written(results, messages));
    }

    private Candidate candidate(NewMessage message, long queueId, Coalescing how, @Nullable String idempotencyKey) {
        Duration window = windows.apply(Types.ofQueue(message.queue()));
        return new Candidate(message, new LatestKey(queueId, how.conflates(), how.key()), how, idempotencyKey, window);
    }

    /** Works that were moved from the outbox, and what they have replaced. */
    record Moved(List<NewMessage> works, Map<UUID, UUID> replaced) {
        static final Moved NONE = new Moved(List.of(), Map.of());
    }

    /**
     * Moves the first works from the outbox to their queues, at most {@code limit}. If one of them cannot be moved,
     * moves those before it; if that one is the first, lets it rest and moves none.
     */
    Moved moveOutbox(int limit) {
        try {
            return session.run("could not move works from the outbox", transaction -> moveOutbox(transaction, limit));
        } catch (RuntimeException e) {
            boolean isOfDatabase = e instanceof QueueException failure && failure.isTransient();
            if (isOfDatabase || e instanceof OutcomeUnknownException) {
                throw e;
            }
            if (limit > 1) {
                return moveOutbox(limit / 2);
            }
            session.run(
                            "could not put off a work of the outbox",
                            transaction -> Ending.commit(tables.outbox().letRest(transaction.connection(), REST)))
                    .ifPresent(what -> log.warn(
                            "Could not move a work from the outbox to its queue; trying again in {} s {}",
                            REST.toSeconds(),
                            what,
                            e));
            return Moved.NONE;
        }
    }

    /** Finds the partitions of the works first, because that ends the transaction. */
    private Ending<Moved> moveOutbox(WriterTransaction transaction, int limit) throws SQLException {
        List<NewMessage> next = messages(tables.outbox().peek(transaction.connection(), limit));
        if (next.isEmpty()) {
            return Ending.rollBack(Moved.NONE);
        }
        if (!transaction.locate(new Flush(next))) {
            return Ending.restart();
        }
        List<OutboxWork> taken = tables.outbox().take(transaction.connection(), limit);
        List<NewMessage> works = messages(taken);
        if (works.isEmpty()) {
            return Ending.rollBack(Moved.NONE);
        }
        var flush = new Flush(works);
        if (!transaction.locateCached(flush)) {
            return Ending.restart();
        }
        List<Candidate> candidates = candidates(transaction.connection(), taken);
        Coalescer.Plan plan = coalescer.plan(transaction, flush, candidates);
        Flush writing = candidates.isEmpty() ? flush : new Flush(plan.applyTo(works, candidates));
        if (!transaction.locateCached(writing) || !transaction.write(writing)) {
            return Ending.restart();
        }
        coalescer.written(transaction.connection(), plan, writing);
        return Ending.commit(new Moved(works, plan.replaced()));
    }

    private static List<NewMessage> messages(List<OutboxWork> works) {
        return works.stream().map(OutboxWork::message).toList();
    }

    private List<Candidate> candidates(Connection connection, List<OutboxWork> works) throws SQLException {
        Set<String> queues = works.stream()
                .filter(each -> each.replaces() != null)
                .map(each -> each.message().queue())
                .collect(Collectors.toSet());
        if (queues.isEmpty()) {
            return List.of();
        }
        Map<String, Long> ids = tables.types().load(connection, queues).stream()
                .collect(Collectors.toMap(TypeRows.State::queue, TypeRows.State::queueId));
        var candidates = new ArrayList<Candidate>();
        for (OutboxWork each : works) {
            NewMessage message = each.message();
            Replaces how = each.replaces();
            Long queueId = ids.get(message.queue());
            if (how != null && queueId != null) {
                String key = cipher.open(message.queue(), message.headers()).get(Begun.KEY_HEADER);
                candidates.add(candidate(message, queueId, new Coalescing(how.key(), how.quiet(), how.longest()), key));
            }
        }
        return candidates;
    }

    /** Gives the connection back. The writer can be used again. */
    @Override
    public void close() {
        session.close();
    }
}
