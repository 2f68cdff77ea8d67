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
            "Pops the database works on at once, each merged from any number of requests. As many connections.");
    static final Key<Integer> MAX_PARKED = GROUP.integer(
            "pop.max.parked", 20_000, 1, 10_000_000, "Most pops that wait at once. More are refused with 503.");
    static final Key<Integer> MAX_BATCH = GROUP.integer(
            "pop.max.batch", 10_000, 1, 1_000_000, "Most messages in one pop. A request for more gets this many.");
    static final Key<Duration> RETENTION_INTERVAL = GROUP.longMillis(
            "retention.interval.ms",
            300_000,
            100,
            24L * HOUR_MS,
            "Time between two sweeps that delete messages which the options of their queue let go.");
    static final Key<Integer> RETENTION_IDLE_DAYS = GROUP.integer(
            "retention.partition.idle.days",
            (int) Retention.IDLE_PARTITIONS.toDays(),
            0,
            3650,
            "Days without a push after which a partition is deleted that holds nothing. 0 keeps all.");
    static final Key<Long> MAX_BYTES = GROUP.number(
            "pop.max.bytes",
            QueueConfig.DEFAULT_POP_MAX_BYTES,
            1,
            1L << 30,
            "Most bytes of payloads in one transaction of pops, for all the requests it serves. What is beyond is"
                    + " left to the next; a single message may be larger. At most a 24th of the heap.");
    static final Key<Duration> MAX_TIMEOUT = GROUP.millis(
            "pop.max.timeout.ms",
            600_000,
            0,
            24 * HOUR_MS,
            "Longest wait of a pop. A request for more waits this long.");
    static final Key<Duration> POLL_INTERVAL = GROUP.millis(
            "pop.poll.interval.ms",
            1000,
            1,
            HOUR_MS,
            "How often waiting pops look for messages that came by another way than this service.");
    static final Key<Duration> STATEMENT_TIMEOUT = GROUP.millis(
            "pop.statement.timeout.ms",
            4000,
            100,
            HOUR_MS,
            "Longest time the database may work on one statement of a pop or an acknowledgement; then it is tried"
                    + " again.");
    static final Key<Integer> ACK_THREADS = GROUP.integer(
            "ack.threads",
            2,
            1,
            256,
            "Transactions of acknowledgements at once, each merged from any number of requests. As many connections.");
    static final Key<Integer> ACK_MAX_PENDING = GROUP.integer(
            "ack.max.pending",
            200_000,
            1,
            10_000_000,
            "Most acknowledgements that wait at once. More are refused with 503.");

    static PopSettings of(Values values) {
        return new PopSettings(
                new PopDispatcherConfig(values.get(THREADS), values.get(MAX_PARKED), values.get(POLL_INTERVAL)),
                values.get(STATEMENT_TIMEOUT),
                values.get(ACK_THREADS),
                values.get(ACK_MAX_PENDING));
    }

    static QueueConfig queue(Values values, PayloadCipher cipher) {
        return new QueueConfig(
                values.get(PostgresSettings.SCHEMA), HeapShares.transaction(values.get(MAX_BYTES)), cipher);
    }
}
