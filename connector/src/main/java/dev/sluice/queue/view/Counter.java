package dev.sluice.queue.view;

import java.util.Locale;

/**
 * A quantity that is counted for each queue and minute: a column of {@code minute_counters}. All counters are sums,
 * except the last two.
 */
public enum Counter {
    /** Accepted pushes. A push to several queues counts for each of them. */
    PUSH_REQUESTS,
    /** Messages of these pushes. */
    PUSH_MESSAGES,
    /** Answered pops. */
    POP_REQUESTS,
    /** Messages of these pops. */
    POP_MESSAGES,
    /** Pops without messages. */
    POP_EMPTY,
    /** Requests with acknowledgements. A request for several queues counts for each of them. */
    ACK_REQUESTS,
    /** Completed messages, including those popped with auto-ack. */
    ACK_COMPLETED,
    /** Acknowledgements with the status failed, retry or dlq, and rejected ones. */
    ACK_FAILED,
    /** Acknowledgements that caused a redelivery. */
    REDELIVERIES,
    /** Messages that an acknowledgement made dead letters. */
    DEAD_LETTERS,
    /** Committed transactions. A transaction on several queues counts for each of them. */
    TRANSACTIONS,
    /** Requests that failed because of the database. */
    DATABASE_ERRORS,
    /** Messages deleted by ttl and retentionSeconds. */
    RETENTION_MESSAGES,
    /** Messages deleted by completedRetentionSeconds. */
    COMPLETED_RETENTION_MESSAGES,
    /** Messages deleted by maxWaitTimeSeconds. */
    EVICTION_MESSAGES,
    /** Sweeps of retention that deleted messages. */
    RETENTION_EVENTS,
    /** Partitions deleted by hand or because they were idle, without those deleted with their queue. */
    PARTITIONS_DELETED,
    /** Popped messages whose age was measured. */
    LAG_COUNT,
    /** Sum of these ages, in milliseconds. */
    LAG_SUM_MS,
    /** Greatest of these ages, in milliseconds. */
    LAG_MAX_MS,
    /** Greatest number of pops that waited at one time. */
    PARKED;

    /** Returns whether two values of the counter are added up; otherwise the greater one is kept. */
    public boolean isSum() {
        return this != LAG_MAX_MS && this != PARKED;
    }

    String column() {
        return name().toLowerCase(Locale.ROOT);
    }
}
