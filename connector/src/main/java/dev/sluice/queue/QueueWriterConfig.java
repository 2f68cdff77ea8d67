package dev.sluice.queue;

import java.time.Duration;

/**
 * Settings of a {@link QueueWriter}.
 *
 * @param schema PostgreSQL schema of the queue
 * @param dedupWindow how long a transaction id is remembered in queues that do not say; zero: not at all
 * @param dedupMaxIds most transaction ids remembered at once, about 16 bytes each
 * @param cipher encrypts the payloads of queues that want it. Without a key, writing to such a queue fails as if PostgreSQL were
 *     away, so that nothing is stored in clear and nothing is lost
 */
public record QueueWriterConfig(String schema, Duration dedupWindow, int dedupMaxIds, PayloadCipher cipher) {
    /** One hour, and 4,000,000 ids. */
    public static final QueueWriterConfig DEFAULTS = new QueueWriterConfig("sluice", Duration.ofHours(1), 4_000_000);

    public QueueWriterConfig {
        if (dedupWindow.isNegative()) {
            throw new IllegalArgumentException("dedup.window.ms must be 0 or more, was " + dedupWindow.toMillis());
        }
        if (dedupMaxIds < 1) {
            throw new IllegalArgumentException("dedup.max.ids must be at least 1, was " + dedupMaxIds);
        }
    }

    /** Makes the settings of a writer without a key. */
    public QueueWriterConfig(String schema, Duration dedupWindow, int dedupMaxIds) {
        this(schema, dedupWindow, dedupMaxIds, PayloadCipher.NONE);
    }
}
