package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.StreamIds;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A cycle of a stream processor: the changes of its state, the messages it pushes, and the acknowledgement of the
 * messages it has read.
 *
 * @param queryId id of the query, see {@link StreamIds}
 * @param partitionId id of the partition it has read
 * @param changes changes of the query's state of that partition; of two changes of one key the later one counts
 * @param messages messages to push, in order
 * @param upTo cumulative acknowledgement of the last message it has read; null if it has read none, as when the clock
 *     closes a window
 * @param releases whether the lease ends even if leased messages are left
 */
public record StreamCycle(
        long queryId,
        long partitionId,
        List<Change> changes,
        List<NewMessage> messages,
        @Nullable Acknowledgement upTo,
        boolean releases) {

    /** Longest key of a state, in characters (UTF-16 code units). */
    static final int MAX_KEY_LENGTH = 512;

    public StreamCycle {
        changes = List.copyOf(changes);
        messages = List.copyOf(messages);
        if (upTo != null && upTo.partitionId() != partitionId) {
            throw new IllegalArgumentException("a cycle acknowledges in its own partition");
        }
    }

    /**
     * A change of one key.
     *
     * @param key at most {@value #MAX_KEY_LENGTH} characters; may be empty
     * @param value JSON text; null: the key is deleted
     * @param windowEnd when the window of the value ends, by the client's clock; null: the value has no window
     */
    public record Change(
            String key, @Nullable String value, @Nullable Double windowEnd) {
        /**
         * Checks the key.
         *
         * @throws IllegalArgumentException if it is too long, or holds a character PostgreSQL cannot store
         */
        public Change {
            checkKey("key", key);
        }
    }

    /**
     * Checks a key or a prefix of keys.
     *
     * @param what name of the field as the client knows it, for the error message
     * @throws IllegalArgumentException if it is too long, or holds a character PostgreSQL cannot store
     */
    static void checkKey(String what, String key) {
        if (key.length() > MAX_KEY_LENGTH) {
            throw new IllegalArgumentException(
                    what + " must have at most " + MAX_KEY_LENGTH + " characters, has " + key.length());
        }
        NewMessage.checkCharacters(what, key);
    }

    /**
     * The outcome of a cycle.
     *
     * @param queue name of the queue of the partition; null if the partition does not exist
     * @param refusal why the cycle changed nothing; null: the cycle is committed
     * @param pushes outcome of each push; empty if the cycle changed nothing
     * @param acknowledged outcome of {@code upTo}; null without one, or if the cycle changed nothing
     */
    public record Outcome(
            @Nullable String queue,
            @Nullable Refusal refusal,
            List<PushOutcome> pushes,
            AcknowledgeOutcome.@Nullable Acknowledged acknowledged) {
        public Outcome {
            pushes = List.copyOf(pushes);
        }
    }

    /** Why a cycle changes nothing. */
    public enum Refusal {
        /** The query does not exist. */
        NO_QUERY,
        /** The partition does not exist. */
        NO_PARTITION,
        /** The message is not within the lease or within reach, or the group has no cursor in the partition. */
        NO_MESSAGE,
        /** The lease has ended or is another consumer's, or the cursor is past the message. */
        LEASE_INVALID
    }
}
