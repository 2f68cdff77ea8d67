package dev.sluice.queue;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * A partition of the {@link QueueModel}: the message at index i has seq i + 1. Messages before the tail cannot be read;
 * messages before {@code kept} are not stored any more.
 */
final class ModelPartition {
    /** A message that was written. It keeps its seq if it is deleted alone. */
    static final class Stored {
        final String transactionId;
        final UUID id;
        final String payload;
        boolean deleted;

        Stored(String transactionId, UUID id, String payload) {
            this.transactionId = transactionId;
            this.id = id;
            this.payload = payload;
        }
    }

    record Waiting(Stored message, Instant dueAt) {}

    final long id;
    final List<Stored> messages = new ArrayList<>();
    final List<Waiting> scheduled = new ArrayList<>();
    long tail = 1;
    long kept = 1;

    ModelPartition(long id) {
        this.id = id;
    }

    long head() {
        return messages.size();
    }

    Stored at(long seq) {
        return messages.get((int) seq - 1);
    }

    boolean isReadable(long seq) {
        return seq >= tail && !at(seq).deleted;
    }

    /** Returns the message that has this transaction id, so that another one is a duplicate; or null. */
    Stored first(String transactionId) {
        for (long seq = kept; seq <= head(); seq++) {
            if (at(seq).transactionId.equals(transactionId) && !at(seq).deleted) {
                return at(seq);
            }
        }
        return scheduled.stream()
                .map(Waiting::message)
                .filter(message -> message.transactionId.equals(transactionId))
                .findFirst()
                .orElse(null);
    }
}
