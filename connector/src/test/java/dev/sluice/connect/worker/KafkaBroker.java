package dev.sluice.connect.worker;

import dev.sluice.connect.worker.KafkaJvm.Tuning;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;
import org.jspecify.annotations.Nullable;

/**
 * A Kafka cluster of one node that is both broker and controller. A test can stop it and start it again with its data.
 * It has a listener in clear and one with TLS and a password.
 */
public final class KafkaBroker implements AutoCloseable {
    private static final Duration START_TIMEOUT = Duration.ofMinutes(2);

    private final String name;
    private final Tuning tuning;
    private final Path configuration;
    private final String bootstrapServers;
    private final @Nullable Secure secure;

    /** The listener with TLS. */
    private record Secure(String bootstrapServers, BrokerTls tls) {}

    /** The process of the broker; null if this JVM has not started it. */
    private @Nullable KafkaJvm jvm;

    private KafkaBroker(
            String name, Tuning tuning, Path configuration, String bootstrapServers, @Nullable Secure secure) {
        this.name = name;
        this.tuning = tuning;
        this.configuration = configuration;
        this.bootstrapServers = bootstrapServers;
        this.secure = secure;
    }

    /** Returns a running broker that this JVM has not started. It neither stops nor ends it. */
    static KafkaBroker running(String bootstrapServers) throws InterruptedException {
        var broker = new KafkaBroker(bootstrapServers, Tuning.TESTS, Path.of(""), bootstrapServers, null);
        broker.awaitReady();
        return broker;
    }

    /** Starts an empty broker and waits until it answers. */
    public static KafkaBroker start(String name) throws IOException, InterruptedException {
        return start(name, Tuning.TESTS);
    }

    /** Starts an empty broker with a JVM for another purpose. */
    static KafkaBroker start(String name, Tuning tuning) throws IOException, InterruptedException {
        int port = Ports.free();
        Path directory = KafkaJvm.logs().resolve(name);
        deleteAll(directory);
        Files.createDirectories(directory);
        Path configuration = directory.resolve("server.properties");
        var secure = new Secure("127.0.0.1:" + Ports.free(), BrokerTls.make(directory, "broker"));
        Files.writeString(configuration, configuration(port, Ports.free(), secure, directory.resolve("data")));
        KafkaJvm.start(
                        name + "-format",
                        "current",
                        "kafka.tools.StorageTool",
                        "format",
                        "-t",
                        Uuid.randomUuid().toString(),
                        "-c",
                        configuration.toString())
                .awaitSuccess();
        var broker = new KafkaBroker(name, tuning, configuration, "127.0.0.1:" + port, secure);
        broker.restart();
        return broker;
    }

    private static String configuration(int port, int controllerPort, Secure secure, Path data) {
        var tls = new StringBuilder();
        secure.tls
                .broker()
                .forEach((key, value) ->
                        tls.append(key).append('=').append(value).append('\n'));
        return tls
                + String.join(
                        "\n",
                        "process.roles=broker,controller",
                        "node.id=1",
                        "controller.quorum.voters=1@127.0.0.1:" + controllerPort,
                        "listeners=PLAINTEXT://127.0.0.1:" + port + ",SASL_SSL://" + secure.bootstrapServers
                                + ",CONTROLLER://127.0.0.1:" + controllerPort,
                        "advertised.listeners=PLAINTEXT://127.0.0.1:" + port + ",SASL_SSL://" + secure.bootstrapServers,
                        "controller.listener.names=CONTROLLER",
                        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
                        "log.dirs=" + data,
                        "auto.create.topics.enable=false",
                        "offsets.topic.replication.factor=1",
                        "offsets.topic.num.partitions=2",
                        "transaction.state.log.replication.factor=1",
                        "transaction.state.log.min.isr=1",
                        "transaction.state.log.num.partitions=2",
                        "share.coordinator.state.topic.replication.factor=1",
                        "share.coordinator.state.topic.min.isr=1",
                        "group.initial.rebalance.delay.ms=0",
                        "group.min.session.timeout.ms=1000",
                        "");
    }

    private static void deleteAll(Path directory) throws IOException {
        if (Files.exists(directory)) {
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private void awaitReady() throws InterruptedException {
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        try (Admin admin = admin()) {
            while (true) {
                try {
                    if (!admin.describeCluster().nodes().get().isEmpty()) {
                        return;
                    }
                } catch (ExecutionException notYet) {
                    // The broker does not answer yet.
                }
                KafkaJvm process = jvm;
                boolean isOver = System.nanoTime() - deadline > 0;
                if (process == null && isOver) {
                    throw new IllegalStateException("no broker answers at " + bootstrapServers);
                }
                if (process != null && (isOver || !process.isAlive())) {
                    throw new IllegalStateException(process.failure("did not get ready"));
                }
                Thread.sleep(50);
            }
        }
    }

    /** Returns the address of the listener in clear. */
    public String bootstrapServers() {
        return bootstrapServers;
    }

    /** Returns the address of the listener with TLS. Only a broker of this JVM has one. */
    public String secureBootstrapServers() {
        return secure().bootstrapServers;
    }

    /** Returns the keys of the listener with TLS. */
    public BrokerTls tls() {
        return secure().tls;
    }

    /** Returns true if this JVM has started the broker. */
    public boolean isOurs() {
        return secure != null;
    }

    private Secure secure() {
        if (secure == null) {
            throw new IllegalStateException(bootstrapServers + " is not ours, and may not listen with TLS");
        }
        return secure;
    }

    /** Returns a new client for topics and groups. */
    public Admin admin() {
        return Admin.create(Map.of(
                "bootstrap.servers", bootstrapServers(),
                "default.api.timeout.ms", "30000",
                "reconnect.backoff.max.ms", "500"));
    }

    /** Creates a topic. */
    public void createTopic(String topic, int partitions, Map<String, String> configs) throws Exception {
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs)))
                    .all()
                    .get();
        }
    }

    /** Deletes a topic, and waits until it is gone. */
    void deleteTopic(String topic) throws Exception {
        try (Admin admin = admin()) {
            admin.deleteTopics(List.of(topic)).all().get();
            while (admin.listTopics().names().get().contains(topic)) {
                Thread.sleep(50);
            }
        }
    }

    /** Ends the broker as {@code SIGTERM} does. Its data stays. */
    public void stop() throws InterruptedException {
        if (jvm == null) {
            throw new IllegalStateException(bootstrapServers + " is not ours to stop");
        }
        jvm.stop();
    }

    /** Starts the broker, with its data if it has run before. */
    public void restart() throws InterruptedException {
        jvm = KafkaJvm.start(name, "current", tuning, "kafka.Kafka", configuration.toString());
        awaitReady();
    }

    @Override
    public void close() throws InterruptedException {
        if (jvm != null) {
            jvm.kill();
        }
    }
}
