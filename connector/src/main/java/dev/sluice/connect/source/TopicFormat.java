package dev.sluice.connect.source;

import dev.sluice.connect.record.Placeholders;
import dev.sluice.connect.record.TopicNames;
import dev.sluice.queue.NewMessage;

/** Derives the topic of a queue from the setting {@code topic.format}. Immutable. */
final class TopicFormat {
    static final String QUEUE = "${queue}";

    private final String format;

    /**
     * Checks a format.
     *
     * @throws IllegalArgumentException if it has another placeholder, or makes no name that a topic may have
     */
    TopicFormat(String format) {
        this.format = format;
        Placeholders.check(QueueSourceConfig.TOPIC_FORMAT, format, QUEUE);
        // The shortest queue name that makes no reserved name together with the text around it.
        if (!TopicNames.isPossible(format.replace(QUEUE, "q"))) {
            throw new IllegalArgumentException("must be 1 to " + TopicNames.MAX_LENGTH
                    + " letters, digits, dots, underscores and hyphens, and " + QUEUE
                    + " for the queue. Kafka reserves ., .., __cluster_metadata and the topics of its coordinators");
        }
    }

    /**
     * Returns the topic of a queue.
     *
     * @throws IllegalArgumentException if no topic can have the name
     */
    String topic(String queue) {
        NewMessage.checkQueueName("queue", queue);
        String topic = format.replace(QUEUE, TopicNames.sanitized(queue));
        if (!TopicNames.isPossible(topic)) {
            throw new IllegalArgumentException("queue " + queue + " has no topic: no topic can be named "
                    + (topic.isEmpty() ? "\"\"" : topic) + "; change " + QueueSourceConfig.TOPIC_FORMAT);
        }
        return topic;
    }

    /** Returns true if each queue gets its own topic. */
    boolean separatesQueues() {
        return format.contains(QUEUE);
    }
}
