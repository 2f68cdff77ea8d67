package dev.sluice.queue.view;

import dev.sluice.queue.sql.BoundStatement;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Selects queues. A queue matches if it meets every condition that is not null.
 *
 * @param queue its name
 * @param namespace its namespace
 * @param task its task
 */
public record ResourceFilter(
        @Nullable String queue,
        @Nullable String namespace,
        @Nullable String task) {

    /** Selects all queues. */
    public static final ResourceFilter ALL = new ResourceFilter(null, null, null);

    /** Selects the queue of that name. */
    public static ResourceFilter ofQueue(String queue) {
        return new ResourceFilter(queue, null, null);
    }

    BoundStatement set(BoundStatement statement) throws SQLException {
        return statement.set("queue", queue).set("namespace", namespace).set("task", task);
    }
}
