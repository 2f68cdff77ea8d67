package dev.sluice.connect.sink;

import dev.sluice.connect.record.MappingSettings;
import dev.sluice.connect.record.RecordMapping;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics that a sink task skips because their queue can have no name. It pauses their partitions, so that the task
 * goes on with the others, and their offsets stay where they are.
 *
 * <p>The task's thread pauses. Any thread may read the count.
 */
final class SkippedTopics {
    private static final Logger log = LoggerFactory.getLogger(SkippedTopics.class);

    private final RecordMapping mapping;
    private final Set<String> topics = ConcurrentHashMap.newKeySet();

    SkippedTopics(RecordMapping mapping) {
        this.mapping = mapping;
    }

    /** Pauses the partitions of topics whose queue can have no name. */
    void pauseAmong(Collection<TopicPartition> partitions, SinkTaskContext context) {
        for (TopicPartition partition : partitions) {
            try {
                mapping.checkQueueOf(partition.topic());
            } catch (IllegalArgumentException e) {
                context.pause(partition);
                if (topics.add(partition.topic())) {
                    log.warn(
                            "A topic is skipped because its queue can have no name; change {} topic={} skipped={} reason={}",
                            MappingSettings.QUEUE_NAME_FORMAT,
                            partition.topic(),
                            topics.size(),
                            e.getMessage());
                }
            }
        }
    }

    /** Returns true if the task skips a topic. */
    boolean contains(String topic) {
        return topics.contains(topic);
    }

    /** Returns the number of topics skipped since the task started. */
    int count() {
        return topics.size();
    }
}
