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
import dev.sluice.queue.sql.CommitOutcome;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Outcomes;
import dev.sluice.queue.sql.QueueSchema;
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
 * The reading side of the queue: leases messages to consumers and takes their verdicts. {@link QueueWriter} is the
 * other.
 *
 * <p>Every method is one transaction on a connection of the data source and blocks until it has committed. All times
 * are the database's. Safe for use by many threads and by many processes on one database.
 */
public final class Queue {
    private final Transactions transactions;
    private final Statements statements;
    private final Pop pop;
    private final Acknowledge acknowledge;
    private final PayloadCipher cipher;
    private final Outcomes outcomes;
    private final PutBack putBack;

    /** Makes a queue on a schema that {@link QueueSchema} has brought up to date. */
    public Queue(DataSource dataSource, QueueConfig config) {
        this.transactions = Transactions.byIndexInSession(dataSource);
        this.statements = Statements.read("queue.sql", config.schema());
        this.pop = new Pop(config.schema(), config.popMaxBytes());
        this.acknowledge = new Acknowledge(config.schema());
        this.cipher = config.cipher();
        this.outcomes = new Outcomes(dataSource);
        this.putBack = new PutBack(config.schema());
    }

    /**
     * Leases messages to consumers that wait on the same target. The first pop of a group on a queue registers the
     * group. One across queues registers it on all of them; of a queue that comes later, it gets what is pushed from
     * then on.
     *
     * @param requests what each consumer asks for; the first is served first
     * @return an answer for each request, in the same order
     * @throws PopOutcomeUnknownException if PostgreSQL did not confirm the commit, and its outcome could not be found
     *     out at once: ask {@link #outcomeOf} for it, then give the results, or {@link #putBack} what no consumer got
     * @throws QueueException if PostgreSQL failed; nobody got anything
     */
    public List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
        String what = "could not pop from " + target;
        var popped = new AtomicReference<List<PopResult>>(List.of());
        try {
            return opened(transactions.unsettled(
                    what,
                    connection -> {
                        List<PopResult> results = pop.run(connection, target, requests);
                        popped.set(results);
                        return results;
                    },
                    results -> results.stream().anyMatch(result -> result.status() == PopResult.Status.MESSAGES)));
        } catch (OutcomeUnknownException e) {
            List<PopResult> results = opened(popped.get());
            return switch (outcomes.await(e)) {
                case COMMITTED -> results;
                case ROLLED_BACK -> throw new QueueException(what + ": rolled back", "40000", e);
                case PENDING, LOST -> throw new PopOutcomeUnknownException(e, what, results);
            };
        }
    }

    private List<PopResult> opened(List<PopResult> results) {
        return results.stream().map(result -> result.opened(cipher)).toList();
    }

    /**
     * Asks PostgreSQL what became of a commit. Blocks for a few seconds at most; ask again if the answer is pending.
     */
    public CommitOutcome outcomeOf(OutcomeUnknownException unknown) {
        return outcomes.ask(unknown);
    }

    /**
     * Puts the position of a group back before messages that it popped with auto-ack and did not get, so that it gets
     * them again. Doing so twice does no harm before the group has popped them again.
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
     * Takes verdicts on messages, all in one transaction. Verdicts on one message are taken in the order given.
     *
     * @return what each verdict changed, in the same order
     * @throws OutcomeUnknownException if the verdicts may have been taken or not; giving them again does no harm
     * @throws QueueException if PostgreSQL failed; no verdict was taken
     */
    public List<AcknowledgeOutcome> acknowledge(List<Acknowledgement> acknowledgements) {
        return transactions.run(
                "could not acknowledge " + acknowledgements.size() + " messages",
                connection -> acknowledge.run(connection, acknowledgements));
    }

    /**
     * Lengthens a lease that has not ended, to {@code extension} from now at least. Never shortens it.
     *
     * @return when the lease ends now, the earliest of its partitions; nothing if there is no such lease any more
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
     * Returns whether a lease has ended by its time, and nobody has been given its messages since.
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
