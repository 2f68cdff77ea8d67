package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import javax.management.JMException;
import javax.management.ObjectName;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Connect hides that a report to the dead letter topic has failed, and shows it in a metric. */
class DeadLetterFailuresTest extends SinkTaskFixture {
    private static final String FAILURES = "deadletterqueue-produce-failures";

    private final AtomicLong failures = new AtomicLong(5); // Failures of an earlier task with this name.
    private final AtomicLong requests = new AtomicLong(5);
    private final AtomicLong freeBytes = new AtomicLong(32);
    private final List<ObjectName> names = new ArrayList<>();

    @BeforeEach
    void registerAll() throws JMException {
        register(
                "kafka.connect:type=task-error-metrics,connector=orders-sink,task=0",
                Map.of(FAILURES, failures::get, "deadletterqueue-produce-requests", requests::get));
        register(
                "kafka.producer:type=producer-metrics,client-id=connector-dlq-producer-orders-sink-0",
                Map.of("buffer-available-bytes", freeBytes::get, "buffer-total-bytes", () -> 32L));
    }

    private void register(String name, Map<String, Supplier<Number>> attributes) throws JMException {
        names.add(new ObjectName(name));
        ManagementFactory.getPlatformMBeanServer()
                .registerMBean(new PublishedMetrics(attributes), names.get(names.size() - 1));
    }

    @AfterEach
    void unregisterAll() throws JMException {
        for (ObjectName name : names) {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        }
    }

    private Map<String, String> deadLetters() {
        return properties("errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dead");
    }

    private void produceUnmappable(int offset) {
        topics.get(ORDERS_0).add(new SinkRecord("orders", 0, null, "k", null, Double.NaN, offset));
    }

    @Test
    void endsThePartitionAlthoughTheFutureSaysThatAllIsWell() {
        produce(ORDERS_0, 0, 3);
        produceUnmappable(3);
        produce(ORDERS_0, 4, 8);
        try (FakeWorker worker = worker().withReporter((record, error) -> {
                    failures.incrementAndGet();
                    return CompletableFuture.completedFuture(null);
                })
                .start(deadLetters())) {
            assertThatThrownBy(worker::pollAll)
                    .isExactlyInstanceOf(ConnectException.class)
                    .hasMessageContaining("set producer.override.max.request.size")
                    .hasMessageContaining("before offset 3 are stored");
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 3));
    }

    @Test
    void takesTheOthers() {
        produce(ORDERS_0, 0, 3);
        produceUnmappable(3);
        produce(ORDERS_0, 4, 8);
        try (FakeWorker worker = worker().start(deadLetters())) {
            worker.pollAll();
            assertThat(worker.reported).hasSize(1);
        }
        assertThat(storedNames()).hasSize(7);
    }

    @Test
    void endsTheTaskBeforeWhatFollowsARecordThatTheWorkerLost() {
        produce(ORDERS_0, 0, 3);
        try (FakeWorker worker = worker().start(deadLetters())) {
            worker.pollAll();
            failures.incrementAndGet(); // The converter has refused offset 3.
            produce(ORDERS_0, 4, 8);
            assertThatThrownBy(worker::pollAll)
                    .isExactlyInstanceOf(ConnectException.class)
                    .hasMessageContaining("converter or transform")
                    .hasMessageContaining("{orders-0=4}");
            worker.commit();
            assertThat(worker.group).containsEntry(ORDERS_0, 3L);
        }
        assertThat(offsets()).containsExactly("orders-sink|orders|0|3");
    }

    @Test
    void endsTheTaskAlsoIfNothingFollows() {
        produce(ORDERS_0, 0, 3);
        try (FakeWorker worker = worker().start(deadLetters())) {
            worker.pollAll();
            failures.incrementAndGet();
            assertThatThrownBy(worker::poll).isExactlyInstanceOf(ConnectException.class);
        }
    }

    @Test
    void isWaitedForBeforeWhatFollowsIsWrittenOrConfirmed() {
        produce(ORDERS_0, 0, 3);
        Map<String, String> impatient = deadLetters();
        impatient.put("put.timeout.ms", "1");
        try (FakeWorker worker = worker().start(impatient)) {
            requests.incrementAndGet(); // The converter has refused a record, and the producer sends it.
            freeBytes.set(16);
            worker.poll();
            worker.commit();
            assertThat(worker.failures)
                    .singleElement()
                    .satisfies(failure -> assertThat(failure)
                            .isInstanceOf(RetriableException.class)
                            .hasMessageContaining("the dead letter topic has not taken all records"));
            assertThat(stored()).isEmpty();
            assertThat(worker.group).doesNotContainKey(ORDERS_0);
            freeBytes.set(32);
            worker.pollAll();
            assertThat(worker.group).containsEntry(ORDERS_0, 3L);
        }
        assertThat(stored()).hasSize(3);
    }

    @Test
    void ofAnotherConnectorIsOfNoInterest() throws JMException {
        var others = new AtomicLong();
        register("kafka.connect:type=task-error-metrics,connector=orders-sink-2,task=0", Map.of(FAILURES, others::get));
        try (FakeWorker worker = worker().start(deadLetters())) {
            others.incrementAndGet();
            produce(ORDERS_0, 0, 3);
            worker.pollAll();
        }
        assertThat(stored()).hasSize(3);
    }
}
