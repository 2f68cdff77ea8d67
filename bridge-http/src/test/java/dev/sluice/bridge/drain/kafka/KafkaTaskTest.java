package dev.sluice.bridge.drain.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.drain.Destination.LaneTask;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.drain.DrainStatus;
import dev.sluice.bridge.ingest.Durability;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lane;
import dev.sluice.bridge.ingest.Lanes;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.clients.producer.RoundRobinPartitioner;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A drain into Kafka with a producer whose acknowledgements come from the test. */
class KafkaTaskTest {
    @TempDir
    Path directory;

    /** Every producer a task has made. */
    private final List<MockProducer<byte[], byte[]>> producers = new CopyOnWriteArrayList<>();

    private final AtomicBoolean kafkaIsAway = new AtomicBoolean();
    private IngestFixture fixture;

    @AfterEach
    void close() {
        producers.forEach(KafkaTaskTest::acknowledgeAll); // Otherwise the drain waits for acknowledgements.
        if (fixture != null) {
            fixture.close();
        }
    }

    private IngestFixture start() {
        var destination = new Destination(
                "kafka",
                false,
                lane -> LaneTask.of(new KafkaTask(maxBatchBytes -> producer(), this::checkTopic, "messages", lane)));
        fixture = new IngestFixture(IngestFixture.Setup.at(directory), destination).start();
        return fixture;
    }

    private MockProducer<byte[], byte[]> producer() {
        var producer = new MockProducer<>(
                false, new RoundRobinPartitioner(), new ByteArraySerializer(), new ByteArraySerializer());
        producers.add(producer);
        return producer;
    }

    private static void acknowledgeAll(MockProducer<byte[], byte[]> producer) {
        boolean more = true;
        while (more) {
            more = producer.completeNext();
        }
    }

    private OptionalInt checkTopic() {
        if (kafkaIsAway.get()) {
            throw new RetriableException("away", new TimeoutException("away"));
        }
        return OptionalInt.empty();
    }

    private MockProducer<byte[], byte[]> producer(int number) {
        await().until(() -> producers.size() > number);
        return producers.get(number);
    }

    private static List<String> sent(MockProducer<byte[], byte[]> producer) {
        var ids = new ArrayList<String>();
        for (ProducerRecord<byte[], byte[]> record : producer.history()) {
            ids.add(new String(
                    record.headers().lastHeader("sluice.transaction-id").value(), UTF_8));
        }
        return ids;
    }

    private static void awaitSent(MockProducer<byte[], byte[]> producer, int count) {
        await().untilAsserted(() -> assertThat(producer.history()).hasSize(count));
    }

    private void awaitCommitted(long offset) {
        await().untilAsserted(
                        () -> assertThat(fixture.drain.status().lanes().get(0).committedOffset())
                                .isEqualTo(offset));
    }

    @Test
    void aMessageBecomesARecordWithItsPartitionAsKeyAndTheRestInHeaders() {
        start();
        fixture.pushed(Durability.BUFFERED, IngestFixture.message("customer-1", "t-1"));
        awaitSent(producer(0), 1);
        ProducerRecord<byte[], byte[]> record = producer(0).history().get(0);
        assertThat(record.topic()).isEqualTo("messages");
        assertThat(record.key()).asString(UTF_8).isEqualTo("orders/customer-1");
        assertThat(record.value()).asString(UTF_8).isEqualTo("\"t-1\"");
        assertThat(record.headers().lastHeader("sluice.transaction-id-generated"))
                .as("a topic may hold a message twice, so ids made here are remembered too")
                .isNull();
        assertThat(record.headers().lastHeader("sluice.queue").value())
                .asString(UTF_8)
                .isEqualTo("orders");
        producer(0).completeNext();
        fixture.awaitDrained();
    }

    @Test
    void headersOfAMessageAreHeadersOfItsRecordUnderTheirOwnNames() {
        start();
        NewMessage plain = IngestFixture.message("customer-1", "t-1");
        fixture.pushed(
                Durability.BUFFERED,
                NewMessage.builder(plain.id(), plain.queue(), plain.partition(), plain.transactionId(), plain.payload())
                        .headers(Messages.HEADERS)
                        .build());
        awaitSent(producer(0), 1);
        var sent = new LinkedHashMap<String, String>();
        for (Header header : producer(0).history().get(0).headers()) {
            if (!header.key().startsWith("sluice.")) {
                sent.put(header.key(), new String(header.value(), UTF_8));
            }
        }
        assertThat(List.copyOf(sent.entrySet()))
                .isEqualTo(List.copyOf(Messages.HEADERS.asMap().entrySet()));
        producer(0).completeNext();
        fixture.awaitDrained();
    }

    @Test
    void theLogForgetsOnlyWhatKafkaHasAcknowledgedWithoutAGap() {
        start();
        long first = fixture.lanes.current().get(0).firstOwnOffset();
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, 3));
        awaitSent(producer(0), 3);
        assertThat(fixture.drain.status().undrained()).isEqualTo(3);

        producer(0).completeNext();
        awaitCommitted(first + 1);
        assertThat(fixture.drain.status().undrained()).isEqualTo(2);

        producer(0).completeNext();
        producer(0).completeNext();
        awaitCommitted(first + 3);
        assertThat(fixture.drain.status().lanes().get(0).messages()).isEqualTo(3);
    }

    @Test
    void aRestartSendsAgainWhatWasNotAcknowledgedAndNothingElse() {
        start();
        long first = fixture.lanes.current().get(0).firstOwnOffset();
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, 5));
        awaitSent(producer(0), 5);
        producer(0).completeNext();
        producer(0).completeNext();
        awaitCommitted(first + 2);
        fixture.drain.stop(Duration.ZERO);
        fixture.close();

        start();
        awaitSent(producer(1), 3);
        assertThat(sent(producer(1))).isEqualTo(IngestFixture.ids("p", 2, 5));
    }

    @Test
    void aFailureForGoodBeginsAnewAtTheFirstMessageThatIsNotAcknowledged() {
        start();
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, 4));
        awaitSent(producer(0), 4);
        producer(0).completeNext();
        producer(0).errorNext(new TopicAuthorizationException("messages"));
        awaitSent(producer(1), 3);
        assertThat(sent(producer(1))).isEqualTo(IngestFixture.ids("p", 1, 4));
        assertThat(producer(0).closed()).isTrue();
        assertThat(fixture.drain.status().lanes().get(0).taskRestarts()).isEqualTo(1);
    }

    @Test
    void whatKafkaCannotHoldIsKeptAsideAndItsNeighboursGoOn() {
        start();
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, 3));
        awaitSent(producer(0), 3);
        producer(0).completeNext();
        producer(0).errorNext(new RecordTooLargeException("too large"));
        producer(0).completeNext();
        fixture.awaitDrained();
        assertThat(fixture.failed.count()).isEqualTo(1);
        DrainStatus.Lane lane = fixture.drain.status().lanes().get(0);
        assertThat(lane.refused()).isEqualTo(1);
        assertThat(lane.messages()).isEqualTo(2);
        assertThat(producers).hasSize(1);
    }

    @Test
    void whileKafkaIsAwayPushesAreTakenAndKeepTheirOrder() {
        kafkaIsAway.set(true);
        start();
        assertThat(fixture.pushed(Durability.STORED, IngestFixture.messages("p", 0, 10)))
                .containsOnly(PushResult.Buffered.BUFFERED);
        fixture.awaitState(DrainStatus.State.DOWN);
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 10, 20));
        assertThat(producers).isEmpty();

        kafkaIsAway.set(false);
        awaitSent(producer(0), 20);
        assertThat(sent(producer(0))).isEqualTo(IngestFixture.ids("p", 0, 20));
        acknowledgeAll(producer(0));
        fixture.awaitDrained();
        fixture.awaitState(DrainStatus.State.RUNNING);
    }

    /** A producer that blocks until it is closed, like one that waits for the metadata of its topic. */
    private static final class WaitingProducer extends MockProducer<byte[], byte[]> {
        private final CountDownLatch sending = new CountDownLatch(1);
        private final CountDownLatch closing = new CountDownLatch(1);
        private final CountDownLatch closed;

        WaitingProducer(CountDownLatch closed) {
            super(false, new RoundRobinPartitioner(), new ByteArraySerializer(), new ByteArraySerializer());
            this.closed = closed;
        }

        @Override
        public synchronized Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            sending.countDown();
            awaitUninterrupted(closing);
            throw new KafkaException("closed while waiting for metadata");
        }

        @Override
        public void close(Duration timeout) {
            closing.countDown();
            awaitUninterrupted(closed);
        }

        private static void awaitUninterrupted(CountDownLatch latch) {
            try {
                latch.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private void startWaiting(CountDownLatch closed) throws InterruptedException {
        var producer = new WaitingProducer(closed);
        var destination = new Destination(
                "kafka",
                false,
                lane -> LaneTask.of(new KafkaTask(maxBatchBytes -> producer, this::checkTopic, "messages", lane)));
        fixture = new IngestFixture(IngestFixture.Setup.at(directory), destination).start();
        fixture.pushed(Durability.BUFFERED, IngestFixture.messages("p", 0, 3));
        assertThat(producer.sending.await(20, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    @Timeout(60)
    void aStopGivesUpWhatWaitsForKafkaWhenItsTimeIsOver() throws Exception {
        startWaiting(new CountDownLatch(0));
        Drain.DrainReport report = fixture.drain.stop(Duration.ofMillis(50));
        assertThat(report.undrained()).isEqualTo(3);
        await().atMost(20, TimeUnit.SECONDS)
                .untilAsserted(
                        () -> assertThat(fixture.drain.status().lanes().get(0).state())
                                .isEqualTo(DrainStatus.State.STOPPED));
    }

    @Test
    @Timeout(60)
    void aStopDoesNotWaitForAProducerThatCannotBeClosed() throws Exception {
        var closed = new CountDownLatch(1);
        try {
            startWaiting(closed);
            Drain.DrainReport report = fixture.drain.stop(Duration.ofMillis(50));
            assertThat(report.ended()).isFalse();
            assertThat(report.undrained()).isEqualTo(3);
        } finally {
            closed.countDown();
        }
    }

    @Test
    void anotherDestinationIsRefusedWhileThereAreMessagesForThisOne() throws IOException {
        Path log = directory.resolve("log");
        SegmentLogConfig config = SegmentLogConfig.defaults(log);
        try (Lanes lanes = Lanes.open(log, 1, config, "kafka");
                var intake = new Intake(lanes, Duration.ZERO)) {
            IngestFixture.get(intake.accept(List.of(IngestFixture.message("t")), Durability.BUFFERED));
        }
        assertThatThrownBy(() -> Lanes.open(log, 1, config, "embedded"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("holds 1 messages that drain.mode=kafka has not drained yet");
        try (Lanes lanes = Lanes.open(log, 1, config, "kafka")) {
            Lane lane = lanes.current().get(0);
            assertThat(lane.generation()).isEqualTo(1);
            lane.segments().commit(lane.segments().nextOffset());
        }
        try (Lanes lanes = Lanes.open(log, 1, config, "embedded")) {
            assertThat(lanes.earlier()).isEmpty();
            assertThat(lanes.current().get(0).generation()).isEqualTo(2);
        }
    }

    @Test
    void noBatchIsLargerThanTheTopicTakesForTheNextCouldOvertakeIt() {
        var usual = new KafkaConfig("t", 1, 0, true, Map.of("bootstrap.servers", "b:1"));
        assertThat(usual.producer(OptionalInt.of(2_000)))
                .containsEntry("batch.size", 2_000)
                .containsEntry("max.request.size", 2_000)
                .doesNotContainKey("max.in.flight.requests.per.connection");
        assertThat(usual.producer(OptionalInt.of(Integer.MAX_VALUE)))
                .containsEntry("batch.size", 16_384)
                .containsEntry("max.request.size", 1 << 20);
        assertThat(usual.producer(OptionalInt.empty())).containsEntry("max.in.flight.requests.per.connection", "1");
        var set = new KafkaConfig(
                "t", 1, 0, true, Map.of("bootstrap.servers", "b:1", "batch.size", "999", "max.request.size", "5000"));
        assertThat(set.producer(OptionalInt.of(1_000)))
                .containsEntry("batch.size", 999)
                .containsEntry("max.request.size", 1_000);
    }

    @Test
    void whatOrderRestsOnCannotBeSet() {
        assertThat(KafkaConfig.clientProperties())
                .contains("bootstrap.servers", "ssl.truststore.location", "sasl.jaas.config", "client.dns.lookup")
                .doesNotContain("acks", "enable.idempotence", "delivery.timeout.ms", "transactional.id");
        var config = new KafkaConfig(
                "t", 1, 0, true, Map.of("bootstrap.servers", "b:1", "max.in.flight.requests.per.connection", "6"));
        assertThatThrownBy(config::producer)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("max.in.flight.requests.per.connection");
        assertThat(KafkaConfig.isSecret("sasl.jaas.config")).isTrue();
        assertThat(KafkaConfig.isSecret("bootstrap.servers")).isFalse();
    }
}
