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
 */
public record QueueConfig(String schema, long popMaxBytes, PayloadCipher cipher) {
    /** 16 MiB. */
    public static final long DEFAULT_POP_MAX_BYTES = 16L << 20;

    public QueueConfig {
        requireNonNull(schema, "schema");
        if (popMaxBytes < 1) {
            throw new IllegalArgumentException("pop.max.bytes must be at least 1, was " + popMaxBytes);
        }
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
