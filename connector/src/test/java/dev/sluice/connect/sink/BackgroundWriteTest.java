package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.FaultyProxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;

/** A sink task that lingers writes one batch in the background while the worker polls the records of the next one. */
class BackgroundWriteTest extends SinkTaskFixture {
    private static final int BATCH = 50;

    /** Keeps every write of segments waiting while it is open. */
    private final class Gate implements AutoCloseable {
        private final Connection connection;
        private final Statement statement;

        Gate() throws SQLException {
            postgres.execute("create or replace function public.wait_at_gate() returns trigger language plpgsql as"
                    + " $$ begin perform pg_advisory_xact_lock_shared(17); return null; end $$;"
                    + " create or replace trigger gate before insert on sluice.segments"
                    + " for each statement execute function public.wait_at_gate()");
            connection = postgres.dataSource().getConnection();
            statement = connection.createStatement();
            statement.execute("select pg_advisory_lock(17)");
        }

        /** Waits until a write waits. */
        void awaitWrite() {
            await().until(() -> !postgres.query("select 1 from pg_locks where locktype = 'advisory' and not granted")
                    .isEmpty());
        }

        @Override
        public void close() throws SQLException {
            statement.execute("select pg_advisory_unlock(17)");
            connection.close();
        }
    }

    private FakeWorker onWorker() {
        return new FakeWorker(new QueueSinkTask(), topics, BATCH);
    }

    private Map<String, String> lingering(String url) {
        Map<String, String> properties = properties(url);
        properties.put(QueueSinkConfig.LINGER_MS, "60000");
        properties.put(QueueSinkConfig.BATCH_SIZE, String.valueOf(BATCH));
        properties.put(QueueSinkConfig.LOCK_TIMEOUT_MS, "0");
        return properties;
    }

    @Test
    void theTaskTakesRecordsWhileABatchIsWritten() throws SQLException {
        produce(ORDERS_0, 0, 2 * BATCH - 1);
        try (FakeWorker worker =
                new FakeWorker(new QueueSinkTask(observed), topics, BATCH).start(lingering(postgres.url()))) {
            try (var gate = new Gate()) {
                worker.poll();
                gate.awaitWrite();
                worker.poll();
                assertThat(observed.committed).isEmpty();
                assertThat(stored()).isEmpty();
            }
            worker.commit();
            assertThat(observed.committed).isEqualTo(names(ORDERS_0, 0, BATCH));
            assertThat(worker.group).containsEntry(ORDERS_0, (long) BATCH);
            produce(ORDERS_0, 2 * BATCH - 1, 2 * BATCH);
            worker.poll();
            worker.commit();
            assertThat(worker.group).containsEntry(ORDERS_0, 2L * BATCH);
        }
        assertThat(stored()).hasSize(2 * BATCH).doesNotHaveDuplicates();
        assertThat(observed.committed).isEqualTo(names(ORDERS_0, 0, 2 * BATCH));
    }

    @Test
    void theNextCallTakesTheOutcomeWithoutARecord() {
        produce(ORDERS_0, 0, BATCH);
        try (FakeWorker worker =
                new FakeWorker(new QueueSinkTask(observed), topics, BATCH).start(lingering(postgres.url()))) {
            worker.poll();
            assertThat(worker.context.timeoutMs).isBetween(1L, 1_000L);
            await().until(() -> {
                worker.poll();
                return observed.committed.size() == BATCH;
            });
            worker.poll();
            assertThat(worker.context.timeoutMs).isEqualTo(-1);
        }
    }

    @Test
    void aFailureIsMetByTheNextCallAndNothingIsLost() {
        produce(ORDERS_0, 0, 4 * BATCH);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(lingering(proxy.url()))) {
            worker.poll();
            worker.commit();
            proxy.dropNextCommitAnswerAndGoDown();
            worker.poll();
            worker.commit();
            assertThat(worker.group).containsEntry(ORDERS_0, (long) BATCH);
            worker.poll();
            assertThat(worker.context.paused).containsExactlyInAnyOrder(ORDERS_0, ORDERS_1);
            proxy.down(false);
            worker.pollAll();
            assertThat(worker.context.paused).isEmpty();
            assertThat(worker.group).containsEntry(ORDERS_0, 4L * BATCH);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 4 * BATCH));
    }

    @Test
    void failuresInTheBackgroundCountTowardsMaxRetries() {
        produce(ORDERS_0, 0, 3 * BATCH);
        try (var proxy = new FaultyProxy(postgres.url())) {
            Map<String, String> properties = lingering(proxy.url());
            properties.put(QueueSinkConfig.MAX_RETRIES, "2");
            try (FakeWorker worker = onWorker().start(properties)) {
                worker.poll();
                worker.commit();
                proxy.down(true);
                assertThatThrownBy(() -> {
                            for (int i = 0; i < 5; i++) {
                                worker.poll();
                            }
                        })
                        .isExactlyInstanceOf(ConnectException.class)
                        .hasMessageStartingWith("gave up after max.retries=2 retries: ");
            }
        }
    }

    @Test
    void aBadRecordInTheBackgroundIsReportedAndItsNeighboursAreStored() {
        produce(ORDERS_0, 0, 10);
        producePoison(ORDERS_0, 10);
        produce(ORDERS_0, 11, 2 * BATCH);
        try (FakeWorker worker = onWorker().start(lingering(postgres.url()))) {
            worker.pollAll();
            assertThat(worker.reported).hasSize(1);
            assertThat(worker.group).containsEntry(ORDERS_0, 2L * BATCH);
        }
        assertThat(storedNames()).hasSize(2 * BATCH - 1).doesNotContain("orders-0-10");
    }

    @Test
    void aRevokedPartitionGoesToItsNextOwnerWhileTheOthersStay() throws SQLException {
        produce(ORDERS_0, 0, 30);
        produce(ORDERS_1, 0, 60);
        Map<String, String> properties = lingering(postgres.url());
        try (FakeWorker worker = onWorker().start(properties);
                FakeWorker other = onWorker()) {
            try (var gate = new Gate()) {
                worker.poll();
                gate.awaitWrite();
                worker.poll(); // The rest is held.
            }
            worker.revoke(List.of(ORDERS_1));
            assertThat(worker.group).containsEntry(ORDERS_1, 20L).containsEntry(ORDERS_0, 30L);
            other.group.putAll(worker.group);
            other.start(properties);
            other.revoke(List.of(ORDERS_0));
            produce(ORDERS_1, 60, 70);
            other.poll();
            other.commit();
            produce(ORDERS_0, 30, 30 + BATCH);
            worker.poll();
            worker.commit();
            assertThat(other.group).containsEntry(ORDERS_1, 70L);
            assertThat(worker.group).containsEntry(ORDERS_0, 30L + BATCH);
            other.revoke(List.of(ORDERS_1));
            worker.group.putAll(other.group);
            worker.assign(List.of(ORDERS_1));
            produce(ORDERS_1, 70, 70 + BATCH);
            worker.poll();
            worker.commit();
            assertThat(worker.group).containsEntry(ORDERS_1, 70L + BATCH);
        }
        assertThat(stored()).hasSize(30 + BATCH + 70 + BATCH).doesNotHaveDuplicates();
        assertThat(offsets())
                .containsExactly("orders-sink|orders|0|" + (30 + BATCH), "orders-sink|orders|1|" + (70 + BATCH));
    }
}
