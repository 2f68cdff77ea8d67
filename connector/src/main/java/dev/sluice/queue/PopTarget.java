package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The target of a pop: a queue, one partition, or all queues of a namespace, for one consumer group.
 *
 * @param scope the queues from which messages may come
 * @param group consumer group; {@link #DEFAULT_GROUP} if the consumer names none
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

    /** The queues from which messages may come. */
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
     * All queues of a namespace and task, including queues that are created later.
     *
     * @param namespace the namespace, or null for any
     * @param task the task, or null for any; at least one of the two is given
     */
    public record Across(
            @Nullable String namespace, @Nullable String task) implements Scope {
        public Across {
            if (namespace == null && task == null) {
                throw new IllegalArgumentException("namespace or task must be given");
            }
        }

        /** Returns whether a queue of that namespace and task is in the scope. */
        public boolean matches(QueueNamespace queue) {
            return (namespace == null || namespace.equals(queue.namespace()))
                    && (task == null || task.equals(queue.task()));
        }
    }

    /** Returns whether the target names a single partition. */
    public boolean isOnePartition() {
        return scope instanceof InQueue one && one.partition() != null;
    }
}
