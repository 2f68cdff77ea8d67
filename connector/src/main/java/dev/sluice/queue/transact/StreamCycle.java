package dev.sluice.queue.transact;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.StreamIds;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A step of a stream processor: what it has read, what it now remembers, and what it has to say.
 *
 * @param queryId id of the query, see {@link StreamIds}
 * @param partitionId partition it has read
 * @param changes what becomes of its state of that partition; of two changes of a key the later counts
 * @param messages what it pushes, in order
 * @param upTo the last message it has read; null: it has read nothing, as when it closes a window by the clock
 * @param releases whether the lease ends, whatever is left in it
 */
public record StreamCycle(
        long queryId,
        long partitionId,
        List<Change> changes,
        List<NewMessage> messages,
        @Nullable Acknowledgement upTo,
        boolean releases) {

    /** Longest key of a state, in characters (UTF-16 code units). */
    public static final int MAX_KEY_LENGTH = 512;

    public StreamCycle {
        changes = List.copyOf(changes);
        messages = List.copyOf(messages);
        if (upTo != null && upTo.partitionId() != partitionId) {
            throw new IllegalArgumentException("a cycle acknowledges in its own partition");
        }
    }

    /**
     * What becomes of a key.
     *
     * @param key at most {@value #MAX_KEY_LENGTH} characters; may be empty
     * @param value JSON text; null: the key is deleted
     * @param windowEnd when the window that the value speaks of is over, by the client's clock; null: it speaks of none
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
     * Checks a key, or the beginning of one.
     *
     * @param what the field as its user knows it, for the message
     * @throws IllegalArgumentException if it is too long, or holds a character PostgreSQL cannot store
     */
    public static void checkKey(String what, String key) {
        if (key.length() > MAX_KEY_LENGTH) {
            throw new IllegalArgumentException(
                    what + " must have at most " + MAX_KEY_LENGTH + " characters, has " + key.length());
        }
        NewMessage.checkCharacters(what, key);
    }

    /**
     * What came of a cycle.
     *
     * @param queue name of the queue it read; null if there is no such partition
     * @param refusal why nothing has changed; null: all of it is committed
     * @param pushes what became of each message; empty if nothing has changed
     * @param acknowledged what became of {@code upTo}; null without one, or if nothing has changed
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
        /** There is no such query. */
        NO_QUERY,
        /** There is no such partition. */
        NO_PARTITION,
        /** There is no such message within reach, or within the lease; or the group does not read the partition. */
        NO_MESSAGE,
        /** The lease is over or somebody else's, or the cursor has passed the message. */
        LEASE_INVALID
    }
}
