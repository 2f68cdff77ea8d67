package dev.sluice.queue.read;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.PayloadCipher;

/**
 * Settings of a {@link Queue}.
 *
 * @param schema PostgreSQL schema of the queue
 * @param popMaxBytes most bytes of payloads and headers that one pop reads, for all its consumers together; a first
 *     message that is larger is still read
 * @param cipher decrypts payloads and headers
 * @param rememberedMessages most leased messages whose transaction ids are kept in memory; 0: none
 */
public record QueueConfig(String schema, long popMaxBytes, PayloadCipher cipher, int rememberedMessages) {
    /** 16 MiB. */
    public static final long DEFAULT_POP_MAX_BYTES = 16L << 20;

    /** About 20 MB. */
    public static final int DEFAULT_REMEMBERED_MESSAGES = 200_000;

    public QueueConfig {
        requireNonNull(schema, "schema");
        if (popMaxBytes < 1) {
            throw new IllegalArgumentException("pop.max.bytes must be at least 1, was " + popMaxBytes);
        }
        if (rememberedMessages < 0) {
            throw new IllegalArgumentException("ack.remembered.messages must be at least 0, was " + rememberedMessages);
        }
    }

    /** Makes the settings with the default of {@code rememberedMessages}. */
    public QueueConfig(String schema, long popMaxBytes, PayloadCipher cipher) {
        this(schema, popMaxBytes, cipher, DEFAULT_REMEMBERED_MESSAGES);
    }

    /** Makes the settings without a key. */
    public QueueConfig(String schema, long popMaxBytes) {
        this(schema, popMaxBytes, PayloadCipher.NONE);
    }

    /** Makes the settings with the default of {@code popMaxBytes} and without a key. */
    public QueueConfig(String schema) {
        this(schema, DEFAULT_POP_MAX_BYTES);
    }
}
