package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.QueueSinkConnector;
import dev.sluice.queue.FaultyProxy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.Test;

/** A topic is deleted and created again, or loses its end, while a sink reads it. */
class RecreatedTopicsTest extends SinkTaskFixture {
    /** Deletes the topic and creates it again. */
    private void remake(int records) {
        topics.get(ORDERS_0).clear();
        produce(ORDERS_0, 0, records);
    }

    private void assertThatItEnds(FakeWorker worker, String whatToDo) {
        assertThatThrownBy(worker::pollAll)
                .isExactlyInstanceOf(ConnectException.class)
                .hasMessageStartingWith("orders-0 was to continue at offset 20, but Kafka has delivered 0: the topic"
                        + " was recreated or truncated")
                .hasMessageContaining(whatToDo);
    }

    private void assertThatItEnds(FakeWorker worker) {
        assertThatItEnds(worker, "PATCH /connectors/NAME/offsets");
    }

    @Test
    void theTaskEndsInsteadOfTakingItsRecordsForOldOnes() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        remake(5);
        try (FakeWorker worker = worker().start(properties())) {
            assertThatItEnds(worker);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 20));
        assertThat(offsets()).contains("orders-sink|orders|0|20");
        assertThat(observed.alreadyStored).isEmpty();
    }

    @Test
    void alsoWhileItRuns() {
        produce(ORDERS_0, 0, 20);
        try (FakeWorker worker = worker().start(properties())) {
            worker.pollAll();
            remake(19);
            assertThatItEnds(worker);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 20));
    }

    @Test
    void aTaskStartedAgainGoesOnWhereNothingIsStoredAtTheOffset() {
        produce(ORDERS_0, 0, 20);
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.LINGER_MS, "60000"))) {
            worker.poll();
            remake(19);
            assertThatItEnds(worker, "Nothing is stored at this offset: start the task again");
        }
        assertThat(stored()).isEmpty();
        storeAll();
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 19));
    }

    @Test
    void aTaskStartedAgainGoesOnWhereOnlyWhatItHeldIsGone() {
        produce(ORDERS_0, 0, 10);
        storeAll();
        produce(ORDERS_0, 10, 30);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            proxy.down(true);
            worker.poll();
            worker.dropBatch();
            topics.get(ORDERS_0).subList(10, 30).clear();
            produce(ORDERS_0, 10, 15);
            worker.seekTo(ORDERS_0, 12); // As a consumer does after a truncation of the log.
            proxy.down(false);
            assertThatThrownBy(worker::pollAll)
                    .hasMessageStartingWith("orders-0 was to continue at offset 30, but Kafka has delivered 12")
                    .hasMessageEndingWith("start the task again");
        }
        storeAll();
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 15));
    }

    @Test
    void allPartitionsOfADeliveryAreRefused() {
        produce(ORDERS_0, 0, 20);
        produce(ORDERS_1, 0, 20);
        storeAll();
        remake(5);
        topics.get(ORDERS_1).clear();
        produce(ORDERS_1, 0, 5);
        try (FakeWorker worker = worker().start(properties())) {
            assertThatItEnds(worker, "; orders-1 was to continue at offset 20, but Kafka has delivered 0");
        }
        assertThat(postgres.query("select count(*) from sluice.sink_offsets where refused is not null"))
                .containsExactly("2");
    }

    @Test
    void aTaskThatRunsDoesNotMoveWhatIsRefused() {
        produce(ORDERS_0, 0, 20);
        try (FakeWorker worker = worker().start(properties())) {
            worker.pollAll();
            postgres.execute("update sluice.sink_offsets set refused = 'by another task'");
            produce(ORDERS_0, 20, 30);
            assertThatThrownBy(worker::pollAll)
                    .isExactlyInstanceOf(ConnectException.class)
                    .hasMessage("by another task");
        }
        assertThat(offsets()).containsExactly("orders-sink|orders|0|20");
    }

    @Test
    void aTaskThatCouldNotAskAndGetsNothingEndsToo() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        postgres.execute("update sluice.sink_offsets set refused = 'before'");
        topics.get(ORDERS_0).clear();
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            try (FakeWorker worker = worker().start(properties(proxy.url()))) {
                proxy.down(false);
                assertThatThrownBy(worker::pollAll)
                        .isExactlyInstanceOf(ConnectException.class)
                        .hasMessage("before");
            }
        }
    }

    @Test
    void alsoWherePostgresqlCouldNotBeAskedWhereToContinue() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        remake(5);
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            try (FakeWorker worker = worker().start(properties(proxy.url()))) {
                worker.poll();
                proxy.down(false);
                assertThatItEnds(worker);
            }
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 20));
    }

    @Test
    void alsoWherePostgresqlIsAwayWhenItIsNoticed() {
        produce(ORDERS_0, 0, 20);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            worker.pollAll();
            remake(5);
            proxy.down(true);
            worker.poll();
            assertThat(worker.failures).hasSize(1);
            proxy.down(false);
            assertThatItEnds(worker);
        }
        assertThat(postgres.query("select count(*) from sluice.sink_offsets where refused is not null"))
                .containsExactly("1");
    }

    @Test
    void alsoAfterADeliveryThatFailedAndDidNotComeAgain() {
        produce(ORDERS_0, 0, 20);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            proxy.down(true);
            worker.poll();
            worker.dropBatch();
            proxy.down(false);
            remake(5);
            assertThatItEnds(worker, "start the task again");
        }
    }

    @Test
    void aTaskStartedAgainEndsTooThoughTheTopicHasGrown() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        remake(5);
        try (FakeWorker worker = worker().start(properties())) {
            assertThatItEnds(worker);
        }
        remake(30);
        var task = new QueueSinkTask(observed);
        assertThatThrownBy(() -> new FakeWorker(task, topics, 50).start(properties()))
                .isExactlyInstanceOf(ConnectException.class)
                .hasMessageStartingWith("orders-0 was to continue at offset 20, but Kafka has delivered 0: ");
        task.stop();
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 20));

        new QueueSinkConnector().alterOffsets(properties(), Map.of(ORDERS_0, 0L));
        storeAll();
        assertThat(storedNames()).hasSize(50);
    }

    /** Nothing distinguishes the topics then; docs/connect.md says so. */
    @Test
    void nobodyNoticesWhenItHasAsManyRecordsAlready() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        remake(20);
        storeAll();
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 20));
    }

    @Test
    void whatIsDeliveredAgainAfterARebalanceIsNoNewBeginning() {
        produce(ORDERS_0, 0, 30);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = new FakeWorker(new QueueSinkTask(observed), topics, 10)) {
            worker.start(properties(proxy.url()));
            worker.poll();
            proxy.down(true);
            worker.poll();
            worker.rebalance();
            proxy.down(false);
            worker.pollAll();
            proxy.down(true);
            produce(ORDERS_0, 30, 50);
            worker.poll();
            proxy.down(false);
            worker.rebalance();
            worker.pollAll();
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 50));
    }

    @Test
    void whatIsDeliveredAgainOfAPartitionThatIsGoneIsDropped() {
        produce(ORDERS_0, 0, 10);
        produce(ORDERS_1, 0, 10);
        var task = new QueueSinkTask(observed);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = new FakeWorker(task, topics, 50).start(properties(proxy.url()))) {
            proxy.down(true);
            worker.poll();
            task.close(List.of(ORDERS_0));
            proxy.down(false);
            worker.poll();
            assertThat(storedNames()).isEqualTo(names(ORDERS_1, 0, 10));
        }
    }

    @Test
    void goingBackWithPostgresqlIsNone() {
        produce(ORDERS_0, 0, 100);
        try (FakeWorker worker = worker().start(properties(QueueSinkConfig.DEDUP_WINDOW_MS, "0"))) {
            worker.poll();
            postgres.execute("truncate sluice.segments");
            setOffset(ORDERS_0, 20);
            worker.pollAll();
            setOffset(ORDERS_0, 10);
            produce(ORDERS_0, 100, 110);
            worker.pollAll();
        }
        assertThat(offsets()).contains("orders-sink|orders|0|110");
    }

    @Test
    void itIsReadOnceItsOffsetIsReset() {
        produce(ORDERS_0, 0, 20);
        produce(ORDERS_1, 0, 10);
        storeAll();
        remake(5);
        var reset = new HashMap<TopicPartition, Long>();
        reset.put(ORDERS_0, null);
        assertThat(new QueueSinkConnector().alterOffsets(properties(), reset)).isTrue();
        storeAll();
        assertThat(storedNames()).hasSize(35);
        assertThat(offsets()).containsExactly("orders-sink|orders|0|5", "orders-sink|orders|1|10");
    }
}
