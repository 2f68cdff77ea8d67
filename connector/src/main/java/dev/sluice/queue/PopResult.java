package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Answer to a {@link PopRequest}.
 *
 * @param status what was found
 * @param leaseId the lease shared by all messages of the answer; null with auto-ack and when there are none
 * @param messages the messages; those of one partition stand together, in order. Empty unless status is
 *     {@code MESSAGES}
 * @param partitionsClaimed how many partitions the messages come from
 * @param nextReadyIn how long until a lease or a delay ends that keeps messages from this group now; null when there is
 *     none, so that only a push can help
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
        /** There is no such queue. */
        QUEUE_NOT_FOUND,
        /** There is no such partition in the queue. */
        PARTITION_NOT_FOUND,
        /** The partition asked for is leased to another consumer of the group. */
        LEASE_HELD
    }

    public PopResult {
        requireNonNull(status, "status");
        messages = List.copyOf(messages);
    }

    /** Returns the same result with the payloads decrypted that can be. */
    public PopResult opened(PayloadCipher cipher) {
        boolean changed = false;
        var opened = new ArrayList<Message>(messages.size());
        for (Message message : messages) {
            String payload = cipher.open(message.queue(), message.payload());
            boolean same = payload.equals(message.payload());
            opened.add(same ? message : message.withPayload(payload));
            changed |= !same;
        }
        return changed ? new PopResult(status, leaseId, opened, partitionsClaimed, nextReadyIn) : this;
    }

    public static PopResult nothing(Status status, @Nullable Duration nextReadyIn) {
        return new PopResult(status, null, List.of(), 0, nextReadyIn);
    }
}
