package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.sluice.queue.FaultyProxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * PostgreSQL is away while a sink task on a Connect worker writes. The task keeps the delivery, so the worker has no
 * exception to log at each attempt.
 */
class WorkerOutageTest extends SinkTaskFixture {
    private final Logger root = (Logger) LoggerFactory.getLogger("dev.sluice");
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();

    @BeforeEach
    void watch() {
        root.setLevel(Level.INFO);
        lines.start();
        root.addAppender(lines);
    }

    @AfterEach
    void unwatch() {
        root.detachAppender(lines);
        root.setLevel(null);
    }

    private FakeWorker onWorker() {
        return new FakeWorker(new QueueSinkTask(), topics, 50);
    }

    private List<ILoggingEvent> warnings() {
        return lines.list.stream()
                .filter(line -> line.getLevel().isGreaterOrEqual(Level.WARN))
                .toList();
    }

    @Test
    void theTaskThrowsNothingAndLogsOneLineUntilItIsBack() {
        produce(ORDERS_0, 0, 100);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.down(true);
            for (int i = 0; i < 20; i++) {
                worker.poll();
            }
            assertThat(worker.failures).isEmpty();
            assertThat(worker.reported).isEmpty();
            assertThat(warnings()).singleElement().satisfies(line -> {
                assertThat(line.getFormattedMessage())
                        .startsWith("PostgreSQL is away; the task loses nothing and retries task=sink orders-sink");
                assertThat(line.getThrowableProxy()).isNull();
            });
            proxy.down(false);
            worker.pollAll();
            assertThat(lines.list)
                    .extracting(ILoggingEvent::getFormattedMessage)
                    .anyMatch(line -> line.startsWith("PostgreSQL answers again task=sink orders-sink failures="));
            assertThat(worker.group).containsEntry(ORDERS_0, 100L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 100));
    }

    @Test
    void theConsumerIsPausedMeanwhileAndResumedAfter() {
        produce(ORDERS_0, 0, 10);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            proxy.down(true);
            worker.poll();
            produce(ORDERS_1, 0, 10);
            worker.poll();
            assertThat(worker.context.paused).containsExactlyInAnyOrder(ORDERS_0, ORDERS_1);
            assertThat(worker.context.timeoutMs).isPositive();
            proxy.down(false);
            worker.pollAll();
            assertThat(worker.context.paused).isEmpty();
        }
        assertThat(stored()).hasSize(20);
    }

    @Test
    void aTopicThatIsSkippedStaysPausedAfterwards() {
        var unnameable = new TopicPartition("t".repeat(249), 0);
        topics.put(unnameable, new ArrayList<>());
        produce(unnameable, 0, 5);
        produce(ORDERS_0, 0, 5);
        try (var proxy = new FaultyProxy(postgres.url())) {
            Map<String, String> properties = properties(proxy.url());
            properties.put("queue.name.format", "kafka-1.${topic}");
            try (FakeWorker worker = onWorker().start(properties)) {
                proxy.down(true);
                worker.poll();
                proxy.down(false);
                worker.pollAll();
                assertThat(worker.context.paused).containsExactly(unnameable);
                assertThat(worker.group).containsEntry(unnameable, 0L);
            }
        }
        assertThat(stored()).hasSize(5);
    }

    /** Connect has not paused the consumer: an operator has paused and resumed the connector during the call. */
    @Test
    void recordsThatComeAllTheSameAreKeptToo() {
        produce(ORDERS_0, 0, 150);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.down(true);
            worker.poll();
            worker.context.paused.clear();
            worker.poll();
            assertThat(worker.context.paused).containsExactlyInAnyOrder(ORDERS_0, ORDERS_1);
            worker.commit();
            assertThat(worker.group).doesNotContainKey(ORDERS_0);
            proxy.down(false);
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
            assertThat(worker.group).containsEntry(ORDERS_0, 150L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 150));
    }

    @Test
    void aRecreatedTopicIsDetectedAmongThem() {
        produce(ORDERS_0, 0, 100);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.down(true);
            worker.poll();
            worker.context.paused.clear();
            worker.seekTo(ORDERS_0, 10);
            worker.poll();
            proxy.down(false);
            assertThatThrownBy(worker::pollAll)
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("was to continue at offset 100, but Kafka has delivered 10");
        }
    }

    @Test
    void noOffsetOfARecordIsCommittedThatIsOnlyKept() {
        produce(ORDERS_0, 0, 30);
        try (var proxy = new FaultyProxy(postgres.url())) {
            FakeWorker worker = onWorker().start(properties(proxy.url()));
            proxy.down(true);
            worker.poll(); // The first write ever: PostgreSQL has no offset that would correct the group's.
            worker.commit();
            assertThat(worker.group).isEmpty();
            worker.close();
            proxy.down(false);
            try (FakeWorker next = onWorker()) {
                next.group.putAll(worker.group);
                next.start(properties(proxy.url())).pollAll();
            }
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 30));
    }

    @Test
    void aRebalanceHandsTheRecordsToTheNextOwnerOnce() {
        produce(ORDERS_0, 0, 80);
        produce(ORDERS_1, 0, 80);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.down(true);
            worker.poll();
            worker.rebalance();
            worker.poll();
            proxy.down(false);
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
            assertThat(worker.context.paused).isEmpty();
            assertThat(worker.group).containsEntry(ORDERS_0, 80L).containsEntry(ORDERS_1, 80L);
        }
        assertThat(stored()).hasSize(160).doesNotHaveDuplicates();
        assertThat(offsets()).containsExactly("orders-sink|orders|0|80", "orders-sink|orders|1|80");
    }

    @Test
    void aCommitWhoseAnswerGotLostIsNotRepeated() {
        produce(ORDERS_0, 0, 100);
        try (var proxy = new FaultyProxy(postgres.url());
                FakeWorker worker = onWorker().start(properties(proxy.url()))) {
            worker.poll();
            proxy.dropNextCommitAnswerAndGoDown();
            worker.poll();
            proxy.down(false);
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 100));
    }

    @Test
    void theTaskStillGivesUpAfterMaxRetries() {
        produce(ORDERS_0, 0, 10);
        try (var proxy = new FaultyProxy(postgres.url())) {
            Map<String, String> properties = properties(proxy.url());
            properties.put(QueueSinkConfig.MAX_RETRIES, "2");
            try (FakeWorker worker = onWorker().start(properties)) {
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
    void aDeliveryThatTakesTooLongIsContinuedWithoutAnException() {
        produce(ORDERS_0, 0, 50);
        try (FakeWorker worker = onWorker().start(properties("put.timeout.ms", "1", "batch.size", "1"))) {
            worker.pollAll();
            assertThat(worker.failures).isEmpty();
            assertThat(worker.group).containsEntry(ORDERS_0, 50L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 50));
        assertThat(warnings())
                .isNotEmpty()
                .allSatisfy(line -> assertThat(line.getThrowableProxy()).isNull());
    }
}
