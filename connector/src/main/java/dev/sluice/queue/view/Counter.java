package dev.sluice.queue.view;

import java.util.Locale;

/**
 * What is counted for each queue and minute: the columns of {@code minute_counters}. All are sums, but for the last
 * two.
 */
public enum Counter {
    /** Pushes accepted. One that names several queues counts with each. */
    PUSH_REQUESTS,
    /** Messages in them. */
    PUSH_MESSAGES,
    /** Pops answered. */
    POP_REQUESTS,
    /** Messages in them. */
    POP_MESSAGES,
    /** Pops answered with nothing. */
    POP_EMPTY,
    /** Requests with acknowledgements. One that speaks of several queues counts with each. */
    ACK_REQUESTS,
    /** Messages completed, those popped with auto-ack included. */
    ACK_COMPLETED,
    /** Acknowledgements that said failed, retry or dlq, or were not taken. */
    ACK_FAILED,
    /** Acknowledgements that gave a message back, to be delivered again. */
    REDELIVERIES,
    /** Messages an acknowledgement made dead letters. */
    DEAD_LETTERS,
    /** Transactions committed. One that touches several queues counts with each. */
    TRANSACTIONS,
    /** Requests that failed because of the database. */
    DATABASE_ERRORS,
    /** Messages deleted by ttl and retentionSeconds. */
    RETENTION_MESSAGES,
    /** Messages deleted by completedRetentionSeconds. */
    COMPLETED_RETENTION_MESSAGES,
    /** Messages deleted by maxWaitTimeSeconds. */
    EVICTION_MESSAGES,
    /** Sweeps that deleted some of these. */
    RETENTION_EVENTS,
    /** Partitions deleted alone, by hand or because they were idle; those that go with their queue are not counted. */
    PARTITIONS_DELETED,
    /** Messages popped whose age was taken. */
    LAG_COUNT,
    /** Sum of their ages, in milliseconds. */
    LAG_SUM_MS,
    /** The greatest of their ages, in milliseconds. */
    LAG_MAX_MS,
    /** Most pops that waited at a time. */
    PARKED;

    /** Returns whether values of one counter are added up; otherwise the greatest counts. */
    public boolean isSum() {
        return this != LAG_MAX_MS && this != PARKED;
    }

    String column() {
        return name().toLowerCase(Locale.ROOT);
    }
}
