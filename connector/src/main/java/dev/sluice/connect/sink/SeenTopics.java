package dev.sluice.connect.sink;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.KnownTopics;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics whose partitions a sink task has had, each with the least number of its partitions. The task notes them in
 * PostgreSQL once. {@link SinkOffsets} checks offsets set by Connect's API against them.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SeenTopics {
    private static final Logger log = LoggerFactory.getLogger(SeenTopics.class);

    /** Number of partitions by topic. */
    private final Map<String, Integer> seen = new HashMap<>();

    /** Topics that are not noted in PostgreSQL yet. */
    private final Map<String, Integer> untold = new HashMap<>();

    /** Takes partitions that are the task's now. */
    void see(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) {
            int count = partition.partition() + 1;
            if (count > seen.getOrDefault(partition.topic(), 0)) {
                seen.put(partition.topic(), count);
                untold.put(partition.topic(), count);
            }
        }
    }

    /**
     * Notes what is new. If the role may not do that, offsets are checked less strictly, and nothing else suffers.
     *
     * @throws QueueException if PostgreSQL cannot be asked now; call again
     */
    void note(QueueSinkConfig config) {
        if (untold.isEmpty()) {
            return;
        }
        try {
            new KnownTopics(config.dataSource(), config.postgres().schema()).note(config.sourceName(), untold);
        } catch (QueueException e) {
            if (e.isTransient()) {
                throw e;
            }
            log.warn(
                    "The partitions of topics cannot be noted, so offsets set for a partition that a topic does not have"
                            + " are not refused source={} reason={}",
                    config.sourceName(),
                    e.getMessage());
        }
        untold.clear();
    }
}
