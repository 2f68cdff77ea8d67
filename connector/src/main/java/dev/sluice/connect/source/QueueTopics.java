package dev.sluice.connect.source;

import dev.sluice.connect.record.TopicNames;
import dev.sluice.connect.source.QueueSourceConfig.TopicFormat;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which queues a source reads, and into which topics. A queue that can have no topic is passed over and the others are
 * read: its name gives a topic that is too long, or that Kafka keeps for itself, or that an older queue has. Kafka
 * takes two topics whose names differ in dots and underscores alone for one. Nothing of a queue that is passed over is
 * lost: its messages stay in the queue, and it is read as soon as the format or the other queue is gone.
 *
 * <p>The task's thread owns it; any thread may read the count.
 */
final class QueueTopics {
    private static final Logger log = LoggerFactory.getLogger(QueueTopics.class);

    private final Predicate<String> wanted;
    private final TopicFormat format;

    /** The topic of each queue that is read. */
    private Map<String, String> topics = Map.of();

    /** Why each queue that is wanted is passed over. */
    private Map<String, String> passedOver = Map.of();

    private Set<String> warned = Set.of();
    private volatile int passedOverCount;

    QueueTopics(Predicate<String> wanted, TopicFormat format) {
        this.wanted = wanted;
        this.format = format;
    }

    /** Starts a look at all queues. Ask the result for each of them, older ones first; then call {@link Look#end}. */
    Look look() {
        return new Look();
    }

    /** A look at all queues. */
    final class Look implements Predicate<String> {
        private final Map<String, String> found = new HashMap<>();
        private final Map<String, String> without = new HashMap<>();
        /** The queue that has a topic, by what Kafka compares topics by. */
        private final Map<String, String> taken = new HashMap<>();

        /** Says whether a queue is read. */
        @Override
        public boolean test(String queue) {
            if (!wanted.test(queue)) {
                return false;
            }
            try {
                String known = topics.get(queue);
                String topic = known == null ? format.topic(queue) : known;
                String older = format.separatesQueues() ? taken.putIfAbsent(TopicNames.compared(topic), queue) : null;
                if (older != null && !older.equals(queue)) {
                    throw new IllegalArgumentException(collision(older, queue, topic));
                }
                found.put(queue, topic);
                return true;
            } catch (IllegalArgumentException e) {
                without.put(queue, String.valueOf(e.getMessage()));
                return false;
            }
        }

        /** Takes what was found, and warns once of each queue that is passed over. */
        void end() {
            topics = found;
            passedOver = without;
            passedOverCount = without.size();
            without.forEach((queue, reason) -> {
                if (!warned.contains(queue)) {
                    log.warn(
                            "A queue is passed over because it can have no topic; its messages stay in the queue queue={}"
                                    + " passedOver={} reason={}",
                            queue,
                            without.size(),
                            reason);
                }
            });
            warned = new HashSet<>(without.keySet());
        }
    }

    private static String collision(String older, String queue, String topic) {
        return "queue " + queue + " has no topic: " + topic + " is, to Kafka, the topic of the queue " + older
                + "; change " + QueueSourceConfig.TOPIC_FORMAT;
    }

    /** Returns the topic of a queue that is read. */
    String topic(String queue) {
        @Nullable String topic = topics.get(queue);
        return topic == null ? format.topic(queue) : topic;
    }

    /** Returns why a queue is passed over; null if it is not. */
    @Nullable
    String whyPassedOver(String queue) {
        return passedOver.get(queue);
    }

    /** Returns how many queues are passed over. */
    int passedOver() {
        return passedOverCount;
    }

    /** Returns what is wrong with queues that are named one by one, if one of them can have no topic. */
    static Optional<String> conflict(List<String> queues, TopicFormat format) {
        var taken = new HashMap<String, String>();
        for (String queue : queues) {
            try {
                String topic = format.topic(queue);
                String other = format.separatesQueues() ? taken.putIfAbsent(TopicNames.compared(topic), queue) : null;
                if (other != null && !other.equals(queue)) {
                    return Optional.of(QueueSourceConfig.QUEUES + " and " + QueueSourceConfig.TOPIC_FORMAT
                            + " do not fit: " + collision(other, queue, topic));
                }
            } catch (IllegalArgumentException e) {
                return Optional.of(QueueSourceConfig.QUEUES + " and " + QueueSourceConfig.TOPIC_FORMAT + " do not fit: "
                        + e.getMessage());
            }
        }
        return Optional.empty();
    }
}
