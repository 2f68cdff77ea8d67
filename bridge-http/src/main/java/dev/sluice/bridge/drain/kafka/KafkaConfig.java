package dev.sluice.bridge.drain.kafka;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.errors.ConnectException;

/**
 * Settings of the destination Kafka.
 *
 * @param topic {@code kafka.topic}: the topic to write to
 * @param partitions {@code kafka.topic.partitions}: partitions of a created topic, at least 1
 * @param replication {@code kafka.topic.replication.factor}: replicas of a created topic; 0: three, or as many as there
 *     are brokers
 * @param create {@code kafka.topic.create}: whether to create a missing topic
 * @param clients properties of the Kafka clients, without the prefix {@code kafka.} and without those of {@link #FIXED}
 */
public record KafkaConfig(String topic, int partitions, int replication, boolean create, Map<String, String> clients) {

    /** Properties of the producer that no setting changes, because order and durability rest on them. */
    public static final Map<String, String> FIXED = Map.of(
            ProducerConfig.ACKS_CONFIG, "all",
            ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true",
            // Batches behind an abandoned batch would overtake it.
            ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, String.valueOf(Integer.MAX_VALUE),
            ProducerConfig.RETRIES_CONFIG, String.valueOf(Integer.MAX_VALUE),
            ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class.getName(),
            ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class.getName());

    /** A server as the clients parse it: optionally with a protocol, and with brackets around an IPv6 address. */
    private static final Pattern SERVER = Pattern.compile(
            "(?:[0-9a-zA-Z_%.-]*://)?(?:\\[[0-9a-zA-Z%._:-]+]|[\\p{L}\\p{N}%._-]+|[0-9a-fA-F:]+):([0-9]{1,5})");

    private static final int MAX_PORT = 65_535;
    private static final String MAX_BLOCK_MS = "5000";
    private static final String ADMIN_TIMEOUT_MS = "10000";
    private static final ConfigDef PRODUCER = ProducerConfig.configDef();
    private static final ConfigDef ADMIN = AdminClientConfig.configDef();

    /** Copies the map. */
    public KafkaConfig {
        clients = Map.copyOf(clients);
    }

    /** Returns the names of the client properties that an operator may set. */
    public static Set<String> clientProperties() {
        return Stream.concat(PRODUCER.names().stream(), ADMIN.names().stream())
                .filter(name -> !FIXED.containsKey(name) && !name.equals(ProducerConfig.TRANSACTIONAL_ID_CONFIG))
                .collect(Collectors.toUnmodifiableSet());
    }

    /** Returns whether the value of a property must not be shown. */
    public static boolean isSecret(String property) {
        return Stream.of(PRODUCER, ADMIN)
                .map(definition -> definition.configKeys().get(property))
                .anyMatch(key -> key != null && key.type == ConfigDef.Type.PASSWORD);
    }

    /**
     * Returns the problems of client properties, one line each. No line shows a server, which may contain a password by
     * mistake.
     *
     * @param clients properties without the prefix {@code kafka.}
     */
    public static Collection<String> problems(Map<String, String> clients) {
        var problems = new LinkedHashSet<String>();
        var properties = new HashMap<>(clients);
        properties.putAll(FIXED);
        for (ConfigDef definition : List.of(PRODUCER, ADMIN)) {
            var known = new HashMap<>(properties);
            known.keySet().retainAll(definition.names());
            for (ConfigValue value : definition.validate(known)) {
                if (clients.containsKey(value.name())) {
                    value.errorMessages().stream()
                            .findFirst()
                            .ifPresent(problem -> problems.add(problem.replace(
                                            "configuration " + value.name(), "configuration kafka." + value.name())
                                    .replace("'" + value.name() + "'", "kafka." + value.name())));
                }
            }
        }
        String servers = clients.get(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG);
        if (servers != null && !servers.isBlank()) {
            checkServers(servers, problems);
        }
        clients.forEach((name, value) -> {
            if (name.endsWith(".location") && !value.isBlank() && !isReadable(value)) {
                problems.add("kafka." + name + " is " + value + ", which is not a file that this user may read");
            }
        });
        return problems;
    }

    private static void checkServers(String servers, Collection<String> problems) {
        int number = 0;
        for (String server : servers.split(",", -1)) {
            number++;
            Matcher parts = SERVER.matcher(server.strip());
            if (!parts.matches() || !isPort(parts.group(1))) {
                problems.add("kafka.bootstrap.servers must be host:port entries separated by commas, a port being 1 to "
                        + MAX_PORT + "; entry " + number + " is not");
            }
        }
    }

    private static boolean isPort(String digits) {
        int port = Integer.parseInt(digits);
        return port >= 1 && port <= MAX_PORT;
    }

    private static boolean isReadable(String path) {
        try {
            return Files.isRegularFile(Path.of(path)) && Files.isReadable(Path.of(path));
        } catch (InvalidPathException e) {
            return false;
        }
    }

    /**
     * Returns the properties of a producer for a topic with a limit on batches. The producer makes no larger batch and
     * refuses a record that does not fit: if the broker refused a batch, a later batch in flight could overtake it. If
     * the limit is unknown, the producer has one request in flight at a time.
     *
     * @param maxBatchBytes the topic's {@code max.message.bytes}; empty if it is unknown
     */
    public Map<String, Object> producer(OptionalInt maxBatchBytes) {
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
            throw new IllegalArgumentException("the keys kafka.* do not fit together: " + e.getMessage(), e);
        }
        return properties;
    }

    /** Returns the properties of the admin client. */
    Map<String, Object> admin() {
        Map<String, Object> properties = known(ADMIN);
        for (String timeout :
                List.of(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG)) {
            properties.putIfAbsent(timeout, ADMIN_TIMEOUT_MS);
        }
        return properties;
    }

    /**
     * Returns the exception to throw if a client cannot be made. An exception about the login configuration repeats
     * words of it, which may include the password: then the result has neither the reason nor the cause.
     *
     * @param what the beginning of the message, before the reason
     */
    static ConnectException refusal(String what, Throwable cause, String reason) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (String.valueOf(each.getMessage()).contains("JAAS")) {
                return new ConnectException(what + "kafka.sasl.jaas.config is not a login configuration,"
                        + " such as: MODULE required username=\"…\" password=\"…\";");
            }
        }
        return new ConnectException(what + reason, cause);
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

    /** Hides the properties of the clients: some are secrets. */
    @Override
    public String toString() {
        return "KafkaConfig[topic=" + topic + "]";
    }
}
