package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * What a consumer reads: one queue for one consumer group, either any of its partitions or a named one.
 *
 * @param queue name of the queue; it need not exist yet
 * @param partition name of the partition, or null for any
 * @param group consumer group; {@link #DEFAULT_GROUP} when the consumer named none
 */
public record PopTarget(String queue, @Nullable String partition, String group) {
    /** The group of consumers that name none. */
    public static final String DEFAULT_GROUP = "__QUEUE_MODE__";

    public PopTarget {
        requireNonNull(queue, "queue");
        requireNonNull(group, "group");
    }
}
