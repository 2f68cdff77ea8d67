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
            "Topic that messages of all queues go to with `drain.mode=kafka`. Any other key that begins with"
                    + " `kafka.` is passed, without it, to the producer and the admin client:"
                    + " `kafka.bootstrap.servers` (needed), `kafka.security.protocol`, `kafka.ssl.*`,"
                    + " `kafka.sasl.*`, `kafka.compression.type` and so on; not `acks`, `enable.idempotence`,"
                    + " `delivery.timeout.ms`, `retries`, serializers and `transactional.id`.");
    static final Key<Boolean> CREATE =
            GROUP.flag("kafka.topic.create", true, "Whether to make the topic if it is missing.");
    static final Key<Integer> PARTITIONS = GROUP.integer(
            "kafka.topic.partitions",
            12,
            1,
            10_000,
            "Partitions of the topic if it is made here. Changing them later moves the messages of a queue's"
                    + " partition to another one, where they can overtake.");
    static final Key<Integer> REPLICATION_FACTOR = GROUP.integer(
            "kafka.topic.replication.factor",
            0,
            0,
            Short.MAX_VALUE,
            "Copies of the topic if the service makes it. All but one must have a message (`min.insync.replicas`)."
                    + " 0: three, or as many as there are brokers.");

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
