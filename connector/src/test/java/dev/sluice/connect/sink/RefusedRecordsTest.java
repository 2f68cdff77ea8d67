package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.FaultyProxy;
import java.util.HashMap;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Records that cannot be written because of their data. */
class RefusedRecordsTest extends SinkTaskFixture {
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

    @Nested
    class ARecordThatIsNowhere {
        /** Produces a record that no rule can map: the task refuses it before it writes. */
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

            setOffset(ORDERS_0, 4); // As the message suggests.
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
            try (var proxy = new FaultyProxy(postgres.url())) {
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
}
