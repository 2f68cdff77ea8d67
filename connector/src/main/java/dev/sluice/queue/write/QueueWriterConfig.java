package dev.sluice.queue.write;

import dev.sluice.queue.PayloadCipher;
import java.time.Duration;

/**
 * Settings of a {@link QueueWriter}.
 *
 * @param schema PostgreSQL schema of the queue
 * @param dedupWindow how long a repeated transaction id is a duplicate, for queues without a window of their own; zero:
 *     never
 * @param dedupMaxIds most transaction ids cached, 1 to {@value #MAX_DEDUP_IDS}. Each takes 16 to 32 bytes, and each of
 *     their partitions 450 bytes; there are at most an eighth as many partitions as ids
 * @param cipher encrypts the payloads of encrypted queues. Without a key, a write to such a queue fails as if
 *     PostgreSQL were unreachable, so no payload is stored in clear and none is lost
 * @param lockTimeout how long a write waits for rows that another transaction has locked. Then
 *     {@link QueueWriter#write} parks the messages of the queues that are held, and writes the others. Zero: it waits
 *     as long as the connection does, and parks nothing
 */
public record QueueWriterConfig(
        String schema, Duration dedupWindow, int dedupMaxIds, PayloadCipher cipher, Duration lockTimeout) {
    /** One hour, and 4,000,000 ids. */
    public static final QueueWriterConfig DEFAULTS = new QueueWriterConfig("sluice", Duration.ofHours(1), 4_000_000);

    /** Most ids that can be cached: the arrays that hold them have no more room. */
    public static final int MAX_DEDUP_IDS = 250_000_000;

    public QueueWriterConfig {
        if (dedupWindow.isNegative()) {
            throw new IllegalArgumentException("dedup.window.ms must be 0 or more, was " + dedupWindow.toMillis());
        }
        if (dedupMaxIds < 1 || dedupMaxIds > MAX_DEDUP_IDS) {
            throw new IllegalArgumentException("dedup.max.ids must be 1 to " + MAX_DEDUP_IDS + ", was " + dedupMaxIds);
        }
    }

    /** Makes the settings of a writer that waits for locks. */
    public QueueWriterConfig(String schema, Duration dedupWindow, int dedupMaxIds, PayloadCipher cipher) {
        this(schema, dedupWindow, dedupMaxIds, cipher, Duration.ZERO);
    }

    /** Makes the settings of a writer without a key. */
    public QueueWriterConfig(String schema, Duration dedupWindow, int dedupMaxIds) {
        this(schema, dedupWindow, dedupMaxIds, PayloadCipher.NONE);
    }
}
