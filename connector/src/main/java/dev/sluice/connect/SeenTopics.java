package dev.sluice.connect;

import dev.sluice.queue.KnownTopics;
import dev.sluice.queue.QueueException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics of which a sink task has had partitions, and how many each has at least; noted in PostgreSQL once, for who
 * sets offsets by Connect's API ({@link SinkOffsets}).
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SeenTopics {
    private static final Logger log = LoggerFactory.getLogger(SeenTopics.class);

    /** Number of partitions by topic. */
    private final Map<String, Integer> seen = new HashMap<>();

    /** Topics of which PostgreSQL has not been told. */
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
                    "The partitions of topics cannot be noted. Offsets set for a partition that a topic does not have"
                            + " are not refused source={} reason={}",
                    config.sourceName(),
                    e.getMessage());
        }
        untold.clear();
    }
}
