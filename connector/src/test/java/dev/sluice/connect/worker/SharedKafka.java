package dev.sluice.connect.worker;

/**
 * The broker and the worker that all tests of a JVM share. They end when the JVM ends.
 *
 * <p>The JVM starts its own broker, unless the system property {@value #BOOTSTRAP_SERVERS} names another.
 */
public final class SharedKafka {
    public static final String BOOTSTRAP_SERVERS = "sluice.test.kafka";

    private SharedKafka() {}

    /** Returns the broker. */
    public static KafkaBroker broker() {
        return Broker.SHARED;
    }

    /** Returns the worker. */
    public static ConnectWorker worker() {
        return Worker.SHARED;
    }

    private interface Start<T> {
        T start() throws Exception;
    }

    private static <T> T started(Start<T> start) {
        try {
            return start.start();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static final class Broker {
        static final KafkaBroker SHARED = started(Broker::start);

        private static KafkaBroker start() throws Exception {
            String other = System.getProperty(BOOTSTRAP_SERVERS);
            return other == null ? KafkaBroker.start("broker") : KafkaBroker.running(other);
        }
    }

    private static final class Worker {
        static final ConnectWorker SHARED =
                started(() -> ConnectWorker.start("worker", Broker.SHARED, "shared-worker"));
    }
}
