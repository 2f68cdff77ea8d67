package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.connect.FlakyProxy;
import dev.sluice.connect.QueueSinkConnector;
import dev.sluice.connect.record.MappingSettings;
import dev.sluice.connect.record.RecordHeaders;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.SourceMovedException;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import javax.management.JMException;
import javax.management.ObjectName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueueSinkTaskTest {
    private static final TopicPartition ORDERS_0 = new TopicPartition("orders", 0);
    private static final TopicPartition ORDERS_1 = new TopicPartition("orders", 1);

    private final Map<TopicPartition, List<SinkRecord>> topics = new LinkedHashMap<>();
    private final Observed observed = new Observed();
    private TestPostgres postgres;

    @BeforeEach
    void database() {
        postgres = TestPostgres.withSchema();
        topics.put(ORDERS_0, new ArrayList<>());
        topics.put(ORDERS_1, new ArrayList<>());
    }

    @AfterEach
    void close() {
        postgres.close();
    }

    /** Names of the records, as {@code topic-partition-offset}, that the observer has heard of. */
    private static final class Observed implements OutcomeObserver {
        final List<String> committed = new ArrayList<>();
        final List<String> alreadyStored = new ArrayList<>();
        final List<String> refused = new ArrayList<>();

        @Override
        public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
            assertThat(outcomes).hasSameSizeAs(records);
            records.forEach(record -> committed.add(name(record)));
        }

        @Override
        public void alreadyStored(List<SinkRecord> records) {
            records.forEach(record -> alreadyStored.add(name(record)));
        }

        @Override
        public void refused(SinkRecord record, String reason) {
            assertThat(reason).isNotBlank();
            refused.add(name(record));
        }

        private static String name(SinkRecord record) {
            return record.originalTopic() + "-" + record.originalKafkaPartition() + "-" + record.originalKafkaOffset();
        }
    }

    private Map<String, String> properties(String url) {
        var properties = new HashMap<String, String>();
        properties.put("name", "orders-sink");
        properties.put(QueueSinkConfig.CONNECTION_URL, url);
        properties.put(QueueSinkConfig.CONNECTION_USER, "postgres");
        properties.put(QueueSinkConfig.RETRY_BACKOFF_MS, "1");
        properties.put(QueueSinkConfig.RETRY_BACKOFF_MAX_MS, "5");
        return properties;
    }

    private Map<String, String> properties(String... more) {
        var properties = properties(postgres.url());
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private FakeWorker worker() {
        return new FakeWorker(new QueueSinkTask(observed), topics, 50);
    }

    /** Runs a task until it has stored all there is. */
    private void storeAll() {
        try (FakeWorker worker = worker().start(properties())) {
            worker.pollAll();
        }
    }

    private SinkRecord record(TopicPartition partition, long offset) {
        return new SinkRecord(
                partition.topic(),
                partition.partition(),
                Schema.STRING_SCHEMA,
                "customer-" + offset % 3,
                null,
                Map.of("number", offset),
                offset);
    }

    private void produce(TopicPartition partition, int from, int to) {
        for (int offset = from; offset < to; offset++) {
            topics.get(partition).add(record(partition, offset));
        }
    }

    /** A record PostgreSQL refuses: no text there can hold U+0000. */
    private void producePoison(TopicPartition partition, int offset) {
        SinkRecord record = record(partition, offset);
        record.headers().addString(RecordHeaders.PRODUCER_SUB, "a\u0000b");
        topics.get(partition).add(record);
    }

    private List<String> stored() {
        return postgres.query("select transaction_id from sluice.messages order by partition_id, seq");
    }

    private List<String> storedNames() {
        return postgres.query(
                "select transaction_id from sluice.messages order by length(transaction_id), transaction_id");
    }

    private static List<String> names(TopicPartition partition, int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(offset -> partition + "-" + offset)
                .toList();
    }

    private List<String> offsets() {
        return postgres.query(
                "select source, topic, partition, next_offset from sluice.sink_offsets order by topic, partition");
    }

    private void setOffset(TopicPartition partition, long offset) {
        postgres.execute("update sluice.sink_offsets set next_offset = " + offset + " where partition = "
                + partition.partition());
    }

    @Nested
    class WritesWhatItIsGiven {
        /**
         * The server takes a hundredth of a second for each segment; only a part of the batch fits in the time for an
         * answer.
         */
        @Test
        void aBatchThatTakesTooLongIsWrittenInParts() {
            postgres.execute("create function slow() returns trigger language plpgsql as"
                    + " $$ begin perform pg_sleep(0.01); return new; end $$;"
                    + " create trigger slow before insert on sluice.segments for each row execute function slow()");
            for (int offset = 0; offset < 200; offset++) {
                topics.get(ORDERS_0)
                        .add(new SinkRecord(
                                "orders",
                                0,
                                Schema.STRING_SCHEMA,
                                "k" + offset,
                                null,
                                Map.of("number", offset),
                                offset));
            }
            try (FakeWorker worker = new FakeWorker(new QueueSinkTask(observed), topics, 200)
                    .start(properties(
                            QueueSinkConfig.WRITE_TIMEOUT_MS, "1000",
                            MappingSettings.PARTITION_FROM, "key"))) {
                worker.pollAll();
                assertThat(worker.failures).isNotEmpty();
            }
            assertThat(postgres.query("select count(*), count(distinct transaction_id) from sluice.messages"))
                    .containsExactly("200|200");
            await().until(() -> postgres.query("select count(*) from pg_stat_activity where state = 'active'"
                            + " and pid <> pg_backend_pid() and datname = current_database()")
                    .equals(List.of("0")));
        }

        @Test
        void inOrderPerPartitionWithTheOffsetsInTheSameTransaction() {
            produce(ORDERS_0, 0, 120);
            produce(ORDERS_1, 0, 80);
            try (FakeWorker worker = worker().start(properties())) {
                worker.pollAll();
                assertThat(worker.group).containsEntry(ORDERS_0, 120L).containsEntry(ORDERS_1, 80L);
            }
            assertThat(storedNames()).hasSize(200).containsAll(names(ORDERS_0, 0, 120));
            assertThat(offsets()).containsExactly("orders-sink|orders|0|120", "orders-sink|orders|1|80");
            assertThat(
                            postgres.query(
                                    "select payload from sluice.messages where transaction_id = 'orders-0-7' and partition = 'customer-1'"))
                    .containsExactly("{\"number\":7}");
            assertThat(observed.committed).hasSize(200);
        }

        @Test
        void inTransactionsOfAtMostBatchSize() {
            produce(ORDERS_0, 0, 50);
            try (FakeWorker worker = worker().start(properties(QueueSinkConfig.BATCH_SIZE, "10"))) {
                worker.pollAll();
            }
            assertThat(postgres.query("select count(distinct xmin::text) from sluice.segments"))
                    .containsExactly("5");
        }

        @Test
        void andHoldsThemForLingerToMakeOneTransactionOfSeveralPolls() {
            produce(ORDERS_0, 0, 90);
            var worker = new FakeWorker(new QueueSinkTask(observed), topics, 30);
            try (worker) {
                worker.start(properties(QueueSinkConfig.LINGER_MS, "300"));
                worker.poll();
                worker.commit();
                assertThat(worker.group).doesNotContainEntry(ORDERS_0, 30L);
                worker.poll();
                worker.poll();
                assertThat(stored()).isEmpty();
                await().until(() -> {
                    worker.poll();
                    return !stored().isEmpty();
                });
                worker.commit();
                assertThat(worker.group).containsEntry(ORDERS_0, 90L);
            }
            assertThat(postgres.query("select count(distinct xmin::text) from sluice.segments"))
                    .containsExactly("1");
        }
    }

    @Nested
    class AfterARestart {
        @Test
        void itContinuesAtTheStoredOffsetWhereverTheConsumerGroupStands() {
            produce(ORDERS_0, 0, 100);
            storeAll();
            produce(ORDERS_0, 100, 150);
            try (FakeWorker rewound = worker().start(properties())) {
                rewound.pollAll();
                assertThat(rewound.group).containsEntry(ORDERS_0, 150L);
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 150));
            assertThat(observed.alreadyStored).isEmpty();
        }

        @Test
        void whatIsReadAgainWithoutOffsetsIsWrittenAgainUnlessItBringsATransactionIdAlong() {
            produce(ORDERS_0, 0, 10);
            for (int time = 1; time <= 2; time++) {
                storeAll();
                assertThat(stored()).hasSize(time * 10);
                postgres.execute("delete from sluice.sink_offsets");
            }
            for (int time = 1; time <= 2; time++) {
                try (FakeWorker worker = worker().start(properties("transaction.id.from", "field:number"))) {
                    worker.pollAll();
                }
                assertThat(stored()).hasSize(30);
                postgres.execute("delete from sluice.sink_offsets");
            }
        }

        @Test
        void recordsStoredByAnEarlierTaskAreReportedAsAlreadyStored() {
            produce(ORDERS_0, 0, 20);
            storeAll();
            var other = new Observed();
            try (var proxy = new FlakyProxy(postgres.url())) {
                proxy.down(true);
                try (FakeWorker worker =
                        new FakeWorker(new QueueSinkTask(other), topics, 20).start(properties(proxy.url()))) {
                    proxy.down(false); // It could not ask where to continue.
                    worker.pollAll();
                }
            }
            assertThat(other.alreadyStored).isEqualTo(names(ORDERS_0, 0, 20));
            assertThat(other.committed).isEmpty();
        }
    }

    @Nested
    class WhenAPartitionBeginsAnew {
        /** Deletes the topic and makes it again. */
        private void remake(int records) {
            topics.get(ORDERS_0).clear();
            produce(ORDERS_0, 0, records);
        }

        private void assertThatItEnds(FakeWorker worker, String whatToDo) {
            assertThatThrownBy(worker::pollAll)
                    .isExactlyInstanceOf(ConnectException.class)
                    .hasMessageStartingWith(
                            "orders-0 was to continue at offset 20, but Kafka has delivered 0: the topic"
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
            try (var proxy = new FlakyProxy(postgres.url());
                    FakeWorker worker = worker().start(properties(proxy.url()))) {
                proxy.down(true);
                worker.poll();
                worker.dropBatch();
                topics.get(ORDERS_0).subList(10, 30).clear();
                produce(ORDERS_0, 10, 15);
                worker.seekTo(ORDERS_0, 12); // As a consumer does that finds where its log differs.
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
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            try (var proxy = new FlakyProxy(postgres.url());
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
            try (var proxy = new FlakyProxy(postgres.url());
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

        /** Nothing tells one topic from the next of its name then; docs/connect.md says so. */
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
            try (var proxy = new FlakyProxy(postgres.url());
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
            try (var proxy = new FlakyProxy(postgres.url());
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
            assertThat(new QueueSinkConnector().alterOffsets(properties(), reset))
                    .isTrue();
            storeAll();
            assertThat(storedNames()).hasSize(35);
            assertThat(offsets()).containsExactly("orders-sink|orders|0|5", "orders-sink|orders|1|10");
        }
    }

    @Nested
    class WhenPostgresqlIsAway {
        @Test
        void theSameRecordsAreTriedAgainUntilItIsBack() {
            produce(ORDERS_0, 0, 100);
            try (var proxy = new FlakyProxy(postgres.url());
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
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            setOffset(ORDERS_1, 5); // Restored from a backup: it has less than the group.
            produce(ORDERS_0, 10, 20);
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            assertThat(
                            postgres.query(
                                    "select count(*) from sluice.messages where transaction_id in ('orders-1-5', 'orders-1-19')"))
                    .containsExactly("4");
        }

        @Test
        void soDoesOneWithNothingElse() {
            produce(ORDERS_0, 0, 20);
            storeAll();
            setOffset(ORDERS_0, 5);
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            try (var proxy = new FlakyProxy(postgres.url())) {
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
            try (var proxy = new FlakyProxy(postgres.url());
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
            try (var proxy = new FlakyProxy(postgres.url());
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

    @Nested
    class WhenSomebodyElseMovesTheSource {
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

    @Nested
    class ACommit {
        @Test
        void lastsAlthoughTheServerWouldNotWaitForTheDisk() throws SQLException {
            assertThat(synchronousCommit("off", "")).isEqualTo("on");
            assertThat(synchronousCommit("on", "?options=-c%20synchronous_commit=off"))
                    .isEqualTo("on");
        }

        @Test
        void waitsForMoreIfTheServerWantsIt() throws SQLException {
            assertThat(synchronousCommit("remote_apply", "")).isEqualTo("remote_apply");
            assertThat(synchronousCommit("local", "")).isEqualTo("local");
        }

        private String synchronousCommit(String serverDefault, String parameters) throws SQLException {
            String database = postgres.query("select current_database()").get(0);
            postgres.execute("alter database " + database + " set synchronous_commit = " + serverDefault);
            var config = new QueueSinkConfig(properties(postgres.url() + parameters));
            try (Connection connection = config.dataSource().getConnection();
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("show synchronous_commit")) {
                row.next();
                return row.getString(1);
            }
        }
    }

    /** The server would compile each for longer than it takes to run. */
    @Test
    void statementsAreNotCompiled() throws SQLException {
        var config = new QueueSinkConfig(properties(postgres.url() + "?options=-c%20jit=on"));
        try (Connection connection = config.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show jit")) {
            row.next();
            assertThat(row.getString(1)).isEqualTo("off");
        }
    }

    @Nested
    class ARecordThatCannotBeWritten {
        @Test
        void isReportedAloneAndItsNeighboursArrive() {
            produce(ORDERS_0, 0, 13);
            producePoison(ORDERS_0, 13);
            produce(ORDERS_0, 14, 20);
            producePoison(ORDERS_0, 20);
            produce(ORDERS_0, 21, 45);
            try (FakeWorker worker = worker().start(properties())) {
                worker.pollAll();
                assertThat(worker.reported).extracting(SinkRecord::kafkaOffset).containsExactly(13L, 20L);
                assertThat(worker.group).containsEntry(ORDERS_0, 45L);
            }
            assertThat(storedNames())
                    .hasSize(43)
                    .doesNotContain("orders-0-13", "orders-0-20")
                    .contains("orders-0-12", "orders-0-14", "orders-0-44");
            assertThat(observed.refused).containsExactly("orders-0-13", "orders-0-20");
        }

        @Test
        void isReportedWhenNoRuleCanMapIt() {
            produce(ORDERS_0, 0, 5);
            topics.get(ORDERS_0).add(new SinkRecord("orders", 0, null, "k", null, Double.NaN, 5));
            produce(ORDERS_0, 6, 10);
            try (FakeWorker worker = worker().start(properties())) {
                worker.pollAll();
                assertThat(worker.reported).extracting(SinkRecord::kafkaOffset).containsExactly(5L);
            }
            assertThat(storedNames()).hasSize(9);
            assertThat(offsets()).contains("orders-sink|orders|0|10");
            assertThat(observed.refused).containsExactly("orders-0-5");
            assertThat(observed.committed).hasSize(9);
        }

        @Test
        void isPassedEvenIfItIsTheOnlyOne() {
            topics.get(ORDERS_0).add(new SinkRecord("orders", 0, null, "k", null, Double.NaN, 0));
            storeAll();
            assertThat(offsets()).containsExactly("orders-sink|orders|0|1");
        }

        @Test
        void stopsTheTaskWhenThereIsNowhereToReportIt() {
            producePoison(ORDERS_0, 0);
            try (FakeWorker worker = worker().withoutReporter().start(properties())) {
                assertThatThrownBy(worker::poll)
                        .isInstanceOf(ConnectException.class)
                        .hasMessageStartingWith(
                                "record orders-0 offset 0 cannot be written and there is nowhere to report it: ");
            }
            assertThat(offsets()).isEmpty();
        }
    }

    /** A record that can neither be written nor be reported. */
    @Nested
    class ARecordThatIsNowhere {
        /** A record that no rule can map, so that the task refuses it before it asks PostgreSQL. */
        private void produceUnmappable(TopicPartition partition, int offset) {
            topics.get(partition)
                    .add(new SinkRecord(partition.topic(), partition.partition(), null, "k", null, Double.NaN, offset));
        }

        private void assertThatTheTaskFails(FakeWorker worker, String... texts) {
            assertThatThrownBy(worker::pollAll)
                    .isExactlyInstanceOf(ConnectException.class)
                    .satisfies(failure -> assertThat(failure.getMessage()).contains(texts));
        }

        @Test
        void isPrecededByWhatIsWrittenAndTheTaskNamesTheOffset() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            produce(ORDERS_0, 4, 6);
            try (FakeWorker worker = worker().withoutReporter().start(properties())) {
                assertThatTheTaskFails(
                        worker,
                        "record orders-0 offset 3 cannot be written and there is nowhere to report it",
                        "All records of orders-0 before offset 3 are stored, none is from offset 3 on",
                        "set the offset of the partition to 4");
                worker.commit();
                assertThat(worker.group.get(ORDERS_0)).isLessThanOrEqualTo(3L);
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 3));
            assertThat(offsets()).containsExactly("orders-sink|orders|0|3");

            setOffset(ORDERS_0, 4); // As the message says.
            storeAll();
            assertThat(storedNames())
                    .containsExactly("orders-0-0", "orders-0-1", "orders-0-2", "orders-0-4", "orders-0-5");
        }

        @Test
        void isPrecededByWhatIsWrittenWhenPostgresqlRefusesIt() {
            produce(ORDERS_0, 0, 3);
            producePoison(ORDERS_0, 3);
            produce(ORDERS_0, 4, 6);
            produce(ORDERS_1, 0, 4);
            try (FakeWorker worker = worker().withoutReporter().start(properties())) {
                assertThatTheTaskFails(worker, "All records of orders-0 before offset 3 are stored");
            }
            assertThat(storedNames()).hasSize(7).containsAll(names(ORDERS_1, 0, 4));
            assertThat(offsets()).containsExactly("orders-sink|orders|0|3", "orders-sink|orders|1|4");
        }

        @Test
        void holdsUpNoOtherPartition() {
            produce(ORDERS_0, 0, 2);
            produceUnmappable(ORDERS_0, 2);
            produce(ORDERS_0, 3, 5);
            produceUnmappable(ORDERS_0, 5);
            produce(ORDERS_1, 0, 1);
            producePoison(ORDERS_1, 1);
            produce(ORDERS_1, 2, 4);
            try (FakeWorker worker = worker().withoutReporter().start(properties())) {
                assertThatTheTaskFails(
                        worker,
                        "record orders-0 offset 2 cannot be written",
                        "record orders-1 offset 1 cannot be written",
                        "All records of orders-1 before offset 1 are stored");
            }
            assertThat(storedNames()).containsExactly("orders-0-0", "orders-0-1", "orders-1-0");
            assertThat(observed.committed).hasSize(3);
            assertThat(observed.refused).isEmpty();
        }

        @Test
        void doesNotLetWhatPrecedesItLinger() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            try (FakeWorker worker = worker().withoutReporter().start(properties(QueueSinkConfig.LINGER_MS, "60000"))) {
                assertThatTheTaskFails(worker, "before offset 3 are stored");
            }
            assertThat(offsets()).containsExactly("orders-sink|orders|0|3");
        }

        @Test
        void isPrecededByWhatIsWrittenInManyBatchesAndAfterAnOutage() {
            produce(ORDERS_0, 0, 30);
            produceUnmappable(ORDERS_0, 30);
            produce(ORDERS_0, 31, 40);
            try (var proxy = new FlakyProxy(postgres.url())) {
                var properties = properties(proxy.url());
                properties.put(QueueSinkConfig.BATCH_SIZE, "7");
                try (FakeWorker worker = worker().withoutReporter().start(properties)) {
                    proxy.down(true);
                    worker.poll();
                    worker.poll();
                    assertThat(worker.failures).hasSize(2);
                    proxy.down(false);
                    assertThatTheTaskFails(worker, "before offset 30 are stored");
                }
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 30));
            assertThat(offsets()).containsExactly("orders-sink|orders|0|30");
        }

        @Test
        void endsThePartitionWhereTheReporterThrows() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            try (FakeWorker worker = worker().withReporter((record, error) -> {
                        throw new ConnectException("Tolerance exceeded in error handler", error);
                    })
                    .start(properties())) {
                assertThatTheTaskFails(worker, "Tolerance exceeded", "before offset 3 are stored");
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 3));
        }

        @Test
        void endsThePartitionWhereTheReportHasFailedBeforeItIsReturned() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            produce(ORDERS_0, 4, 8);
            try (FakeWorker worker = worker().withReporter((record, error) ->
                            CompletableFuture.failedFuture(new RecordTooLargeException("1048600 bytes")))
                    .start(properties())) {
                assertThatTheTaskFails(worker, "it could not be reported: 1048600 bytes", "before offset 3 are stored");
                worker.commit();
                assertThat(worker.group.get(ORDERS_0)).isLessThanOrEqualTo(3L);
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 3));
        }

        @Test
        void endsThePartitionWhereTheReportFailsLater() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            produceUnmappable(ORDERS_0, 4);
            produce(ORDERS_0, 5, 8);
            var reports = new HashMap<Long, CompletableFuture<Void>>();
            try (FakeWorker worker = worker().withReporter((record, error) ->
                            reports.computeIfAbsent(record.kafkaOffset(), offset -> new CompletableFuture<>()))
                    .start(properties("put.timeout.ms", "1"))) {
                worker.poll();
                assertThat(stored()).isEmpty();
                reports.get(3L).complete(null);
                reports.get(4L).completeExceptionally(new IllegalStateException("no such topic"));
                assertThatTheTaskFails(worker, "no such topic", "before offset 4 are stored");
            }
            assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 3));
            assertThat(offsets()).containsExactly("orders-sink|orders|0|4");
            assertThat(observed.refused).containsExactly("orders-0-3");
        }

        @Test
        void endsThePartitionWhereTheWorkerWouldOnlyWriteItToItsLog() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            try (FakeWorker worker =
                    worker().start(properties("errors.tolerance", "all", "errors.log.enable", "true"))) {
                assertThatTheTaskFails(worker, "there is nowhere to report it", "before offset 3 are stored");
                assertThat(worker.reported).isEmpty();
            }
        }

        @Test
        void endsThePartitionWhereTheWorkerWouldReportItAtEveryStartAndFail() {
            produce(ORDERS_0, 0, 3);
            produceUnmappable(ORDERS_0, 3);
            try (FakeWorker worker = worker().start(properties("errors.deadletterqueue.topic.name", "dead"))) {
                assertThatTheTaskFails(
                        worker, "With errors.tolerance=all it would go to", "before offset 3 are stored");
                assertThat(worker.reported).isEmpty();
            }
        }
    }

    /** Connect hides that a report has failed, and shows it in a metric. */
    @Nested
    class ADeadLetterTopicThatDoesNotTakeARecord {
        private static final String FAILURES = "deadletterqueue-produce-failures";

        private final AtomicLong failures = new AtomicLong(5); // Of an earlier task of that name.
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
                failures.incrementAndGet(); // The converter refused offset 3.
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
                requests.incrementAndGet(); // The converter refused a record, and the producer sends it.
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
            register(
                    "kafka.connect:type=task-error-metrics,connector=orders-sink-2,task=0",
                    Map.of(FAILURES, others::get));
            try (FakeWorker worker = worker().start(deadLetters())) {
                others.incrementAndGet();
                produce(ORDERS_0, 0, 3);
                worker.pollAll();
            }
            assertThat(stored()).hasSize(3);
        }
    }

    @Test
    void passesOverATopicWhoseQueueCanHaveNoName() {
        var unnameable = new TopicPartition("t".repeat(249), 0);
        topics.put(unnameable, new ArrayList<>());
        produce(unnameable, 0, 5);
        produce(ORDERS_0, 0, 5);
        Map<String, String> format = properties("topics.regex", ".*", "queue.name.format", "kafka-1.${topic}");
        try (FakeWorker worker = worker().withoutReporter().start(format)) {
            worker.pollAll();
            assertThat(worker.context.paused).containsExactly(unnameable);
            assertThat(worker.group).containsEntry(ORDERS_0, 5L).containsEntry(unnameable, 0L);
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 5));
        storeAll(); // With another format nothing is missing.
        assertThat(stored()).hasSize(10);
    }

    @Test
    void handsBackWhatItCannotWriteInTime() {
        produce(ORDERS_0, 0, 50);
        try (FakeWorker worker = worker().start(properties("put.timeout.ms", "1", "batch.size", "1"))) {
            worker.pollAll();
            assertThat(worker.failures)
                    .isNotEmpty()
                    .allSatisfy(failure -> assertThat(failure)
                            .isInstanceOf(RetriableException.class)
                            .hasMessageStartingWith("handing back after PT0.001S of writing"));
        }
        assertThat(storedNames()).isEqualTo(names(ORDERS_0, 0, 50));
    }

    @Nested
    class TheSchema {
        @Test
        void isMadeWhenAskedFor() {
            produce(ORDERS_0, 0, 1);
            try (TestPostgres empty = TestPostgres.empty()) {
                var properties = properties(empty.url());
                properties.put(QueueSinkConfig.SCHEMA_APPLY, "true");
                try (FakeWorker worker = worker().start(properties)) {
                    worker.pollAll();
                }
                assertThat(empty.query("select count(*) from sluice.messages")).containsExactly("1");
            }
        }

        @Test
        void isOtherwiseRequiredAndTheMessageSaysWhatToDo() {
            try (TestPostgres empty = TestPostgres.empty()) {
                var task = new QueueSinkTask();
                task.initialize(worker().context);
                assertThatThrownBy(() -> task.start(properties(empty.url())))
                        .isInstanceOf(ConnectException.class)
                        .hasMessageContaining("schema.apply=true");
                task.stop();
            }
        }
    }
}
