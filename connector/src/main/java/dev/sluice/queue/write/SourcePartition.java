package dev.sluice.queue.write;

import static java.util.Objects.requireNonNull;

/**
 * A numbered stream that messages come from: a Kafka topic partition, or a lane of a bridge's local log.
 *
 * @param source who reads it: the connector's name, or the log's id
 * @param topic topic name
 * @param partition partition number in the topic
 */
public record SourcePartition(String source, String topic, int partition) {
    /**
     * What the topics of a bridge's local log begin with; the log's id and the epoch's number follow, with a dash
     * between.
     */
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
