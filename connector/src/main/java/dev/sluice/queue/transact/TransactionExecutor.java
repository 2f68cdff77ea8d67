package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.Acknowledge;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import java.util.List;
import javax.sql.DataSource;

/**
 * Runs pushes and acknowledgements, or a cycle of a stream, in one transaction. The pushes are written first, because
 * every transaction locks partitions before cursors.
 *
 * <p>Safe for use by many threads; one transaction runs at a time.
 */
public final class TransactionExecutor implements AutoCloseable {
    private final WriterSession session;
    private final Acknowledge acknowledge;
    private final StreamSteps streams;

    /** Makes an executor with a connection of its own. */
    public TransactionExecutor(DataSource dataSource, QueueWriterConfig config) {
        this.session = new WriterSession(dataSource, config);
        this.acknowledge = new Acknowledge(config.schema());
        this.streams = new StreamSteps(acknowledge, config);
    }

    /**
     * The outcome of a transaction.
     *
     * @param committed whether it committed; if not, it changed nothing
     * @param pushes outcome of each push; after a rollback, the outcome it would have had
     * @param acknowledgements outcome of each acknowledgement; after a rollback, the outcome it would have had; empty
     *     if a push was the reason for the rollback
     */
    public record Outcome(boolean committed, List<PushOutcome> pushes, List<AcknowledgeOutcome> acknowledgements) {
        public Outcome {
            pushes = List.copyOf(pushes);
            acknowledgements = List.copyOf(acknowledgements);
        }
    }

    /**
     * Pushes the messages and applies the acknowledgements. Rolls back if a message is a duplicate, or if an
     * acknowledgement is not accepted.
     *
     * @throws QueueException if PostgreSQL failed. Nothing is changed, unless the commit failed
     */
    public synchronized Outcome execute(List<NewMessage> messages, List<Acknowledgement> acknowledgements) {
        var flush = new Flush(messages);
        return session.run("could not run a transaction", transaction -> {
            if (!transaction.locate(flush) || !transaction.write(flush)) {
                return Ending.restart();
            }
            List<PushOutcome> pushes = flush.outcomes();
            if (pushes.stream().anyMatch(PushOutcome.Duplicate.class::isInstance)) {
                return Ending.rollBack(new Outcome(false, pushes, List.of()));
            }
            List<AcknowledgeOutcome> acknowledged = acknowledge.run(transaction.connection(), acknowledgements);
            return acknowledged.stream().allMatch(AcknowledgeOutcome::isAccepted)
                    ? Ending.commit(new Outcome(true, pushes, acknowledged))
                    : Ending.rollBack(new Outcome(false, pushes, acknowledged));
        });
    }

    /**
     * Runs a cycle of a stream. Skips duplicate messages. Rolls back if the cycle is refused for any other reason.
     *
     * @throws QueueException if PostgreSQL failed. Nothing is changed, unless the commit failed
     */
    public synchronized StreamCycle.Outcome run(StreamCycle cycle) {
        var flush = new Flush(cycle.messages());
        return session.run("could not run a cycle", transaction -> streams.run(transaction, cycle, flush));
    }

    /** Gives the connection back to the data source. */
    @Override
    public synchronized void close() {
        session.close();
    }
}
