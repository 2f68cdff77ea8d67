package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What the leases hold that this process gave: the transaction ids of their messages. With it an acknowledgement need
 * not read them from the stored segments.
 *
 * <p>A hint is true or useless, and never wrong: a lease id names one pop, and the messages of that pop do not change.
 * But the lease may be over. So the statement that uses a hint compares it with the cursor, and an acknowledgement
 * without a hint reads the ids.
 *
 * <p>Bounded: the hints of the oldest leases make room for those of new ones. Safe for use by many threads.
 */
final class LeaseHints {
    /** What a hint without messages takes, in messages. */
    private static final int MESSAGES_PER_HINT = 4;

    private final int maxMessages;
    /** In the order of the pops. */
    private final LinkedHashMap<Key, Hint> hints = new LinkedHashMap<>();

    private int messages;

    private record Key(UUID leaseId, long partitionId) {}

    /**
     * The lease of one cursor, whose messages are all those of {@code (position, end]}.
     *
     * @param transactionIds of the messages, in their order; no two are the same
     */
    record Hint(
            UUID leaseId,
            String group,
            long groupId,
            long partitionId,
            String queue,
            String partition,
            long position,
            List<String> transactionIds) {

        /**
         * Makes a hint of a lease on a cursor; null if two messages have the same transaction id. Then an
         * acknowledgement of one would not tell which.
         *
         * @param messages all messages after the position of the cursor, up to the end of the lease
         */
        static @Nullable Hint of(UUID leaseId, String group, ReadyCursor cursor, List<Message> messages) {
            List<String> ids = messages.stream().map(Message::transactionId).toList();
            return new HashSet<>(ids).size() < ids.size()
                    ? null
                    : new Hint(
                            leaseId,
                            group,
                            cursor.groupId(),
                            cursor.partitionId(),
                            cursor.queue(),
                            cursor.partition(),
                            cursor.position(),
                            ids);
        }

        /** Returns the last seq of the lease. */
        long end() {
            return position + transactionIds.size();
        }

        /** Returns whether these are the transaction ids of all messages of the lease, in any order. */
        boolean isAll(List<String> ids) {
            return ids.equals(transactionIds)
                    || (ids.size() == transactionIds.size()
                            && new HashSet<>(ids).equals(new HashSet<>(transactionIds)));
        }

        /** Adds the seqs of the messages after a position, by transaction id. */
        void addSeqsAfter(long done, Map<String, Long> seqs) {
            IntStream.range((int) Math.max(0, done - position), transactionIds.size())
                    .forEach(i -> seqs.put(transactionIds.get(i), position + 1 + i));
        }

        private int weight() {
            return MESSAGES_PER_HINT + transactionIds.size();
        }
    }

    /**
     * Makes empty hints.
     *
     * @param maxMessages most messages of all hints; 0 remembers nothing
     */
    LeaseHints(int maxMessages) {
        this.maxMessages = maxMessages;
    }

    /** Remembers leases. */
    synchronized void add(List<Hint> given) {
        for (Hint hint : given) {
            Hint replaced = hints.put(new Key(hint.leaseId(), hint.partitionId()), hint);
            messages += hint.weight() - (replaced == null ? 0 : replaced.weight());
        }
        var oldest = hints.values().iterator();
        while (messages > maxMessages && oldest.hasNext()) {
            messages -= oldest.next().weight();
            oldest.remove();
        }
    }

    /** Returns what a lease holds of a partition; null if it is not known. */
    synchronized @Nullable Hint of(UUID leaseId, long partitionId) {
        return hints.get(new Key(leaseId, partitionId));
    }

    /** Forgets leases that have ended. */
    synchronized void remove(List<Hint> ended) {
        for (Hint hint : ended) {
            if (hints.remove(new Key(hint.leaseId(), hint.partitionId()), hint)) {
                messages -= hint.weight();
            }
        }
    }

    /** Returns how many messages the hints have; a hint counts as {@value #MESSAGES_PER_HINT} more. */
    synchronized int messages() {
        return messages;
    }
}
