package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.KnownTopics;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import javax.sql.DataSource;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics of the partitions that a sink task has had, each with the least number of its partitions. The task stores
 * them in PostgreSQL, and {@link SinkOffsets} checks offsets that are set through Connect's API against them.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SeenTopics {
    private static final Logger log = LoggerFactory.getLogger(SeenTopics.class);

    /** Number of partitions by topic. */
    private final Map<String, Integer> seen = new HashMap<>();

    /** The topics that are not in PostgreSQL yet. */
    private final Map<String, Integer> unstored = new HashMap<>();

    /** Adds partitions that belong to the task. */
    void see(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            int count = partition.partition() + 1;
            if (count > seen.getOrDefault(partition.topic(), 0)) {
                seen.put(partition.topic(), count);
                unstored.put(partition.topic(), count);
            }
        }
    }

    /**
     * Stores what is not in PostgreSQL yet. If the role lacks the right, it only logs: the checks of offsets are then
     * less strict.
     *
     * @throws QueueException if the failure is transient; call again
     */
    void store(QueueSinkConfig config, DataSource dataSource) {
        if (unstored.isEmpty()) {
            return;
        }
        try {
            new KnownTopics(dataSource, config.postgres().schema()).note(config.sourceName(), unstored);
        } catch (QueueException e) {
            if (e.isTransient()) {
                throw e;
            }
            log.warn(
                    "The partitions of topics cannot be stored, so an offset for a partition that does not exist is not"
                            + " rejected; grant select, insert and update on the table state source={} reason={}",
                    config.sourceName(),
                    e.getMessage());
        }
        unstored.clear();
    }
}
