package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.FaultyProxy;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.Test;

/** PostgreSQL is down, or does not answer, while a sink task writes. */
class SinkOutageTest extends SinkTaskFixture {
    @Test
    void theSameRecordsAreTriedAgainUntilItIsBack() {
        produce(ORDERS_0, 0, 100);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.down(true);
            for (int i = 0; i < 5; i++) {
                worker.poll();
            }
            assertThat(worker.failures).hasSize(5).allMatch(RetriableException.class::isInstance);
            assertThat(worker.reported).isEmpty();
            proxy.down(false);
            worker.pollAll();
            worker.commit();
            assertThat(worker.group).containsEntry(ORDERS_0, 100L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 100));
        assertThat(observed.committed).hasSize(100);
    }

    @Test
    void theTaskStartsAllTheSameAndFindsItsPlaceLater() {
        produce(ORDERS_0, 0, 100);
        storeAll();
        produce(ORDERS_0, 100, 120);
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            var worker = worker();
            worker.group.put(ORDERS_0, 110L);
            try (worker) {
                worker.start(properties(proxy.url()));
                worker.poll();
                proxy.down(false);
                worker.pollAll();
            }
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 120));
    }

    @Test
    void aPartitionThatIsSilentAtFirstFindsItsPlaceToo() {
        produce(ORDERS_0, 0, 10);
        produce(ORDERS_1, 0, 20);
        storeAll();
        setOffset(ORDERS_1, 5); // As a restored backup, it has less than the group.
        produce(ORDERS_0, 10, 20);
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            var worker = worker();
            worker.group.put(ORDERS_0, 10L);
            worker.group.put(ORDERS_1, 20L);
            try (worker) {
                worker.start(properties(proxy.url()));
                proxy.down(false);
                worker.pollAll();
            }
        }
        assertThat(offsets()).containsExactly("orders-sink|orders|0|20", "orders-sink|orders|1|20");
        assertThat(postgres.query(
                        "select count(*) from sluice.messages where transaction_id in ('orders-1-5', 'orders-1-19')"))
                .containsExactly("4");
    }

    @Test
    void soDoesOneWithNothingElse() {
        produce(ORDERS_0, 0, 20);
        storeAll();
        setOffset(ORDERS_0, 5);
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            var worker = worker();
            worker.group.put(ORDERS_0, 20L);
            try (worker) {
                worker.start(properties(proxy.url()));
                proxy.down(false);
                worker.pollAll();
            }
        }
        assertThat(offsets()).containsExactly("orders-sink|orders|0|20");
        assertThat(stored()).hasSize(35);
    }

    @Test
    void theTaskGivesUpAfterMaxRetriesIfThereIsALimit() {
        produce(ORDERS_0, 0, 10);
        try (var proxy = new FaultyProxy(postgres.url())) {
            var properties = properties(proxy.url());
            properties.put(QueueSinkConfig.MAX_RETRIES, "2");
            try (FakeWorker worker = worker().start(properties)) {
                proxy.down(true);
                worker.poll();
                worker.poll();
                assertThatThrownBy(worker::poll)
                        .isExactlyInstanceOf(ConnectException.class)
                        .hasMessageStartingWith("gave up after max.retries=2 retries: ");
            }
        }
    }

    @Test
    void aCommitWhoseAnswerGotLostIsFoundOutAboutAtOnce() {
        produce(ORDERS_0, 0, 100);
        produce(ORDERS_1, 0, 30);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.dropNextCommitAnswers(1);
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
        }
        assertThat(storedNames()).hasSize(130).doesNotHaveDuplicates();
        assertThat(observed.alreadyStored).isEmpty();
        assertThat(observed.committed).hasSize(130);
    }

    @Test
    void aCommitThatNobodyCanBeAskedAboutIsNotRepeated() {
        produce(ORDERS_0, 0, 100);
        produce(ORDERS_1, 0, 30);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = worker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.dropNextCommitAnswerAndGoDown();
            worker.poll();
            assertThat(worker.failures).hasSize(1);
            proxy.down(false);
            worker.pollAll();
        }
        assertThat(storedNames()).hasSize(130).doesNotHaveDuplicates();
        assertThat(observed.alreadyStored).hasSize(50);
        assertThat(observed.committed).hasSize(80).doesNotContainAnyElementsOf(observed.alreadyStored);
    }
}
