package dev.sluice.bridge.config;

import dev.sluice.bridge.drain.kafka.KafkaConfig;
import dev.sluice.connect.record.TopicNames;
import java.util.Map;

/** Keys of a drain into Kafka. */
final class KafkaSettings {
    static final KeyGroup GROUP = new KeyGroup("Kafka");

    static final Key<String> TOPIC = GROUP.text(
            "kafka.topic",
            "sluice.messages",
            KafkaSettings::checkTopic,
            "The topic that gets the messages of all queues with `drain.mode=kafka`. The service passes any other key"
                    + " that begins with `kafka.`, without this prefix, to the producer and the admin client:"
                    + " `kafka.bootstrap.servers` (required), `kafka.security.protocol`, `kafka.ssl.*`,"
                    + " `kafka.sasl.*`, `kafka.compression.type` and so on. It rejects `acks`, `enable.idempotence`,"
                    + " `delivery.timeout.ms`, `retries`, serializers and `transactional.id`.");
    static final Key<Boolean> CREATE =
            GROUP.flag("kafka.topic.create", true, "Whether the service creates the topic if it is missing.");
    static final Key<Integer> PARTITIONS = GROUP.integer(
            "kafka.topic.partitions",
            12,
            1,
            10_000,
            "The number of partitions if the service creates the topic. If the number changes later, the messages of"
                    + " a queue's partition move to another partition of the topic, where they can overtake earlier"
                    + " ones.");
    static final Key<Integer> REPLICATION_FACTOR = GROUP.integer(
            "kafka.topic.replication.factor",
            0,
            0,
            Short.MAX_VALUE,
            "The number of replicas if the service creates the topic. All replicas but one must have a message"
                    + " (`min.insync.replicas`). If 0, the topic has three replicas, or as many as there are brokers.");

    /** Other keys that begin with this prefix are passed to the clients of Kafka, without it. */
    static final String PREFIX = "kafka.";

    private KafkaSettings() {}

    /**
     * Returns the configuration.
     *
     * @param clients properties of the clients of Kafka, without the prefix
     */
    static KafkaConfig kafka(Values values, Map<String, String> clients) {
        return new KafkaConfig(
                values.get(TOPIC), values.get(PARTITIONS), values.get(REPLICATION_FACTOR), values.get(CREATE), clients);
    }

    private static void checkTopic(String name) {
        if (!TopicNames.isPossible(name)) {
            throw new IllegalArgumentException("must be 1 to " + TopicNames.MAX_LENGTH
                    + " letters, digits, dots, underscores and hyphens, and none of Kafka's own topics, was " + name);
        }
    }
}
