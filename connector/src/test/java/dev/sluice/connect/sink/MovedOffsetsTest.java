package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.write.SourceMovedException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Another task, an operator or a restored backup moves the offset that a sink task writes from. */
class MovedOffsetsTest extends SinkTaskFixture {
    @Test
    void theTaskContinuesBehindThem() {
        produce(ORDERS_0, 0, 100);
        try (FakeWorker worker = worker().start(properties())) {
            worker.poll();
            setOffset(ORDERS_0, 70);
            worker.pollAll();
            assertThat(worker.failures)
                    .singleElement()
                    .satisfies(failure -> assertThat(failure).hasCauseInstanceOf(SourceMovedException.class));
            assertThat(worker.group).containsEntry(ORDERS_0, 100L);
        }
        assertThat(storedNames()).hasSize(80).containsAll(names(ORDERS_0, 70, 100));
        assertThat(observed.alreadyStored).isEqualTo(names(ORDERS_0, 50, 70));
    }

    @Test
    void theTaskGoesBackForWhatItHeldOfAnEarlierDelivery() throws InterruptedException {
        produce(ORDERS_1, 0, 5);
        storeAll();
        produce(ORDERS_1, 5, 10);
        long lingerMs = 50;
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.LINGER_MS, String.valueOf(lingerMs)))) {
            worker.poll();
            setOffset(ORDERS_1, 7);
            produce(ORDERS_0, 0, 10);
            Thread.sleep(lingerMs);
            worker.pollAll();
            assertThat(worker.failures).hasSize(1);
            await().untilAsserted(() -> {
                worker.pollAll();
                assertThat(offsets()).containsExactly("orders-sink|orders|0|10", "orders-sink|orders|1|10");
            });
        }
        assertThat(storedNames())
                .hasSize(18)
                .containsAll(names(ORDERS_0, 0, 10))
                .containsAll(names(ORDERS_1, 7, 10));
    }

    @Test
    void theTaskGoesBackWithThem() {
        produce(ORDERS_0, 0, 100);
        produce(ORDERS_1, 0, 10);
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.DEDUP_WINDOW_MS, "0"))) {
            worker.poll();
            postgres.execute("truncate sluice.segments");
            setOffset(ORDERS_0, 20);
            worker.pollAll();
            assertThat(worker.group).containsEntry(ORDERS_0, 100L).containsEntry(ORDERS_1, 10L);
        }
        assertThat(storedNames())
                .hasSize(90)
                .containsAll(names(ORDERS_0, 20, 100))
                .containsAll(names(ORDERS_1, 0, 10));
    }

    @Test
    void theTaskGoesBackToItsFirstRecordWhenTheOffsetIsGone() {
        produce(ORDERS_0, 0, 100);
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.DEDUP_WINDOW_MS, "0"))) {
            worker.poll();
            postgres.execute("truncate sluice.segments, sluice.sink_offsets");
            worker.pollAll();
            assertThat(worker.group).containsEntry(ORDERS_0, 100L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 100));
        assertThat(offsets()).containsExactly("orders-sink|orders|0|100");
    }

    @Test
    void theTaskGoesBackToWhereItWasOpenedWhenTheOffsetIsGone() {
        produce(ORDERS_0, 0, 30);
        storeAll();
        produce(ORDERS_0, 30, 100);
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.DEDUP_WINDOW_MS, "0"))) {
            worker.poll();
            postgres.execute("truncate sluice.segments, sluice.sink_offsets");
            worker.pollAll();
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 30, 100));
    }

    /** The task learns of the commit from one partition, and loses the other before it can ask about that. */
    @Test
    void whatACommitOfUnknownOutcomeHasStoredIsNotStoredAgainIfAPartitionIsRevoked() throws SQLException {
        produce(ORDERS_0, 0, 5);
        produce(ORDERS_1, 0, 5);
        try (var proxy = new FaultyProxy(postgres.url())) {
            Map<String, String> properties = properties(proxy.url());
            properties.put(QueueSinkConfig.DEDUP_WINDOW_MS, "0");
            properties.put(QueueSinkConfig.WRITE_TIMEOUT_MS, "1000");
            try (FakeWorker worker = worker().start(properties)) {
                worker.poll(); // Makes the partitions of the queue.
                produce(ORDERS_0, 5, 25);
                produce(ORDERS_1, 5, 25);
                proxy.dropNextCommitAnswerAndGoDown();
                worker.poll();
                assertThat(offsets()).containsExactly("orders-sink|orders|0|25", "orders-sink|orders|1|25");
                proxy.down(false);
                try (Connection holder = postgres.dataSource().getConnection();
                        Statement statement = holder.createStatement()) {
                    holder.setAutoCommit(false);
                    statement.execute("select from sluice.sink_offsets where partition = 1 for update");
                    worker.poll();
                    holder.rollback();
                    holder.setAutoCommit(true);
                }
                assertThat(worker.failures).hasSize(2);
                worker.revoke(List.of(ORDERS_1));
                worker.pollAll();
                assertThat(worker.group).containsEntry(ORDERS_0, 25L);
            }
        }
        assertThat(stored()).hasSize(50).doesNotHaveDuplicates();
    }

    @Test
    void twoTasksOnOnePartitionStillWriteEveryRecordOnce() {
        produce(ORDERS_0, 0, 400);
        try (FakeWorker zombie = new FakeWorker(new QueueSinkTask(), topics, 7).start(properties());
                FakeWorker owner = new FakeWorker(new QueueSinkTask(), topics, 11).start(properties())) {
            for (int i = 0; i < 60; i++) {
                zombie.poll();
                owner.poll();
            }
            owner.pollAll();
            zombie.pollAll();
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 400));
    }
}
