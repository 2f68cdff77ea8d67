package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * What a consumer reads, for one consumer group: a queue, one partition of it, or all queues of a namespace.
 *
 * @param scope where its messages may come from
 * @param group consumer group; {@link #DEFAULT_GROUP} when the consumer named none
 */
public record PopTarget(Scope scope, String group) {
    /** The group of consumers that name none. */
    public static final String DEFAULT_GROUP = "__QUEUE_MODE__";

    public PopTarget {
        requireNonNull(scope, "scope");
        requireNonNull(group, "group");
    }

    /**
     * One queue.
     *
     * @param queue name of the queue; it need not exist yet
     * @param partition name of the partition, or null for any
     */
    public PopTarget(String queue, @Nullable String partition, String group) {
        this(new InQueue(queue, partition), group);
    }

    /** Where messages may come from. */
    public sealed interface Scope {}

    /**
     * One queue.
     *
     * @param queue name of the queue; it need not exist yet
     * @param partition name of the partition, or null for any
     */
    public record InQueue(String queue, @Nullable String partition) implements Scope {
        public InQueue {
            requireNonNull(queue, "queue");
        }
    }

    /**
     * All queues whose namespace and task are these, those that come later too.
     *
     * @param namespace the namespace, or null for any
     * @param task the task, or null for any; one of both is given
     */
    public record Across(
            @Nullable String namespace, @Nullable String task) implements Scope {
        public Across {
            if (namespace == null && task == null) {
                throw new IllegalArgumentException("namespace or task must be given");
            }
        }

        /** Returns whether a queue in this namespace, with this task, is one of them. */
        public boolean matches(QueueNamespace place) {
            return (namespace == null || namespace.equals(place.namespace()))
                    && (task == null || task.equals(place.task()));
        }
    }

    /** Returns whether one partition can serve it and no other. */
    public boolean isOnePartition() {
        return scope instanceof InQueue one && one.partition() != null;
    }
}
