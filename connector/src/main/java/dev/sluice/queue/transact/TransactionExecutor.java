package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.Acknowledge;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;

/**
 * Pushes and acknowledges in one transaction, and changes the state of streams: all of it or nothing. Pushes are placed
 * first, whatever the order given, so that locks are taken in the order everybody takes them.
 *
 * <p>Safe for use by many threads; one transaction runs at a time.
 */
public final class TransactionExecutor implements AutoCloseable {
    private final QueueWriter writer;
    private final Acknowledge acknowledge;
    private final StreamSteps streams;

    /** Makes an executor with a writer, and so a connection, of its own. */
    public TransactionExecutor(DataSource dataSource, QueueWriterConfig config) {
        this.writer = new QueueWriter(dataSource, config);
        this.acknowledge = new Acknowledge(Statements.read("reader.sql", config.schema()));
        this.streams = new StreamSteps(writer, acknowledge, config);
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
        var acknowledged = new ArrayList<AcknowledgeOutcome>();
        try {
            Flush flush = writer.committed("could not run a transaction", new Flush(messages), (open, given) -> {
                run(open, given, verdicts, acknowledged);
                return given;
            });
            return new Outcome(true, flush.outcomes(), acknowledged);
        } catch (RolledBack e) {
            return new Outcome(false, e.pushes, acknowledged);
        }
    }

    private void run(
            Connection open, Flush flush, List<Acknowledgement> verdicts, List<AcknowledgeOutcome> acknowledged)
            throws SQLException {
        writer.flushIn(open, flush, List.of());
        List<PushOutcome> pushes = flush.outcomes();
        if (pushes.stream().anyMatch(PushOutcome.Duplicate.class::isInstance)) {
            throw new RolledBack(pushes);
        }
        acknowledged.addAll(acknowledge.run(open, verdicts));
        if (!acknowledged.stream().allMatch(AcknowledgeOutcome::isTaken)) {
            throw new RolledBack(pushes);
        }
    }

    /**
     * Runs a cycle of a stream. Messages whose transaction id is taken are left out; anything else that cannot be
     * undoes it.
     *
     * @throws QueueException if PostgreSQL failed. Nothing has changed, unless it failed while committing
     */
    public synchronized StreamCycle.Outcome run(StreamCycle cycle) {
        var done = new AtomicReference<StreamSteps.Done>();
        try {
            Flush flush = writer.committed("could not run a cycle", new Flush(cycle.messages()), (open, given) -> {
                done.set(streams.run(open, cycle, given));
                return given;
            });
            return new StreamCycle.Outcome(
                    done.get().queue(), null, flush.outcomes(), done.get().acknowledged());
        } catch (StreamSteps.Refused e) {
            return new StreamCycle.Outcome(e.queue(), e.refusal(), List.of(), null);
        }
    }

    /** Gives the connection back. */
    @Override
    public synchronized void close() {
        writer.close();
    }

    /** Ends a transaction that one of its operations does not allow. */
    private static final class RolledBack extends QueueException {
        private static final long serialVersionUID = 1L;

        private final transient List<PushOutcome> pushes;

        RolledBack(List<PushOutcome> pushes) {
            super("rolled back", "40000", null);
            this.pushes = pushes;
        }
    }
}
