package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message as a consumer receives it.
 *
 * @param partitionId id of its partition, see {@link PartitionIds}
 * @param partition name of its partition
 * @param queue name of its queue
 * @param seq position in the partition, from 1
 * @param id UUIDv7 made when the message was accepted
 * @param transactionId key under which the message is unique in its partition
 * @param payload JSON text in UTF-8, exactly as it was pushed; the stored text if the cipher lacks the key to decrypt
 *     it. Not copied: do not change it
 * @param headers headers of the producer; the stored text's if the cipher lacks the key to decrypt it
 * @param traceId the producer's trace id, or null
 * @param producerSub subject of the producer's token, or null
 * @param createdAt when the message was written to the queue, by the database's clock, or the time of its
 *     {@link Origin}; microseconds
 * @param writtenAt when the message was written to the queue: pushed, released or redriven; microseconds
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares messages, and copies of payloads would be expensive.
public record Message(
        long partitionId,
        String partition,
        String queue,
        long seq,
        UUID id,
        String transactionId,
        byte[] payload,
        MessageHeaders headers,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        Instant createdAt,
        Instant writtenAt) {

    /**
     * Payload bytes above which a pop takes memory before it reads the message. A stored segment with more bytes has
     * one message.
     */
    public static final int LARGE_BYTES = 512 * 1024;

    /** Makes a message that was created when it was written. */
    public Message(
            long partitionId,
            String partition,
            String queue,
            long seq,
            UUID id,
            String transactionId,
            byte[] payload,
            MessageHeaders headers,
            @Nullable UUID traceId,
            @Nullable String producerSub,
            Instant writtenAt) {
        this(
                partitionId,
                partition,
                queue,
                seq,
                id,
                transactionId,
                payload,
                headers,
                traceId,
                producerSub,
                writtenAt,
                writtenAt);
    }

    /** Returns the payload as a text. */
    public String payloadText() {
        return new String(payload, UTF_8);
    }

    /** Returns the same message with another payload and other headers. */
    public Message with(byte[] otherPayload, MessageHeaders otherHeaders) {
        return new Message(
                partitionId,
                partition,
                queue,
                seq,
                id,
                transactionId,
                otherPayload,
                otherHeaders,
                traceId,
                producerSub,
                createdAt,
                writtenAt);
    }
}
