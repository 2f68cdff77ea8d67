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
 * Pushes and acknowledges in one transaction, and changes the state of streams: all of it or nothing. Pushes are placed
 * first, whatever the order given, so that locks are taken in the order everybody takes them.
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
     * What came of a transaction.
     *
     * @param committed false: nothing has changed
     * @param pushes what became of each message, or would have
     * @param acknowledgements what each verdict changed, or would have; empty if a push was the reason to roll back
     */
    public record Outcome(boolean committed, List<PushOutcome> pushes, List<AcknowledgeOutcome> acknowledgements) {
        public Outcome {
            pushes = List.copyOf(pushes);
            acknowledgements = List.copyOf(acknowledgements);
        }
    }

    /**
     * Pushes the messages and takes the verdicts. Rolls back if a message is a duplicate, or a verdict is not taken.
     *
     * @throws QueueException if PostgreSQL failed. Nothing has changed, unless it failed while committing
     */
    public synchronized Outcome execute(List<NewMessage> messages, List<Acknowledgement> verdicts) {
        var flush = new Flush(messages);
        return session.run("could not run a transaction", transaction -> {
            if (!transaction.locate(flush) || !transaction.write(flush)) {
                return Ending.restart();
            }
            List<PushOutcome> pushes = flush.outcomes();
            if (pushes.stream().anyMatch(PushOutcome.Duplicate.class::isInstance)) {
                return Ending.rollBack(new Outcome(false, pushes, List.of()));
            }
            List<AcknowledgeOutcome> acknowledged = acknowledge.run(transaction.connection(), verdicts);
            return acknowledged.stream().allMatch(AcknowledgeOutcome::isTaken)
                    ? Ending.commit(new Outcome(true, pushes, acknowledged))
                    : Ending.rollBack(new Outcome(false, pushes, acknowledged));
        });
    }

    /**
     * Runs a cycle of a stream. Messages whose transaction id is taken are left out; anything else that cannot be
     * undoes it.
     *
     * @throws QueueException if PostgreSQL failed. Nothing has changed, unless it failed while committing
     */
    public synchronized StreamCycle.Outcome run(StreamCycle cycle) {
        var flush = new Flush(cycle.messages());
        return session.run("could not run a cycle", transaction -> streams.run(transaction, cycle, flush));
    }

    /** Gives the connection back. */
    @Override
    public synchronized void close() {
        session.close();
    }
}
