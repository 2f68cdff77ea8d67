package dev.sluice.queue.write;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Creates partitions with a cursor for each group of their queue. Before that, registers the groups that wait for the
 * queue. The caller's transaction holds the locks on the queues, so that no group registers at the same time.
 */
public final class PartitionCreation {
    /** Stands for the lane of the queue in a statement. */
    private static final int LANE_OF_QUEUE = -1;

    private final Statements statements;

    public PartitionCreation(String schema) {
        this.statements = Statements.read("partition_creation.sql", schema);
    }

    /** Creates a partition of a queue, in the lane of the queue. */
    public void run(Connection connection, String queue, String partition) throws SQLException {
        run(connection, Set.of(queue), List.of(new PartitionName(queue, partition)), name -> null);
    }

    /**
     * Creates partitions.
     *
     * @param queues the queues of the partitions
     * @param lanes tells the lane of a partition; null: the lane of its queue
     */
    void run(
            Connection connection,
            Set<String> queues,
            Collection<PartitionName> names,
            Function<PartitionName, @Nullable PriorityLane> lanes)
            throws SQLException {
        statements
                .on(connection, "register-pending")
                .setTexts("queues", queues, queue -> queue)
                .execute();
        statements
                .on(connection, "create-partitions")
                .setTexts("queues", names, PartitionName::queue)
                .setTexts("partitions", names, PartitionName::partition)
                .setInts("lanes", names, name -> number(lanes.apply(name)))
                .execute();
    }

    /** Returns the number that stands for a lane in a statement; null: the lane of the queue. */
    static int number(@Nullable PriorityLane lane) {
        return lane == null ? LANE_OF_QUEUE : lane.number();
    }
}
