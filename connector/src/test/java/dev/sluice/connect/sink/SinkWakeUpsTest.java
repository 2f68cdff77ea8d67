package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.WakeUps;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A sink wakes bridges that listen on its database. */
class SinkWakeUpsTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    /** The interval at which the sink sends wake-ups. */
    private static final long INTERVAL_MS = 25;

    private final Map<TopicPartition, List<SinkRecord>> topics = new LinkedHashMap<>();
    private final List<String> heard = new CopyOnWriteArrayList<>();

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private WakeUps bridge;
    private WakeUps other;

    @BeforeEach
    void listen() {
        bridge = new WakeUps(postgres.dataSource(), "sluice", heard::add);
        other = new WakeUps(postgres.dataSource(), "sluice", queue -> {});
        bridge.start();
        other.start();
        await().atMost(TIMEOUT)
                .until(() -> postgres.query("select count(*) from pg_stat_activity where query like 'listen %' and"
                                + " datname = current_database()")
                        .equals(List.of("2")));
    }

    @AfterEach
    void close() {
        bridge.close();
        other.close();
    }

    private void produce(String topic, int count) {
        List<SinkRecord> records = topics.computeIfAbsent(new TopicPartition(topic, 0), partition -> new ArrayList<>());
        for (int i = 0; i < count; i++) {
            records.add(new SinkRecord(topic, 0, null, "p", null, i, records.size()));
        }
    }

    private Map<String, String> properties() {
        return Map.of("name", "sink", "connection.url", postgres.url(), "connection.user", "postgres");
    }

    private void awaitHeard(String queue) {
        await().atMost(TIMEOUT).until(() -> heard.contains(queue));
    }

    @Test
    void namesTheQueuesThatGotMessagesAndNoOthers() {
        var properties = new LinkedHashMap<>(properties());
        properties.put("transaction.id.from", "key");
        produce("orders", 3);
        produce("invoices", 1);
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 2).start(properties)) {
            worker.pollAll();
        }
        awaitHeard("orders");
        awaitHeard("invoices");
        other.tell(List.of("the middle"));
        awaitHeard("the middle"); // So no earlier wake-up is still on its way.
        heard.clear();
        topics.clear();
        produce("orders", 3); // The same ids from an empty topic: all are duplicates.
        postgres.execute("delete from sluice.sink_offsets");
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 2).start(properties)) {
            worker.pollAll();
        }
        other.tell(List.of("the end"));
        awaitHeard("the end");
        assertThat(heard).containsExactly("the end");
    }

    @Test
    void areSeldomHoweverManyTransactionsThereAre() {
        produce("orders", 100);
        long start = System.nanoTime();
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 1).start(properties())) {
            worker.pollAll();
        }
        long tookMs = Duration.ofNanos(System.nanoTime() - start).toMillis();
        other.tell(List.of("the end"));
        awaitHeard("the end");
        assertThat(postgres.query("select count(distinct xmin::text) from sluice.segments"))
                .containsExactly("100");
        assertThat(heard).hasSizeBetween(2, (int) (tookMs / INTERVAL_MS) + 2);
    }

    @Test
    void areLeftToWhoeverMadeTheTaskWithAnObserver() {
        produce("orders", 3);
        try (FakeWorker worker =
                new FakeWorker(new QueueSinkTask(OutcomeObserver.NONE), topics, 2).start(properties())) {
            worker.pollAll();
        }
        other.tell(List.of("the end"));
        awaitHeard("the end");
        assertThat(heard).containsExactly("the end");
    }

    @Test
    void cannotFailAWrite() {
        postgres.execute("revoke execute on function pg_notify(text, text) from public; create role sink_only login;"
                + " grant usage on schema sluice to sink_only; grant all on all tables in schema sluice to sink_only;"
                + " grant all on all sequences in schema sluice to sink_only");
        produce("orders", 10);
        var properties = new LinkedHashMap<>(properties());
        properties.put("connection.user", "sink_only");
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 2).start(properties)) {
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
        } finally {
            postgres.execute("drop owned by sink_only; drop role sink_only");
        }
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("10");
        assertThat(heard).isEmpty();
    }
}
