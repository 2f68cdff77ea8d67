package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;

/**
 * Settings of pushes and of the drain, which moves messages from the local log to the database.
 *
 * @param toKafka whether the drain writes to Kafka instead of the database, {@code drain.mode}
 * @param storedTimeout how long a push waits for the database, {@code push.stored.timeout.ms}
 */
public record DrainSettings(boolean toKafka, Duration storedTimeout) {
    static final KeyGroup GROUP = new KeyGroup("Push and drain");

    private static final String KAFKA = "kafka";
    private static final String STORED = "stored";

    static final Key<String> MODE = GROUP.choice(
            "drain.mode",
            "embedded",
            List.of("embedded", KAFKA),
            "How messages get from the local log to the database. `embedded`: this process writes them to the"
                    + " database. `kafka`: this process writes them to a Kafka topic, and the sink on a Connect"
                    + " worker moves them from there to the database. With `kafka`, pops need `connection.url`, and"
                    + " the service answers pushes with `buffered`. Change the mode only while the local log is"
                    + " empty.");
    static final Key<Integer> BATCH_RECORDS = GROUP.integer(
            "drain.batch.records",
            20_000,
            1,
            1_000_000,
            "The largest number of messages that the drain moves to the database in one transaction.");
    static final Key<Long> BATCH_BYTES = GROUP.number(
            "drain.batch.bytes",
            16L << 20,
            1 << 10,
            1 << 30,
            "The size in bytes from which a transaction of the drain takes no more messages, at most a 24th of the"
                    + " heap.");
    static final Key<Duration> LINGER = GROUP.millis(
            "drain.linger.ms",
            0,
            0,
            10_000,
            "The time in ms that a transaction waits for more messages if it is not full. If 0, a small transaction"
                    + " waits only for the next pushes of the clients that the last one has answered, until a"
                    + " millisecond after its commit. While the drain writes one transaction, the next"
                    + " collects messages"
                    + " in any case.");
    static final Key<Duration> RESTART_BACKOFF = GROUP.millis(
            "drain.restart.backoff.ms",
            5000,
            1,
            HOUR_MS,
            "The backoff in ms before the drain goes on after an error that its retries did not resolve.");
    static final Key<String> PUSH_DURABILITY = GROUP.choice(
            "push.durability",
            STORED,
            List.of(STORED, "buffered"),
            "What a push waits for if the request does not say. `stored`: the database. `buffered`: the local disk.");
    static final Key<Duration> PUSH_STORED_TIMEOUT = GROUP.millis(
            "push.stored.timeout.ms",
            1000,
            0,
            HOUR_MS,
            "The time in ms that a push waits for the database. After it the service answers `buffered`.");
    static final Key<Duration> DEDUP_WINDOW = GROUP.longMillis(
            "dedup.window.ms",
            HOUR_MS,
            0,
            Long.MAX_VALUE / 1_000_000,
            "The time in ms for which the service remembers a transaction id, so that it does not store the same"
                    + " message twice. It applies to queues without their own `dedupWindowMs`. If 0, the service does"
                    + " not detect duplicates.");
    static final Key<Integer> DEDUP_MAX_IDS = GROUP.integer(
            "dedup.max.ids",
            4_000_000,
            1,
            QueueWriterConfig.MAX_DEDUP_IDS,
            "The largest number of transaction ids that the service remembers at once. Each id takes 16 to 32 bytes"
                    + " of memory. Each of their partitions takes 450 bytes more. The service remembers at most an"
                    + " eighth as many partitions as ids. If there are more ids, the service evicts partitions"
                    + " without a write for an eighth of their window, and reads them back from PostgreSQL when it"
                    + " needs them. Of partitions in use it then knows only the newest ids. The ids take at most an"
                    + " eighth of the heap.");

    /** A writer that writes little beside the drain remembers at most this many transaction ids. */
    private static final int SMALL_WRITER_IDS = 100_000;

    static DrainSettings of(Values values) {
        return new DrainSettings(values.get(MODE).equals(KAFKA), values.get(PUSH_STORED_TIMEOUT));
    }

    /** Returns what a push waits for when the request does not say. */
    static Durability usualDurability(Values values) {
        return values.get(PUSH_DURABILITY).equals(STORED) ? Durability.STORED : Durability.BUFFERED;
    }

    /** Returns how the drain moves the local log to the database at {@code address}. */
    static DrainConfig drain(Values values, Database.Address address) {
        var task = new HashMap<String, String>();
        task.put(QueueSinkConfig.CONNECTION_URL, address.url());
        if (address.user() != null) {
            task.put(QueueSinkConfig.CONNECTION_USER, address.user());
        }
        if (address.password() != null) {
            task.put(QueueSinkConfig.CONNECTION_PASSWORD, address.password());
        }
        task.put(QueueSinkConfig.QUEUE_SCHEMA, values.get(PostgresSettings.SCHEMA));
        task.put(QueueSinkConfig.SCHEMA_APPLY, String.valueOf(values.get(PostgresSettings.APPLY)));
        task.put(
                QueueSinkConfig.DEDUP_WINDOW_MS,
                String.valueOf(values.get(DEDUP_WINDOW).toMillis()));
        task.put(QueueSinkConfig.DEDUP_MAX_IDS, String.valueOf(HeapShares.ids(values.get(DEDUP_MAX_IDS))));
        values.get(EncryptionSettings.KEYS).ifPresent(keys -> {
            task.put(QueueSinkConfig.ENCRYPTION_KEYS, keys);
            values.get(EncryptionSettings.KEY_ID).ifPresent(id -> task.put(QueueSinkConfig.ENCRYPTION_KEY_ID, id));
        });
        return new DrainConfig(
                task,
                values.get(BATCH_RECORDS),
                HeapShares.transaction(values.get(BATCH_BYTES)),
                values.get(LINGER),
                values.get(RESTART_BACKOFF));
    }

    /** Returns the configuration of a writer that writes little beside the drain, and so need not remember much. */
    static QueueWriterConfig smallWriter(Values values, PayloadCipher cipher) {
        return new QueueWriterConfig(
                values.get(PostgresSettings.SCHEMA),
                values.get(DEDUP_WINDOW),
                Math.min(SMALL_WRITER_IDS, HeapShares.ids(values.get(DEDUP_MAX_IDS))),
                cipher);
    }
}
