package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * The namespace and the task of a queue. A consumer that names no queue finds queues by them.
 *
 * @param namespace its namespace, which may be empty
 * @param task its task, which may be empty
 */
public record QueueNamespace(String namespace, String task) {
    public QueueNamespace {
        requireNonNull(namespace, "namespace");
        requireNonNull(task, "task");
    }
}
