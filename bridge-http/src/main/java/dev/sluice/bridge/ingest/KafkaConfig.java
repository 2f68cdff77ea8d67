package dev.sluice.bridge.ingest;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Settings of a drain into Kafka.
 *
 * @param topic {@code kafka.topic}: where messages go
 * @param partitions {@code kafka.topic.partitions}: partitions of the topic if it has to be made, at least 1
 * @param replication {@code kafka.topic.replication.factor}: copies of a topic that has to be made; 0: three, or as many as there
 *     are brokers
 * @param create {@code kafka.topic.create}: whether to make the topic if it is missing
 * @param clients what the clients of Kafka are told, without the prefix {@code kafka.}; not what {@link #FIXED} names
 */
public record KafkaConfig(String topic, int partitions, int replication, boolean create, Map<String, String> clients) {

    /** Properties of the producer that no setting changes: order, and that nothing is lost, rest on them. */
    public static final Map<String, String> FIXED = Map.of(
            ProducerConfig.ACKS_CONFIG, "all",
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true",
            // A batch that was given up would be overtaken by those behind it.
            ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, String.valueOf(Integer.MAX_VALUE),
            ProducerConfig.RETRIES_CONFIG, String.valueOf(Integer.MAX_VALUE),
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class.getName(),
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class.getName());

    private static final String MAX_BLOCK_MS = "5000";
    private static final String ADMIN_TIMEOUT_MS = "10000";
    private static final ConfigDef PRODUCER = ProducerConfig.configDef();
    private static final ConfigDef ADMIN = AdminClientConfig.configDef();

    /** Copies the map. */
    public KafkaConfig {
        clients = Map.copyOf(clients);
    }

    /** Returns the names of properties that may be passed to the clients. */
    public static Set<String> clientProperties() {
        return Stream.concat(PRODUCER.names().stream(), ADMIN.names().stream())
                .filter(name -> !FIXED.containsKey(name) && !name.equals(ProducerConfig.TRANSACTIONAL_ID_CONFIG))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Returns whether a property's value is not to be shown. */
    public static boolean isSecret(String property) {
        return Stream.of(PRODUCER, ADMIN)
                .map(definition -> definition.configKeys().get(property))
                .anyMatch(key -> key != null && key.type == ConfigDef.Type.PASSWORD);
    }

    /**
     * Returns the properties of a producer for a topic that takes batches of so many bytes. It makes no larger ones and refuses a
     * record that would be one: were a batch refused by the broker, a later one that is on its way could come before it. Where
     * the limit is not known there is only one on its way.
     *
     * @param maxBatchBytes the topic's {@code max.message.bytes}; empty: not known
     */
    Map<String, Object> producer(OptionalInt maxBatchBytes) {
        Map<String, Object> properties = producer();
        if (maxBatchBytes.isEmpty()) {
            properties.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, "1");
            return properties;
        }
        var config = new ProducerConfig(properties);
        for (String size : List.of(ProducerConfig.BATCH_SIZE_CONFIG, ProducerConfig.MAX_REQUEST_SIZE_CONFIG)) {
            properties.put(size, Math.min(config.getInt(size), maxBatchBytes.getAsInt()));
        }
        return properties;
    }

    /**
     * Returns the properties of a producer for any topic.
     *
     * @throws IllegalArgumentException if one is not valid
     */
    public Map<String, Object> producer() {
        Map<String, Object> properties = known(PRODUCER);
        properties.putIfAbsent(ProducerConfig.MAX_BLOCK_MS_CONFIG, MAX_BLOCK_MS);
        properties.putAll(FIXED);
        try {
            Object unused = new ProducerConfig(properties);
        } catch (ConfigException e) {
            throw new IllegalArgumentException("kafka.: " + e.getMessage(), e);
        }
        return properties;
    }

    /** Returns the properties of the client that looks after the topic. */
    Map<String, Object> admin() {
        Map<String, Object> properties = known(ADMIN);
        for (String timeout :
                List.of(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG)) {
            properties.putIfAbsent(timeout, ADMIN_TIMEOUT_MS);
        }
        return properties;
    }

    private Map<String, Object> known(ConfigDef definition) {
        var properties = new HashMap<String, Object>();
        clients.forEach((name, value) -> {
            if (definition.names().contains(name)) {
                properties.put(name, value);
            }
        });
        return properties;
    }
}
