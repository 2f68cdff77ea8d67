package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.sql.SessionSettings;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Messages of a queue that cannot be written to are parked, and all other queues go on. */
class ParkingTest {
    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(200);
    private static final SourcePartition SOURCE = new SourcePartition("test", "topic", 0);
    private static final PayloadCipher CIPHER = PayloadCipher.of("a:" + "0a".repeat(32), null);

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;
    private long offset = SourceProgress.NONE;

    @BeforeEach
    void open() {
        writer = writer();
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private QueueWriter writer() {
        return new QueueWriter(
                postgres.dataSource(),
                new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, CIPHER, LOCK_TIMEOUT));
    }

    private static NewMessage to(String queue, String transactionId) {
        return message(queue, "p", transactionId, "{\"tx\":\"" + transactionId + "\"}");
    }

    private List<PushOutcome> write(NewMessage... messages) {
        long next = Math.max(0, offset) + messages.length;
        List<PushOutcome> outcomes = writer.write(List.of(messages), List.of(new SourceProgress(SOURCE, offset, next)));
        offset = next;
        return outcomes;
    }

    private List<String> stored(String queue) {
        return postgres.query(
                "select transaction_id from sluice.messages where queue = '" + queue + "' order by partition, seq");
    }

    private List<String> parked() {
        return postgres.query("select queue, transaction_id from sluice.parked order by queue, id");
    }

    /** Holds rows until it is closed. */
    private final class Held implements AutoCloseable {
        private final Connection connection;

        Held(String sql) throws SQLException {
            connection = postgres.dataSource().getConnection();
            connection.setAutoCommit(false);
            try (var statement = connection.createStatement()) {
                statement.execute(sql);
            }
        }

        @Override
        public void close() throws SQLException {
            connection.rollback();
            connection.setAutoCommit(true);
            connection.close();
        }
    }

    private Held partitionOf(String queue) throws SQLException {
        return new Held("select from sluice.partitions where queue_id = (select id from sluice.queues where name = '"
                + queue + "') for update");
    }

    private void release() {
        await().until(() -> {
            writer.releaseParked(2);
            return parked().isEmpty();
        });
    }

    @Test
    void aHeldPartitionDoesNotHoldUpOtherQueues() throws SQLException {
        write(to("good", "g1"), to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            List<PushOutcome> outcomes = write(to("bad", "b2"), to("good", "g2"), to("bad", "b3"), to("good", "g3"));
            assertThat(outcomes.get(0)).isInstanceOf(PushOutcome.Parked.class);
            assertThat(outcomes.get(1)).isInstanceOf(PushOutcome.Queued.class);
            assertThat(outcomes.get(2)).isInstanceOf(PushOutcome.Parked.class);
            assertThat(outcomes.get(3)).isInstanceOf(PushOutcome.Queued.class);
            assertThat(stored("good")).containsExactly("g1", "g2", "g3");
            assertThat(parked()).containsExactly("bad|b2", "bad|b3");
            assertThat(writer.storedOffset(SOURCE)).hasValue(offset);
            assertThat(writer.releaseParked(10).messages()).isZero();
            assertThat(parked()).containsExactly("bad|b2", "bad|b3");
        }
        release();
        assertThat(stored("bad")).containsExactly("b1", "b2", "b3");
    }

    @Test
    void laterMessagesStayBehindParkedOnesEvenAfterARestart() throws SQLException {
        write(to("good", "g1"), to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            write(to("good", "g2"), to("bad", "b2"));
        }
        assertThat(write(to("bad", "b3"), to("good", "g3")).get(0)).isInstanceOf(PushOutcome.Parked.class);
        writer.close();
        writer = writer();
        assertThat(write(to("bad", "b4"), to("good", "g4")).get(0)).isInstanceOf(PushOutcome.Parked.class);
        release();
        assertThat(write(to("bad", "b5"), to("good", "g5")).get(0)).isInstanceOf(PushOutcome.Queued.class);
        assertThat(stored("bad")).containsExactly("b1", "b2", "b3", "b4", "b5");
        assertThat(stored("good")).containsExactly("g1", "g2", "g3", "g4", "g5");
    }

    @Test
    void laterMessagesStayBehindThoseThatAnotherWriterOfTheSourceHasParked() throws SQLException {
        write(to("good", "g1"), to("bad", "b1"));
        try (QueueWriter other = writer()) {
            other.write(List.of(to("else", "e1")), List.of()); // Now its cache says that nothing is parked.
            try (var held = partitionOf("bad")) {
                write(to("good", "g2"), to("bad", "b2"));
            }
            long stored = other.storedOffset(SOURCE).orElseThrow(); // The other writer takes the source over.
            other.write(List.of(to("bad", "b3")), List.of(new SourceProgress(SOURCE, stored, stored + 1)));
            assertThat(parked()).containsExactly("bad|b2", "bad|b3");
        }
        release();
        assertThat(stored("bad")).containsExactly("b1", "b2", "b3");
    }

    @Test
    void aHeldQueueDoesNotHoldUpTheCreationOfPartitionsOfOthers() throws SQLException {
        write(to("bad", "b1"));
        try (var held = new Held("select from sluice.queues where name = 'bad' for update")) {
            List<PushOutcome> outcomes = write(message("bad", "new", "b2", "{}"), to("good", "g1"));
            assertThat(outcomes.get(0)).isInstanceOf(PushOutcome.Parked.class);
            assertThat(outcomes.get(1)).isInstanceOf(PushOutcome.Queued.class);
        }
        release();
        assertThat(stored("bad")).containsExactlyInAnyOrder("b1", "b2");
    }

    @Test
    void aWriteToNothingButAHeldQueueParksItsMessages() throws SQLException {
        write(to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            assertThat(write(to("bad", "b2"))).first().isInstanceOf(PushOutcome.Parked.class);
        }
        release();
        assertThat(stored("bad")).containsExactly("b1", "b2");
    }

    @Test
    void aParkedMessageKeepsAllItsFields() throws SQLException {
        write(to("bad", "b1"));
        NewMessage plain = to("bad", "full");
        var full = NewMessage.builder(
                        plain.id(), "bad", "other", "full", "{\"ü\": \"\\u0000\"}".getBytes(StandardCharsets.UTF_8))
                .generatedTransactionId(true)
                .traceId(plain.id())
                .producerSub("sub")
                .origin(new Origin(Instant.parse("2020-01-02T03:04:05.678901Z"), PriorityLane.HIGH))
                .build();
        try (var held = partitionOf("bad")) {
            var later = NewMessage.builder(
                            UUID.randomUUID(), "bad", "p", "later", "{}".getBytes(StandardCharsets.UTF_8))
                    .delay(Duration.ofHours(1))
                    .build();
            write(to("bad", "b2"), later);
            assertThat(write(full)).first().isInstanceOf(PushOutcome.Parked.class);
        }
        release();
        assertThat(postgres.query(
                        "select id, transaction_id, payload, trace_id, producer_sub, created_at from sluice.messages"
                                + " where partition = 'other'"))
                .containsExactly(
                        plain.id() + "|full|{\"ü\": \"\\u0000\"}|" + plain.id() + "|sub|2020-01-02 03:04:05.678901+00");
        assertThat(postgres.query("select lane from sluice.partitions where name = 'other'"))
                .containsExactly("1");
        assertThat(postgres.query(
                        "select transaction_id, due_at between now() + interval '58 min' and now() + interval '1 hour'"
                                + " from sluice.scheduled"))
                .containsExactly("later|t");
    }

    @Test
    void aRepeatedMessageIsADuplicateWhenItIsReleased() throws SQLException {
        write(to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            write(to("bad", "b1"), to("bad", "b2"), to("bad", "b2"));
        }
        release();
        assertThat(stored("bad")).containsExactly("b1", "b2");
    }

    @Test
    void messagesOfAnEncryptedQueueAreParkedEncrypted() throws SQLException {
        new Queues(postgres.dataSource(), "sluice", CIPHER, () -> {})
                .configure(
                        "bad",
                        "",
                        "",
                        QueueOptions.DEFAULTS.toBuilder()
                                .encryptionEnabled(true)
                                .build());
        write(to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            write(to("bad", "b2"), to("good", "g1"));
            assertThat(postgres.query("select payload like '%b2%' from sluice.parked"))
                    .containsExactly("f");
        }
        release();
        assertThat(stored("bad")).containsExactly("b1", "b2");
    }

    @Test
    void concurrentReleasesReleaseEachMessageOnce() throws Exception {
        write(to("bad", "b0"));
        try (var held = partitionOf("bad")) {
            var many = new ArrayList<NewMessage>();
            for (int i = 1; i <= 200; i++) {
                many.add(to("bad", "b" + i));
            }
            write(many.toArray(NewMessage[]::new));
        }
        try (QueueWriter other = writer()) {
            var releases = new ArrayList<CompletableFuture<Void>>();
            for (QueueWriter each : List.of(writer, other)) {
                releases.add(CompletableFuture.runAsync(
                        () -> await().ignoreExceptions().until(() -> {
                            each.releaseParked(3);
                            return parked().isEmpty();
                        })));
            }
            for (CompletableFuture<Void> each : releases) {
                each.get(60, TimeUnit.SECONDS);
            }
        }
        var expected = new ArrayList<String>();
        for (int i = 0; i <= 200; i++) {
            expected.add("b" + i);
        }
        assertThat(stored("bad")).containsExactlyElementsOf(expected);
    }

    @Test
    void withoutALockTimeoutAWriteWaits() throws Exception {
        try (var patient = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            patient.write(List.of(to("bad", "b1")), List.of());
            CompletableFuture<List<PushOutcome>> waiting;
            try (var held = partitionOf("bad")) {
                waiting = CompletableFuture.supplyAsync(() -> patient.write(List.of(to("bad", "b2")), List.of()));
                await().until(() -> postgres.query(
                                "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                        + " and datname = current_database()")
                        .equals(List.of("1")));
                assertThat(waiting).isNotDone();
            }
            assertThat(waiting.get(10, TimeUnit.SECONDS)).first().isInstanceOf(PushOutcome.Queued.class);
        }
    }

    @Test
    void aFailureOtherThanATimeoutParksNothing() {
        write(to("good", "g1"));
        assertThatThrownBy(() -> write(message("good", "p", "a", "{}"), message("bad", "p", "x", "\u0000")))
                .isInstanceOf(QueueException.class);
        assertThat(parked()).isEmpty();
    }

    private void park(String queue, String... transactionIds) throws SQLException {
        try (var held = partitionOf(queue)) {
            write(java.util.Arrays.stream(transactionIds)
                    .map(each -> to(queue, each))
                    .toArray(NewMessage[]::new));
        }
        assertThat(parked()).hasSize(transactionIds.length);
    }

    @Test
    void deletingAQueueDeletesItsParkedMessages() throws SQLException {
        write(to("bad", "b1"));
        park("bad", "b2");
        assertThat(new Queues(postgres.dataSource(), "sluice").delete("bad")).isTrue();
        assertThat(parked()).isEmpty();
        write(to("bad", "b3"));
        assertThat(stored("bad")).containsExactly("b3");
    }

    @Test
    void clearingAQueueDeletesItsParkedMessages() throws SQLException {
        write(to("bad", "b1"));
        park("bad", "b2", "b3");
        var queues = new Queues(postgres.dataSource(), "sluice");
        assertThat(queues.clear("bad", "other")).isZero();
        assertThat(parked()).hasSize(2);
        assertThat(queues.clear("bad", null)).isEqualTo(3);
        assertThat(parked()).isEmpty();
        assertThat(postgres.query("select head - tail + 1 from sluice.partitions"))
                .containsExactly("0");
    }

    @Test
    void deletingAPartitionDeletesItsParkedMessages() throws SQLException {
        write(to("bad", "b1"));
        park("bad", "b2");
        assertThat(new Queues(postgres.dataSource(), "sluice").deletePartition("bad", "p"))
                .isTrue();
        assertThat(parked()).isEmpty();
    }

    private static String large() {
        return "\"" + "x".repeat(3 << 20) + "\"";
    }

    @Test
    void largeParkedMessagesAreReleasedAFewAtATime() throws SQLException {
        write(to("bad", "b1"));
        try (var held = partitionOf("bad")) {
            write(
                    message("bad", "p", "b2", large()),
                    message("bad", "p", "b3", large()),
                    message("bad", "p", "b4", large()));
        }
        assertThat(writer.releaseParked(10).messages()).isEqualTo(2);
        assertThat(writer.releaseParked(10).messages()).isEqualTo(1);
        assertThat(stored("bad")).containsExactly("b1", "b2", "b3", "b4");
    }

    private static NewMessage later(String queue, String transactionId, String payload) {
        NewMessage message = message(queue, "p", transactionId, payload);
        return NewMessage.builder(message.id(), queue, "p", transactionId, message.payload())
                .deliverAt(Instant.now().plusSeconds(3600))
                .build();
    }

    private void makeDue() {
        postgres.execute("update sluice.scheduled set due_at = now() - interval '1 second'");
    }

    @Test
    void aHeldPartitionDoesNotHoldUpScheduledMessagesOfOthers() throws SQLException {
        write(later("bad", "b1", "1"), later("bad", "b2", "1"), later("good", "g1", "1"), later("good", "g2", "1"));
        makeDue();
        try (var held = partitionOf("bad")) {
            assertThat(writer.releaseDue(2)).isEqualTo(new QueueWriter.Released(2, java.util.Set.of("good")));
            assertThat(writer.releaseDue(2).messages()).isZero();
        }
        await().until(() -> writer.releaseDue(2).messages() == 2);
        assertThat(stored("bad")).containsExactly("b1", "b2");
        assertThat(stored("good")).containsExactly("g1", "g2");
    }

    @Test
    void largeScheduledMessagesAreReleasedAFewAtATime() {
        write(later("q", "1", large()), later("q", "2", large()), later("q", "3", large()));
        makeDue();
        assertThat(writer.releaseDue(10).messages()).isEqualTo(2);
        assertThat(writer.releaseDue(10).messages()).isEqualTo(1);
    }

    @Test
    void aWriterGivesItsConnectionBackWithoutALockTimeout() throws SQLException {
        String role = "alter role current_user in database "
                + postgres.query("select current_database()").get(0);
        postgres.execute(role + " set lock_timeout = '123ms'");
        try (var pool = new com.zaxxer.hikari.HikariDataSource()) {
            pool.setDataSource(new org.postgresql.ds.PGSimpleDataSource() {
                private static final long serialVersionUID = 1L;

                @Override
                public Connection getConnection() throws SQLException {
                    Connection connection = java.sql.DriverManager.getConnection(postgres.url(), "postgres", "");
                    SessionSettings.begin(connection, Duration.ZERO);
                    return connection;
                }
            });
            pool.setMaximumPoolSize(1);
            try (var once = new QueueWriter(
                    pool, new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, CIPHER, LOCK_TIMEOUT))) {
                once.write(List.of(to("q", "1")), List.of());
            }
            try (var connection = pool.getConnection();
                    var statement = connection.createStatement();
                    var row = statement.executeQuery("show lock_timeout")) {
                row.next();
                assertThat(row.getString(1)).isEqualTo("0");
            }
        }
    }
}
