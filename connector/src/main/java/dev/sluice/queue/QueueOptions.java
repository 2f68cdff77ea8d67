package dev.sluice.queue;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * Options of a queue, as {@code POST /api/v1/configure} sets them.
 *
 * <p>{@code retryDelay}, {@code ttl} and {@code dedupWindow} are unset by default. Queen has default values of the
 * first two and ignores them, so its clients do not expect a delay or a deletion that they have not asked for.
 *
 * @param leaseTime how long a lease lasts, whole seconds; zero means 60 seconds
 * @param retryLimit how many failed acks a message may have; the next one makes it a dead letter
 * @param retryDelay how long a message waits after its first failed ack, whole milliseconds; doubles with each further
 *     failure. Null: at once
 * @param redeliveryLimit how many consecutive leases on the first message may expire without an ack before the message
 *     becomes a dead letter; 0: any number
 * @param priority chooses the lane, see {@link PriorityLane#ofPriority}
 * @param maxSize how many messages that some group has not completed the queue may hold before pushes are rejected; 0:
 *     any number
 * @param ttl age at which a message is deleted, read or not, whole seconds. Null or zero: never
 * @param deadLetterQueue stored and shown, without effect: a message beyond its retry limit always becomes a dead
 *     letter
 * @param dlqAfterMaxRetries like {@code deadLetterQueue}
 * @param delayedProcessing age that a message must have before it is delivered, whole seconds
 * @param windowBuffer age that the newest message of a partition must have before the partition is read, whole seconds
 * @param retentionEnabled whether the next two options have an effect
 * @param retention age at which a message is deleted, read or not, whole seconds; zero: never
 * @param completedRetention age at which a message that every group has completed is deleted, whole seconds; zero:
 *     never. Without effect on a queue that no group reads
 * @param maxWaitTime age at which a message that some group has not completed, or that no group reads, is deleted,
 *     whole seconds; zero: never. All messages before it in its partition are deleted with it
 * @param encryptionEnabled whether payloads are stored encrypted, see {@link PayloadCipher}
 * @param dedupWindow how long transaction ids are kept for deduplication, whole milliseconds; zero: not at all; null:
 *     the default of the writer
 * @param itemPriority whether the priority of a message counts. It always does in the queues {@code work.*}
 */
public record QueueOptions(
        Duration leaseTime,
        int retryLimit,
        @Nullable Duration retryDelay,
        int redeliveryLimit,
        int priority,
        long maxSize,
        @Nullable Duration ttl,
        boolean deadLetterQueue,
        boolean dlqAfterMaxRetries,
        Duration delayedProcessing,
        Duration windowBuffer,
        boolean retentionEnabled,
        Duration retention,
        Duration completedRetention,
        Duration maxWaitTime,
        boolean encryptionEnabled,
        @Nullable Duration dedupWindow,
        boolean itemPriority) {

    /** Longest duration of any option: 68 years. */
    public static final Duration MAX_TIME = Duration.ofSeconds(Integer.MAX_VALUE);

    /** The options of a queue that a push created. */
    public static final QueueOptions DEFAULTS = new QueueOptions(
            Duration.ofSeconds(300),
            3,
            null,
            10,
            0,
            0,
            null,
            false,
            false,
            Duration.ZERO,
            Duration.ZERO,
            false,
            Duration.ZERO,
            Duration.ZERO,
            Duration.ZERO,
            false,
            null,
            false);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException if a value is negative, too long, or not a multiple of its unit; the message
     *     names the option as clients write it
     */
    public QueueOptions {
        checkSeconds("leaseTime", leaseTime);
        checkCount("retryLimit", retryLimit);
        checkMillis("retryDelay", retryDelay);
        checkCount("redeliveryLimit", redeliveryLimit);
        checkCount("maxSize", maxSize);
        checkSeconds("ttl", ttl);
        checkSeconds("delayedProcessing", delayedProcessing);
        checkSeconds("windowBuffer", windowBuffer);
        checkSeconds("retentionSeconds", retention);
        checkSeconds("completedRetentionSeconds", completedRetention);
        checkSeconds("maxWaitTimeSeconds", maxWaitTime);
        checkMillis("dedupWindowMs", dedupWindow);
    }

    /** Returns the lane in which the queue's partitions are created. */
    public PriorityLane lane() {
        return PriorityLane.ofPriority(priority);
    }

    /** Returns a builder that starts with these values. */
    public Builder toBuilder() {
        return new Builder(this);
    }

    private static void checkCount(String option, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(option + " must be 0 or more, was " + value);
        }
    }

    private static void checkSeconds(String option, @Nullable Duration value) {
        checkTime(option, value);
        if (value != null && !value.truncatedTo(ChronoUnit.SECONDS).equals(value)) {
            throw new IllegalArgumentException(option + " must be whole seconds, was " + value.toMillis() + " ms");
        }
    }

    private static void checkMillis(String option, @Nullable Duration value) {
        checkTime(option, value);
        if (value != null && !value.truncatedTo(ChronoUnit.MILLIS).equals(value)) {
            throw new IllegalArgumentException(option + " must be whole milliseconds, was " + value.toNanos() + " ns");
        }
    }

    private static void checkTime(String option, @Nullable Duration value) {
        if (value != null && (value.isNegative() || value.compareTo(MAX_TIME) > 0)) {
            throw new IllegalArgumentException(
                    option + " must be between 0 and " + MAX_TIME.toSeconds() + " seconds, was " + value.toSeconds());
        }
    }

    /** Options under construction; each method sets the option of its name. Not thread-safe. */
    public static final class Builder {
        private Duration leaseTime;
        private int retryLimit;
        private @Nullable Duration retryDelay;
        private int redeliveryLimit;
        private int priority;
        private long maxSize;
        private @Nullable Duration ttl;
        private boolean deadLetterQueue;
        private boolean dlqAfterMaxRetries;
        private Duration delayedProcessing;
        private Duration windowBuffer;
        private boolean retentionEnabled;
        private Duration retention;
        private Duration completedRetention;
        private Duration maxWaitTime;
        private boolean encryptionEnabled;
        private @Nullable Duration dedupWindow;
        private boolean itemPriority;

        private Builder(QueueOptions start) {
            leaseTime = start.leaseTime;
            retryLimit = start.retryLimit;
            retryDelay = start.retryDelay;
            redeliveryLimit = start.redeliveryLimit;
            priority = start.priority;
            maxSize = start.maxSize;
            ttl = start.ttl;
            deadLetterQueue = start.deadLetterQueue;
            dlqAfterMaxRetries = start.dlqAfterMaxRetries;
            delayedProcessing = start.delayedProcessing;
            windowBuffer = start.windowBuffer;
            retentionEnabled = start.retentionEnabled;
            retention = start.retention;
            completedRetention = start.completedRetention;
            maxWaitTime = start.maxWaitTime;
            encryptionEnabled = start.encryptionEnabled;
            dedupWindow = start.dedupWindow;
            itemPriority = start.itemPriority;
        }

        /** Sets leaseTime. */
        public Builder leaseTime(Duration value) {
            leaseTime = value;
            return this;
        }

        /** Sets retryLimit. */
        public Builder retryLimit(int value) {
            retryLimit = value;
            return this;
        }

        /** Sets retryDelay. */
        public Builder retryDelay(@Nullable Duration value) {
            retryDelay = value;
            return this;
        }

        /** Sets redeliveryLimit. */
        public Builder redeliveryLimit(int value) {
            redeliveryLimit = value;
            return this;
        }

        /** Sets priority. */
        public Builder priority(int value) {
            priority = value;
            return this;
        }

        /** Sets maxSize. */
        public Builder maxSize(long value) {
            maxSize = value;
            return this;
        }

        /** Sets ttl. */
        public Builder ttl(@Nullable Duration value) {
            ttl = value;
            return this;
        }

        /** Sets deadLetterQueue. */
        public Builder deadLetterQueue(boolean value) {
            deadLetterQueue = value;
            return this;
        }

        /** Sets dlqAfterMaxRetries. */
        public Builder dlqAfterMaxRetries(boolean value) {
            dlqAfterMaxRetries = value;
            return this;
        }

        /** Sets delayedProcessing. */
        public Builder delayedProcessing(Duration value) {
            delayedProcessing = value;
            return this;
        }

        /** Sets windowBuffer. */
        public Builder windowBuffer(Duration value) {
            windowBuffer = value;
            return this;
        }

        /** Sets retentionEnabled. */
        public Builder retentionEnabled(boolean value) {
            retentionEnabled = value;
            return this;
        }

        /** Sets retention. */
        public Builder retention(Duration value) {
            retention = value;
            return this;
        }

        /** Sets completedRetention. */
        public Builder completedRetention(Duration value) {
            completedRetention = value;
            return this;
        }

        /** Sets maxWaitTime. */
        public Builder maxWaitTime(Duration value) {
            maxWaitTime = value;
            return this;
        }

        /** Sets encryptionEnabled. */
        public Builder encryptionEnabled(boolean value) {
            encryptionEnabled = value;
            return this;
        }

        /** Sets dedupWindow. */
        public Builder dedupWindow(@Nullable Duration value) {
            dedupWindow = value;
            return this;
        }

        /** Sets itemPriority. */
        public Builder itemPriority(boolean value) {
            itemPriority = value;
            return this;
        }

        /**
         * Returns the options.
         *
         * @throws IllegalArgumentException as the constructor of {@link QueueOptions} does
         */
        public QueueOptions build() {
            return new QueueOptions(
                    leaseTime,
                    retryLimit,
                    retryDelay,
                    redeliveryLimit,
                    priority,
                    maxSize,
                    ttl,
                    deadLetterQueue,
                    dlqAfterMaxRetries,
                    delayedProcessing,
                    windowBuffer,
                    retentionEnabled,
                    retention,
                    completedRetention,
                    maxWaitTime,
                    encryptionEnabled,
                    dedupWindow,
                    itemPriority);
        }
    }
}
