package dev.sluice.queue.view;

import dev.sluice.queue.sql.BoundStatement;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Which queues are meant: those for which all that is given is true.
 *
 * @param queue name of the queue; null: any
 * @param namespace its namespace; null: any
 * @param task its task; null: any
 */
public record ResourceFilter(
        @Nullable String queue,
        @Nullable String namespace,
        @Nullable String task) {

    /** All queues. */
    public static final ResourceFilter ALL = new ResourceFilter(null, null, null);

    /** Returns the filter for the queue of that name. */
    public static ResourceFilter ofQueue(String queue) {
        return new ResourceFilter(queue, null, null);
    }

    BoundStatement set(BoundStatement statement) throws SQLException {
        return statement.set("queue", queue).set("namespace", namespace).set("task", task);
    }
}
