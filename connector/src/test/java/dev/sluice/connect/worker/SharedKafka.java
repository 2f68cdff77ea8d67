package dev.sluice.connect.worker;

/** The broker and the worker that all tests of a JVM share. They end with it. */
public final class SharedKafka {
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
        static final KafkaBroker SHARED = started(() -> KafkaBroker.start("broker"));
    }

    private static final class Worker {
        static final ConnectWorker SHARED =
                started(() -> ConnectWorker.start("worker", Broker.SHARED, "shared-worker"));
    }
}
