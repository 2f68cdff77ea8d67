package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.pop.PopDispatcherConfig;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.read.QueueConfig;
import java.time.Duration;

/**
 * Settings of pops and acknowledgements. The keys of retention stand here too, because the reference explains them
 * among these; {@link RetentionSettings} reads them.
 *
 * @param dispatcher bounds of the pops
 * @param statementTimeout longest time of a statement of a pop or an acknowledgement, {@code pop.statement.timeout.ms}
 * @param acknowledgeThreads transactions of acknowledgements at once, {@code ack.threads}
 * @param maxPendingAcknowledgements most acknowledgements that wait, {@code ack.max.pending}
 */
public record PopSettings(
        PopDispatcherConfig dispatcher,
        Duration statementTimeout,
        int acknowledgeThreads,
        int maxPendingAcknowledgements) {
    static final KeyGroup GROUP = new KeyGroup("Pop and acknowledge");

    static final Key<Integer> THREADS = GROUP.integer(
            "pop.threads",
            4,
            1,
            256,
            "The largest number of pop transactions that the database executes at once. Each serves any number of"
                    + " requests. Each uses one connection.");
    static final Key<Integer> MAX_PARKED = GROUP.integer(
            "pop.max.parked",
            20_000,
            1,
            10_000_000,
            "The largest number of pops that wait at once. The service refuses more with 503.");
    static final Key<Integer> MAX_BATCH = GROUP.integer(
            "pop.max.batch",
            10_000,
            1,
            1_000_000,
            "The largest number of messages in one pop. A request for more gets this many.");
    static final Key<Duration> RETENTION_INTERVAL = GROUP.longMillis(
            "retention.interval.ms",
            300_000,
            100,
            24L * HOUR_MS,
            "The time in ms between two runs that delete expired messages. The options of a queue say when its"
                    + " messages expire.");
    static final Key<Integer> RETENTION_IDLE_DAYS = GROUP.integer(
            "retention.partition.idle.days",
            (int) Retention.IDLE_PARTITIONS.toDays(),
            0,
            3650,
            "The number of days without a push after which the service deletes an empty partition. If 0, it deletes"
                    + " none.");
    static final Key<Integer> RETENTION_DEAD_LETTER_DAYS = GROUP.integer(
            "retention.dead.letter.days",
            0,
            0,
            3650,
            "The number of days after which the service deletes a dead letter. If 0, a dead letter stays until a"
                    + " request deletes it.");
    static final Key<Integer> RETENTION_DEAD_LETTER_JOB_DAYS = GROUP.integer(
            "retention.dead.letter.job.days",
            7,
            1,
            3650,
            "The number of days for which the service keeps a job on dead letters after its end.");
    static final Key<Long> MAX_BYTES = GROUP.number(
            "pop.max.bytes",
            QueueConfig.DEFAULT_POP_MAX_BYTES,
            1,
            1L << 30,
            "The largest total size of payloads and headers in bytes of one transaction of pops, for all the requests"
                    + " that it serves."
                    + " The next transaction delivers the rest. A single message may be larger. The limit is at most"
                    + " a 24th of the heap.");
    static final Key<Duration> MAX_TIMEOUT = GROUP.millis(
            "pop.max.timeout.ms",
            600_000,
            0,
            24 * HOUR_MS,
            "The longest wait of a pop in ms. A request for a longer wait waits this long.");
    static final Key<Duration> POLL_INTERVAL = GROUP.millis(
            "pop.poll.interval.ms",
            1000,
            1,
            HOUR_MS,
            "The interval in ms at which waiting pops look for messages that did not come through this service.");
    static final Key<Duration> STATEMENT_TIMEOUT = GROUP.millis(
            "pop.statement.timeout.ms",
            4000,
            100,
            HOUR_MS,
            "The longest time in ms that the database may work on one statement of a pop or an acknowledgement. After"
                    + " it the service retries the statement.");
    static final Key<Integer> ACK_THREADS = GROUP.integer(
            "ack.threads",
            2,
            1,
            256,
            "The largest number of acknowledgement transactions that the database executes at once. Each serves any"
                    + " number of requests. Each uses one connection.");
    static final Key<Integer> ACK_MAX_PENDING = GROUP.integer(
            "ack.max.pending",
            200_000,
            1,
            10_000_000,
            "The largest number of acknowledgements that wait at once. The service refuses more with 503.");

    static final Key<Integer> REMEMBERED_MESSAGES = GROUP.integer(
            "ack.remembered.messages",
            QueueConfig.DEFAULT_REMEMBERED_MESSAGES,
            0,
            100_000_000,
            "The largest number of leased messages whose transaction ids the service keeps in memory, about 100 bytes"
                    + " each. It then need not read them when acknowledgements come. The service that gave a lease"
                    + " remembers it; any other service can serve its acknowledgements too. If 0, the service"
                    + " remembers none. The limit is at most a 48th of the heap.");

    static PopSettings of(Values values) {
        return new PopSettings(
                new PopDispatcherConfig(values.get(THREADS), values.get(MAX_PARKED), values.get(POLL_INTERVAL)),
                values.get(STATEMENT_TIMEOUT),
                values.get(ACK_THREADS),
                values.get(ACK_MAX_PENDING));
    }

    static QueueConfig queue(Values values, PayloadCipher cipher) {
        return new QueueConfig(
                values.get(PostgresSettings.SCHEMA),
                HeapShares.transaction(values.get(MAX_BYTES)),
                cipher,
                HeapShares.leasedMessages(values.get(REMEMBERED_MESSAGES)));
    }
}
