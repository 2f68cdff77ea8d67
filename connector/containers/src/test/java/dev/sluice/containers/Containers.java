package dev.sluice.containers;

import dev.sluice.connect.worker.SharedKafka;
import dev.sluice.queue.TestPostgres;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * Lets tests run only where there is Docker, and starts the servers before the first test. Testcontainers stops the
 * servers when the JVM ends. {@code META-INF/services} registers this class for all tests of the module.
 *
 * <p>The images are those of the system properties {@value #POSTGRES_IMAGE} and {@value #KAFKA_IMAGE}.
 */
public final class Containers implements ExecutionCondition {
    static final String POSTGRES_IMAGE = "containers.postgres.image";
    static final String KAFKA_IMAGE = "containers.kafka.image";

    private static final int POSTGRES_PORT = 5432;

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        if (!DockerClientFactory.instance().isDockerAvailable()) {
            return ConditionEvaluationResult.disabled("-Pcontainers needs Docker, and there is none here: skipped");
        }
        Servers.start();
        return ConditionEvaluationResult.enabled("on containers");
    }

    /** One PostgreSQL and one Kafka for all tests of a JVM. */
    private static final class Servers {
        private static boolean started;

        private Servers() {}

        static synchronized void start() {
            if (!started) {
                System.setProperty(TestPostgres.ADDRESS, postgres());
                System.setProperty(SharedKafka.BOOTSTRAP_SERVERS, kafka());
                started = true;
            }
        }

        @SuppressWarnings("resource") // Ended with the JVM.
        private static String postgres() {
            var postgres = new GenericContainer<>(DockerImageName.parse(System.getProperty(POSTGRES_IMAGE)))
                    .withEnv("POSTGRES_HOST_AUTH_METHOD", "trust")
                    .withCommand("postgres", "-c", "max_connections=300", "-c", "timezone=UTC")
                    .withExposedPorts(POSTGRES_PORT)
                    // Twice: the image starts the server once to set it up.
                    .waitingFor(Wait.forLogMessage(".*database system is ready to accept connections.*\\n", 2));
            postgres.start();
            return postgres.getHost() + ":" + postgres.getMappedPort(POSTGRES_PORT);
        }

        @SuppressWarnings("resource") // Ended with the JVM.
        private static String kafka() {
            var kafka = new KafkaContainer(DockerImageName.parse(System.getProperty(KAFKA_IMAGE)))
                    .withEnv("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
                    .withEnv("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
                    .withEnv("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000");
            kafka.start();
            return kafka.getBootstrapServers();
        }
    }
}
