package dev.sluice.queue.read;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueNamespace;
import dev.sluice.queue.read.Acknowledge.Applied;
import dev.sluice.queue.read.Pop.Popped;
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Outcomes;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.SqlStates;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.QueueWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;

/**
 * Leases messages to consumers and applies their acknowledgements. {@link QueueWriter} is the writing side. Remembers
 * what its leases hold ({@link LeaseHints}); the database decides.
 *
 * <p>Every method runs one transaction on a connection of the data source and blocks until the commit. All times are of
 * the database's clock. Safe for use by many threads and by many processes on one database.
 */
public final class Queue {
    private final Transactions transactions;
    private final Statements statements;
    private final Pop pop;
    private final Acknowledge acknowledge;
    private final PayloadCipher cipher;
    private final Outcomes outcomes;
    private final PutBack putBack;
    private final LeaseHints hints;

    /**
     * Makes a queue on a schema that {@link QueueSchema} has brought up to date.
     *
     * @param dataSource a pool that serves only queues: its sessions get settings that other statements must not have
     */
    public Queue(DataSource dataSource, QueueConfig config) {
        this(dataSource, config, Transactions.byIndexInSession(dataSource));
    }

    /** Makes a queue on a pool that serves other statements too: the settings end with each transaction. */
    public static Queue onSharedPool(DataSource dataSource, QueueConfig config) {
        return new Queue(dataSource, config, Transactions.byIndex(dataSource));
    }

    private Queue(DataSource dataSource, QueueConfig config, Transactions transactions) {
        this.transactions = transactions;
        this.statements = Statements.read("queue.sql", config.schema());
        this.pop = new Pop(config.schema(), config.popMaxBytes());
        this.hints = new LeaseHints(config.rememberedMessages());
        this.acknowledge = new Acknowledge(config.schema(), hints);
        this.cipher = config.cipher();
        this.outcomes = new Outcomes(dataSource);
        this.putBack = new PutBack(config.schema());
    }

    /**
     * Pops messages for consumers that wait on the same target. The first pop of a group on a queue registers the
     * group. A pop across queues registers the group on all of them. If a queue is created later, the group reads the
     * messages that are pushed to it from then on.
     *
     * @param requests the pops of the consumers; the first is served first
     * @return a result for each request, in the same order
     * @throws PopOutcomeUnknownException if PostgreSQL did not confirm the commit and did not tell its outcome at once.
     *     Ask {@link #outcomeOf}; then deliver the results, or {@link #putBack} the messages that no consumer got
     * @throws QueueException if PostgreSQL failed; no consumer got a message
     */
    public List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
        String what = "could not pop from " + target;
        var last = new AtomicReference<>(Popped.NOTHING);
        try {
            Popped committed = transactions.unsettled(
                    what,
                    connection -> {
                        Popped popped = pop.run(connection, target, requests);
                        last.set(popped);
                        return popped;
                    },
                    (connection, popped) -> popped.id(),
                    Popped::last);
            hints.add(committed.leases());
            return opened(committed.committed().results());
        } catch (OutcomeUnknownException e) {
            List<PopResult> results = opened(last.get().results());
            return switch (outcomes.await(e)) {
                case COMMITTED -> results;
                case ROLLED_BACK -> throw new QueueException(what + ": rolled back", SqlStates.TRANSACTION_ROLLBACK, e);
                case PENDING, LOST -> throw new PopOutcomeUnknownException(e, what, results);
            };
        }
    }

    private List<PopResult> opened(List<PopResult> results) {
        return results.stream().map(result -> result.opened(cipher)).toList();
    }

    /**
     * Asks PostgreSQL for the outcome of a commit. Blocks for a few seconds at most. If the outcome is pending, ask
     * again later.
     */
    public CommitOutcome outcomeOf(OutcomeUnknownException unknown) {
        return outcomes.ask(unknown);
    }

    /**
     * Makes messages available to a group again that it popped with auto-ack and that reached no consumer. Idempotent
     * until the group pops them again.
     *
     * @return how many of the messages the group gets again
     * @throws QueueException if PostgreSQL failed
     */
    public int putBack(String group, List<Message> messages) {
        return transactions.run(
                "could not put back " + messages.size() + " messages",
                connection -> putBack.run(connection, group, messages));
    }

    /**
     * Returns the namespaces of those of the queues that exist, by name of the queue.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<String, QueueNamespace> namespaces(Collection<String> queues) {
        return transactions.run("could not look up " + queues.size() + " queues", connection -> {
            var namespaces = new HashMap<String, QueueNamespace>();
            statements
                    .on(connection, "namespaces")
                    .setTexts("queues", queues, queue -> queue)
                    .forEach(row -> namespaces.put(
                            row.getString("name"),
                            new QueueNamespace(row.getString("namespace"), row.getString("task"))));
            return namespaces;
        });
    }

    /**
     * Applies acknowledgements in one transaction, in the order given.
     *
     * @return an outcome for each acknowledgement, in the same order
     * @throws OutcomeUnknownException if the acknowledgements may be applied or not; a retry is safe
     * @throws QueueException if PostgreSQL failed; no acknowledgement is applied
     */
    public List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements) {
        Applied applied = transactions.run(
                "could not acknowledge " + acknowledgements.size() + " messages",
                connection -> acknowledge.apply(connection, acknowledgements),
                (connection, done) -> done.idOn(connection));
        hints.remove(applied.over());
        return applied.outcomes();
    }

    /**
     * Extends a live lease to at least {@code extension} from now. Never shortens it.
     *
     * @return the new end of the lease, the earliest of its partitions; empty if the lease is not live
     * @throws QueueException if PostgreSQL failed
     */
    public Optional<Instant> extend(UUID leaseId, Duration extension) {
        return transactions.run("could not extend lease " + leaseId, connection -> {
            List<Instant> ends = statements
                    .on(connection, "extend")
                    .set("lease", leaseId)
                    .set("extension_ms", extension.toMillis())
                    .list(row -> row.getTimestamp("available_at").toInstant());
            return ends.stream().min(Comparator.naturalOrder());
        });
    }

    /**
     * Returns whether a lease has expired and no other consumer has leased its messages since.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public boolean hasExpired(UUID leaseId) {
        return transactions.run(
                "could not read lease " + leaseId,
                connection -> statements
                        .on(connection, "lease-expired")
                        .set("lease", leaseId)
                        .first(row -> row.getBoolean("expired"))
                        .orElse(false));
    }
}
