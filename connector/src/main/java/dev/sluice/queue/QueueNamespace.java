package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

/**
 * By what a queue is found when it is not named.
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
