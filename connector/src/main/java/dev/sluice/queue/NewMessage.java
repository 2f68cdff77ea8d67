package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A message as a producer pushes it, before it has a seq in its partition.
 *
 * @param id unique identifier, a UUIDv7 made when the message was accepted
 * @param queue name of the queue, at most {@value #MAX_NAME_LENGTH} characters; the empty name is a name
 * @param partition name of the partition, 1 to {@value #MAX_NAME_LENGTH} characters
 * @param transactionId key under which the message is unique in its partition, 1 to {@value #MAX_NAME_LENGTH}
 *     characters
 * @param generatedTransactionId whether the service made {@code transactionId}, or the sink took it from the Kafka
 *     offset. Committed offsets keep such a message from being written twice, so deduplication leaves its id out
 * @param payload JSON text as the producer sent it, valid UTF-8. Not copied: do not change it afterwards
 * @param headers headers of the producer
 * @param traceId id with which the producer follows the message, or null
 * @param producerSub subject of the producer's token, or null if the producer was not authenticated
 * @param deliverAt time before which the message is not delivered, in microseconds; null: at once
 * @param delay how long after it was written to the queue the message is not delivered; null: at once. If
 *     {@code deliverAt} is set too, the later time counts. The clock is the database's
 * @param origin values that the message keeps from a previous place, such as a topic
 */
@SuppressWarnings("ArrayRecordComponent") // Nothing compares messages, and copies of payloads would be expensive.
public record NewMessage(
        UUID id,
        String queue,
        String partition,
        String transactionId,
        boolean generatedTransactionId,
        byte[] payload,
        MessageHeaders headers,
        @Nullable UUID traceId,
        @Nullable String producerSub,
        @Nullable Instant deliverAt,
        @Nullable Duration delay,
        Origin origin) {

    /** Longest name of a queue, partition, group or transaction id, in characters (UTF-16 code units). */
    public static final int MAX_NAME_LENGTH = 255;

    /** Longest delay: more than 31 years. */
    public static final Duration MAX_DELAY = Duration.ofMillis(999_999_999_999L);

    /** Describes the values of a delay in an error message, after the name of its field. */
    public static final String DELAYS = " must be a whole number of milliseconds from 0 to " + MAX_DELAY.toMillis();

    /** Name of the partition of messages whose producer names none. */
    public static final String DEFAULT_PARTITION = "Default";

    /**
     * Checks the names, and cuts the time of delivery to microseconds.
     *
     * @throws IllegalArgumentException if a name is too long or holds a character PostgreSQL cannot store, if a name
     *     other than the queue's is empty, if the time of delivery is not one of {@link TimeText}, or if the delay is
     *     negative or longer than {@link #MAX_DELAY}
     */
    public NewMessage {
        requireNonNull(id, "id");
        requireNonNull(payload, "payload");
        requireNonNull(headers, "headers");
        requireNonNull(origin, "origin");
        checkQueueName("queue", queue);
        checkName("partition", partition);
        checkName("transactionId", transactionId);
        if (deliverAt != null) {
            TimeText.checkRange("deliverAt", deliverAt);
            deliverAt = deliverAt.truncatedTo(ChronoUnit.MICROS);
        }
        if (delay != null && (delay.isNegative() || delay.compareTo(MAX_DELAY) > 0)) {
            throw new IllegalArgumentException("delayMs" + DELAYS + ", was " + delay);
        }
    }

    /** Returns a message whose producer gave it a transaction id and nothing else besides a payload. */
    public static NewMessage of(UUID id, String queue, String partition, String transactionId, byte[] payload) {
        return builder(id, queue, partition, transactionId, payload).build();
    }

    /** Returns a builder of a message with these values; all others are unset. */
    public static Builder builder(UUID id, String queue, String partition, String transactionId, byte[] payload) {
        return new Builder(id, queue, partition, transactionId, payload);
    }

    /** Returns the bytes of payload and headers, as limits on memory and answers count them. */
    public int contentBytes() {
        return payload.length + headers.storedBytes();
    }

    /** Returns a builder with the values of this message. */
    public Builder toBuilder() {
        return builder(id, queue, partition, transactionId, payload)
                .generatedTransactionId(generatedTransactionId)
                .headers(headers)
                .traceId(traceId)
                .producerSub(producerSub)
                .deliverAt(deliverAt)
                .delay(delay)
                .origin(origin);
    }

    /** Returns this message in another partition. */
    NewMessage inPartition(String other) {
        return new NewMessage(
                id,
                queue,
                other,
                transactionId,
                generatedTransactionId,
                payload,
                headers,
                traceId,
                producerSub,
                deliverAt,
                delay,
                origin);
    }

    /** Returns whether the message has a delivery time or a delay. */
    public boolean isScheduled() {
        return deliverAt != null || delay != null;
    }

    /**
     * Checks the name of a queue. The empty name is the name of a queue.
     *
     * @param what name of the field as the client knows it, for the error message
     * @throws IllegalArgumentException as {@link #checkName}, except that the name may be empty
     */
    public static void checkQueueName(String what, String name) {
        if (!name.isEmpty()) {
            checkName(what, name);
        }
    }

    /**
     * Checks a name against the limits of all names in the queue.
     *
     * @param what name of the field as the client knows it, for the error message
     * @throws IllegalArgumentException if the name is empty, longer than {@value #MAX_NAME_LENGTH} characters, or holds
     *     U+0000 or half of a surrogate pair
     */
    public static void checkName(String what, String name) {
        int length = name.length();
        if (length == 0) {
            throw new IllegalArgumentException(what + " must not be empty");
        }
        if (length > MAX_NAME_LENGTH) {
            throw new IllegalArgumentException(
                    what + " must have at most " + MAX_NAME_LENGTH + " characters, has " + length);
        }
        checkCharacters(what, name);
    }

    /**
     * Checks that PostgreSQL can store a text.
     *
     * @param what name of the field as the client knows it, for the error message
     * @throws IllegalArgumentException if the text holds U+0000 or half of a surrogate pair
     */
    public static void checkCharacters(String what, String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == 0) {
                throw new IllegalArgumentException(what + " must not contain U+0000, has it at index " + i);
            }
            if (Character.isSurrogate(c)) {
                boolean paired = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                if (!paired) {
                    throw new IllegalArgumentException(
                            what + " must not contain half of a surrogate pair, has it at index " + i);
                }
                i++;
            }
        }
    }

    /** A message under construction; each method sets the value of its name. Not thread-safe. */
    public static final class Builder {
        private final UUID id;
        private final String queue;
        private final String partition;
        private final String transactionId;
        private byte[] payload;
        private boolean generatedTransactionId;
        private MessageHeaders headers = MessageHeaders.NONE;
        private @Nullable UUID traceId;
        private @Nullable String producerSub;
        private @Nullable Instant deliverAt;
        private @Nullable Duration delay;
        private Origin origin = Origin.NONE;

        private Builder(UUID id, String queue, String partition, String transactionId, byte[] payload) {
            this.id = id;
            this.queue = queue;
            this.partition = partition;
            this.transactionId = transactionId;
            this.payload = payload;
        }

        /** Sets payload. */
        Builder payload(byte[] value) {
            payload = value;
            return this;
        }

        /** Sets generatedTransactionId. */
        public Builder generatedTransactionId(boolean value) {
            generatedTransactionId = value;
            return this;
        }

        /** Sets headers. */
        public Builder headers(MessageHeaders value) {
            headers = value;
            return this;
        }

        /** Sets traceId. */
        public Builder traceId(@Nullable UUID value) {
            traceId = value;
            return this;
        }

        /** Sets producerSub. */
        public Builder producerSub(@Nullable String value) {
            producerSub = value;
            return this;
        }

        /** Sets deliverAt. */
        public Builder deliverAt(@Nullable Instant value) {
            deliverAt = value;
            return this;
        }

        /** Sets delay. */
        public Builder delay(@Nullable Duration value) {
            delay = value;
            return this;
        }

        /** Sets origin. */
        public Builder origin(Origin value) {
            origin = value;
            return this;
        }

        /**
         * Returns the message.
         *
         * @throws IllegalArgumentException as the constructor of {@link NewMessage} does
         */
        public NewMessage build() {
            return new NewMessage(
                    id,
                    queue,
                    partition,
                    transactionId,
                    generatedTransactionId,
                    payload,
                    headers,
                    traceId,
                    producerSub,
                    deliverAt,
                    delay,
                    origin);
        }
    }
}
