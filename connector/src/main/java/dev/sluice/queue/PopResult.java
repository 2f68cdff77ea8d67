package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The result of a {@link PopRequest}.
 *
 * @param status what the pop found
 * @param leaseId the lease of all messages of the result; null with auto-ack or without messages
 * @param messages the messages; the messages of one partition stand together, in order. Empty unless the status is
 *     {@code MESSAGES}
 * @param partitionsClaimed how many partitions the messages come from
 * @param nextReadyIn how long until the first lease or delay ends that keeps messages from this group; null if there is
 *     none, so that only a push can make a message available
 */
public record PopResult(
        Status status,
        @Nullable UUID leaseId,
        List<Message> messages,
        int partitionsClaimed,
        @Nullable Duration nextReadyIn) {

    /** What a pop found. */
    public enum Status {
        /** At least one message. */
        MESSAGES,
        /** Nothing to read now. */
        EMPTY,
        /** The queue does not exist. */
        QUEUE_NOT_FOUND,
        /** The partition does not exist in the queue. */
        PARTITION_NOT_FOUND,
        /** Another consumer of the group holds a lease on the partition. */
        LEASE_HELD,
        /** A large message waits, and {@link PopRequest.Memory} has no room for it. */
        NO_MEMORY
    }

    public PopResult {
        requireNonNull(status, "status");
        messages = List.copyOf(messages);
    }

    /** Returns the same result with the payloads and headers decrypted for which the cipher has the key. */
    @SuppressWarnings("ReferenceEquality") // The cipher returns the same message if nothing is sealed.
    public PopResult opened(PayloadCipher cipher) {
        boolean changed = false;
        var opened = new ArrayList<Message>(messages.size());
        for (Message message : messages) {
            Message clear = cipher.open(message);
            opened.add(clear);
            changed |= clear != message;
        }
        return changed ? new PopResult(status, leaseId, opened, partitionsClaimed, nextReadyIn) : this;
    }

    /** Returns a result without messages. */
    public static PopResult nothing(Status status, @Nullable Duration nextReadyIn) {
        return new PopResult(status, null, List.of(), 0, nextReadyIn);
    }
}
