package dev.sluice.connect.source;

import dev.sluice.connect.record.TopicNames;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The queues that a source reads, with their topics.
 *
 * <p>A source skips a queue that can have no topic, and reads the others. The topic's name may be too long, Kafka may
 * reserve it, or an older queue may have it: Kafka does not distinguish topics whose names differ only in dots and
 * underscores. The messages of a skipped queue stay in the queue. The source reads them once the format has changed or
 * the other queue is gone.
 *
 * <p>The task's thread owns it. Any thread may read {@link #skipped}.
 */
final class QueueTopics {
    private static final Logger log = LoggerFactory.getLogger(QueueTopics.class);

    private final Predicate<String> wanted;
    private final TopicFormat format;

    /** The topic of each queue that the source reads. */
    private Map<String, String> topics = Map.of();

    private volatile Map<String, String> skipped = Map.of();

    QueueTopics(Predicate<String> wanted, TopicFormat format) {
        this.wanted = wanted;
        this.format = format;
    }

    /**
     * Starts a scan of all queues. Call {@link Scan#test} for each queue, older ones first, then {@link Scan#finish}.
     */
    Scan scan() {
        return new Scan();
    }

    /** A scan of all queues. */
    final class Scan implements Predicate<String> {
        private final Assignment assignment = new Assignment(format);

        /** Returns true if the source reads a queue. */
        @Override
        public boolean test(String queue) {
            return wanted.test(queue) && assignment.problem(queue, topics.get(queue)) == null;
        }

        /** Applies the result. Logs each queue that the scan before did not skip. */
        void finish() {
            assignment.problems.forEach((queue, reason) -> {
                if (!skipped.containsKey(queue)) {
                    log.warn(
                            "A queue is skipped because it can have no topic; its messages stay in the queue queue={}"
                                    + " skipped={} reason={}",
                            queue,
                            assignment.problems.size(),
                            reason);
                }
            });
            topics = assignment.topics;
            skipped = assignment.problems;
        }
    }

    /** Returns the topic of a queue that the source reads. */
    String topic(String queue) {
        @Nullable String topic = topics.get(queue);
        return topic == null ? format.topic(queue) : topic;
    }

    /** Returns the queues that the last scan skipped, each with the reason. */
    Map<String, String> skipped() {
        return skipped;
    }

    /** Returns the problem of the first queue in a list that can have no topic; empty if there is none. */
    static Optional<String> problem(List<String> queues, TopicFormat format) {
        var assignment = new Assignment(format);
        for (String queue : queues) {
            String problem = assignment.problem(queue, null);
            if (problem != null) {
                return Optional.of(problem);
            }
        }
        return Optional.empty();
    }

    /** Assigns topics to queues. If two queues have the same topic, the first one gets it. */
    private static final class Assignment {
        private final TopicFormat format;
        private final Map<String, String> topics = new HashMap<>();
        private final Map<String, String> problems = new HashMap<>();

        /** The queue that has a topic, by the form of the topic's name that Kafka compares. */
        private final Map<String, String> owners = new HashMap<>();

        Assignment(TopicFormat format) {
            this.format = format;
        }

        /**
         * Assigns a topic to a queue.
         *
         * @param known the topic that the queue had before, or null
         * @return why the queue can have no topic; null if it has one
         */
        @Nullable
        String problem(String queue, @Nullable String known) {
            String problem = null;
            try {
                String topic = known == null ? format.topic(queue) : known;
                String owner =
                        format.separatesQueues() ? owners.putIfAbsent(TopicNames.collisionKey(topic), queue) : null;
                if (owner == null || owner.equals(queue)) {
                    topics.put(queue, topic);
                } else {
                    problem = "queue " + queue + " has no topic: " + topic + " is, to Kafka, the topic of the queue "
                            + owner + "; change " + QueueSourceConfig.TOPIC_FORMAT;
                }
            } catch (IllegalArgumentException e) {
                problem = String.valueOf(e.getMessage());
            }
            if (problem != null) {
                problems.put(queue, problem);
            }
            return problem;
        }
    }
}
