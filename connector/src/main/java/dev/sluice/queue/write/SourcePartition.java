package dev.sluice.queue.write;

import static java.util.Objects.requireNonNull;

/**
 * Names a stream that messages come from: a Kafka topic partition, or a lane of a bridge's local log.
 *
 * @param source its reader: the connector's name, or the log's id
 * @param topic topic name
 * @param partition partition number in the topic
 */
public record SourcePartition(String source, String topic, int partition) {
    /** Prefix of the topics of a bridge's local log. The log's id, a dash and the number of the epoch follow. */
    public static final String LOG_TOPIC = "sluice-log-";

    public SourcePartition {
        requireNonNull(source, "source");
        requireNonNull(topic, "topic");
    }

    @Override
    public String toString() {
        return source + "/" + topic + "-" + partition;
    }
}
