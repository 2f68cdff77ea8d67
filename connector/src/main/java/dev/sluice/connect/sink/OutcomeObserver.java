package dev.sluice.connect.sink;

import dev.sluice.queue.PushOutcome;
import java.util.List;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Hears what became of each record given to a {@link QueueSinkTask}. Every record whose offset the task has moved past
 * is named in exactly one call, and only after the transaction that decided it has committed.
 *
 * <p>Called on the task's thread, between two transactions: an implementation must be quick and must not throw.
 */
public interface OutcomeObserver {
    /** Hears nothing, as on a Connect worker. */
    OutcomeObserver NONE = new OutcomeObserver() {
        @Override
        public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {}

        @Override
        public void alreadyStored(List<SinkRecord> records) {}

        @Override
        public void refused(SinkRecord record, String reason) {}
    };

    /**
     * The records were written. Both lists have the same size and order; they are the observer's only during the call.
     */
    void committed(List<SinkRecord> records, List<PushOutcome> outcomes);

    /**
     * The records were skipped because an earlier transaction had written or refused them: one of an earlier run, or
     * one whose answer got lost. Whether a message was queued or a duplicate is no longer known.
     */
    void alreadyStored(List<SinkRecord> records);

    /**
     * The record cannot be written for what it is. It was given to the errant record reporter, and is not in the queue.
     *
     * @param reason what is wrong with it, for people
     */
    void refused(SinkRecord record, String reason);
}
