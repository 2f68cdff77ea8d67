package dev.sluice.work.contract;

import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A database with the queue's schema, and buffers on it that are closed after the test. */
class WorkFixture {
    static final Duration PATIENCE = Duration.ofSeconds(30);

    protected TestPostgres postgres;
    private final List<WorkBuffer> buffers = new ArrayList<>();

    @BeforeEach
    void openDatabase() {
        postgres = TestPostgres.withSchema().withoutSyncs();
    }

    @AfterEach
    void closeAll() {
        buffers.forEach(WorkBuffer::close);
        postgres.close();
    }

    /** Returns a builder whose buffers close fast. */
    WorkBuffer.Builder builder() {
        return WorkBuffer.builder(postgres.dataSource())
                .closeTimeout(Duration.ofSeconds(2))
                .interruptGrace(Duration.ofMillis(300));
    }

    /** Starts a buffer that is closed after the test. */
    WorkBuffer start(WorkBuffer.Builder builder) {
        WorkBuffer buffer = builder.start();
        buffers.add(buffer);
        return buffer;
    }

    /** Enqueues works without a key so that they are in one partition: one claim takes them. */
    void enqueueInOnePartition(String type, String... payloads) throws InterruptedException {
        try (WorkBuffer producer = builder().start()) {
            producer.enqueue(
                    Stream.of(payloads).map(payload -> Work.of(type, payload)).toList());
            while (count("partitions") > 1) {
                postgres.execute(
                        "delete from sluice.segments; delete from sluice.cursors; delete from sluice.partitions");
                producer.enqueue(Stream.of(payloads)
                        .map(payload -> Work.of(type, payload))
                        .toList());
            }
        }
    }

    static void until(Callable<Boolean> condition) {
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5)).until(condition);
    }

    /** Waits until a query returns these rows. */
    void untilRows(String sql, String... rows) {
        until(() -> postgres.query(sql).equals(List.of(rows)));
    }

    long count(String table) {
        return Long.parseLong(
                postgres.query("select count(*) from sluice." + table).get(0));
    }

    /** Waits until the engine holds nothing and no work waits for a retry. */
    void untilNothingIsLeft() {
        untilRows("select (select count(*) from sluice.work_claims), (select count(*) from sluice.work_items)", "0|0");
    }
}
