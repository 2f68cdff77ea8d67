package dev.sluice.connect.sink;

import dev.sluice.queue.PushOutcome;
import java.time.Duration;
import java.util.List;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Receives the outcome of each record of a {@link QueueSinkTask}. Once the offset has moved past a record, exactly one
 * call names the record, after the transaction that decided its outcome has committed.
 *
 * <p>The task calls it on its own thread, between two transactions. An implementation must be quick and must not throw.
 */
public interface OutcomeObserver {
    /** Ignores all outcomes, as on a Connect worker. */
    OutcomeObserver NONE = new OutcomeObserver() {
        @Override
        public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {}

        @Override
        public void alreadyStored(List<SinkRecord> records) {}

        @Override
        public void refused(SinkRecord record, String reason) {}
    };

    /**
     * The task has written the records. Both lists have the same size and order. They are valid only during the call.
     */
    void committed(List<SinkRecord> records, List<PushOutcome> outcomes);

    /**
     * The task has skipped the records, because an earlier transaction had written or refused them: a transaction of an
     * earlier run, or one whose answer was lost. Whether a message was queued or was a duplicate is unknown.
     */
    void alreadyStored(List<SinkRecord> records);

    /**
     * The record cannot be written because of its data. The errant record reporter has it; the queue does not.
     *
     * @param reason why, for people
     */
    void refused(SinkRecord record, String reason);

    /**
     * A transaction has written a batch.
     *
     * @param messages how many
     * @param took the time of the transaction
     */
    default void flushed(int messages, Duration took) {}
}
