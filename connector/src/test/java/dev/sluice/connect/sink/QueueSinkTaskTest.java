package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.connect.record.MappingSettings;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class QueueSinkTaskTest extends SinkTaskFixture {
    @Nested
    class WritesWhatItIsGiven {
        /** The server takes 10 ms for each segment, so only a part of the batch is written before the timeout. */
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
    class WithLinger {
        private static final int BATCH = 50;

        private Map<String, String> lingering() {
            return properties(
                    QueueSinkConfig.LINGER_MS, "60000",
                    QueueSinkConfig.BATCH_SIZE, String.valueOf(BATCH),
                    QueueSinkConfig.LOCK_TIMEOUT_MS, "100");
        }

        @Test
        void aRevokedPartitionGoesToItsNextOwnerWhileTheOthersStay() {
            produce(ORDERS_0, 0, 30);
            produce(ORDERS_1, 0, 60);
            try (FakeWorker worker = worker().start(lingering());
                    FakeWorker other = worker()) {
                worker.poll();
                worker.poll(); // The rest is held.
                worker.revoke(List.of(ORDERS_1));
                assertThat(worker.group).containsEntry(ORDERS_1, 20L).containsEntry(ORDERS_0, 30L);
                other.group.putAll(worker.group);
                other.start(lingering());
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

        @Test
        void parkedMessagesAreReleasedAfterABatchAlthoughTheTaskHoldsRecords() throws SQLException {
            produce(ORDERS_0, 0, BATCH);
            try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, BATCH).start(lingering())) {
                worker.poll();
                produce(ORDERS_0, BATCH, 2 * BATCH + 10);
                try (Connection holder = postgres.dataSource().getConnection();
                        Statement statement = holder.createStatement()) {
                    holder.setAutoCommit(false);
                    statement.execute("select from sluice.partitions for update");
                    worker.poll();
                    holder.rollback();
                    holder.setAutoCommit(true);
                }
                assertThat(postgres.query("select count(*) from sluice.parked")).containsExactly("" + BATCH);
                worker.poll(); // Ten records are held from here on.
                await().until(() -> {
                    int end = topics.get(ORDERS_0).size();
                    produce(ORDERS_0, end, end + BATCH);
                    worker.poll();
                    return postgres.query("select from sluice.parked").isEmpty();
                });
                assertThat(stored()).hasSize(topics.get(ORDERS_0).size() - 10);
            }
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
            try (var proxy = new FaultyProxy(postgres.url())) {
                proxy.down(true);
                try (FakeWorker worker =
                        new FakeWorker(new QueueSinkTask(other), topics, 20).start(properties(proxy.url()))) {
                    proxy.down(false); // The task could not read its offset.
                    worker.pollAll();
                }
            }
            assertThat(other.alreadyStored).isEqualTo(names(ORDERS_0, 0, 20));
            assertThat(other.committed).isEmpty();
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

    /** Compilation would take longer than the statements. */
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
        storeAll(); // With another format the task reads all topics.
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
