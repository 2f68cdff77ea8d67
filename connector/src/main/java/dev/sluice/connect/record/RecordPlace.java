package dev.sluice.connect.record;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/** The place of a record in Kafka: topic, partition and offset before any transform changed them. */
public final class RecordPlace {
    private RecordPlace() {}

    /** Returns the topic partition that a record comes from. */
    public static TopicPartition partition(SinkRecord record) {
        return new TopicPartition(record.originalTopic(), record.originalKafkaPartition());
    }

    /** Returns the place for a message, such as {@code record orders-3 offset 1042}. */
    public static String describe(SinkRecord record) {
        return "record " + record.originalTopic() + "-" + record.originalKafkaPartition() + " offset "
                + record.originalKafkaOffset();
    }
}
