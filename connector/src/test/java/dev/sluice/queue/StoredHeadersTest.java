package dev.sluice.queue;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.admin.DeadLetter;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.sql.SchemaCopy;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.StreamCycle;
import dev.sluice.queue.transact.Streams;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.view.MessageDetail;
import dev.sluice.queue.view.StoredMessages;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** A message keeps its headers and its time of creation on every way from the push to the pop. */
class StoredHeadersTest {
    private static final PayloadCipher KEY = PayloadCipher.of("a:" + "0a".repeat(32), null);
    private static final PopTarget TARGET = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);
    private static final Instant CREATED_AT = Instant.parse("2001-02-03T04:05:06.789012Z");
    /** A part of {@link Messages#HEADERS} that must not be stored in clear. */
    private static final String SECRET = "0af7651916cd43dd8448eb211c80319c";

    @Nested
    class InClear extends Ways {
        InClear() {
            super(false);
        }
    }

    @Nested
    class Encrypted extends Ways {
        Encrypted() {
            super(true);
        }

        @Test
        void areDeliveredAsStoredWithoutTheKey() {
            push(message("t").headers(Messages.HEADERS).build());
            var keyless = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
            Message popped = keyless.pop(TARGET, List.of(new PopRequest(1, 1, true, Subscription.ALL)))
                    .get(0)
                    .messages()
                    .get(0);
            assertThat(popped.headers().asMap()).containsOnlyKeys("encrypted", "iv", "authTag", "keyId");
            assertThat(KEY.open("q", popped.headers())).isEqualTo(Messages.HEADERS);
        }
    }

    abstract static class Ways {
        private final boolean encrypted;

        @AutoClose
        final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

        private final QueueWriterConfig config =
                new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, KEY, Duration.ofMillis(100));

        private final QueueWriter writer = new QueueWriter(postgres.dataSource(), config);

        private final Redrive redrive = new Redrive(postgres.dataSource(), config);

        private final TransactionExecutor transactions = new TransactionExecutor(postgres.dataSource(), config);

        private final Queue queue =
                new Queue(postgres.dataSource(), new QueueConfig("sluice", QueueConfig.DEFAULT_POP_MAX_BYTES, KEY));
        private final Queues queues = new Queues(postgres.dataSource(), "sluice", KEY, () -> {});
        private final DeadLetters deadLetters = new DeadLetters(postgres.dataSource(), "sluice", KEY);

        Ways(boolean encrypted) {
            this.encrypted = encrypted;
        }

        @BeforeEach
        void configure() {
            queues.configure(
                    "q",
                    "",
                    "",
                    QueueOptions.DEFAULTS.toBuilder()
                            .encryptionEnabled(encrypted)
                            .retryLimit(0)
                            .redeliveryLimit(1)
                            .build());
        }

        @AfterEach
        void close() {
            transactions.close();
            redrive.close();
            writer.close();
        }

        static NewMessage.Builder message(String transactionId) {
            return NewMessage.builder(
                    UUID.randomUUID(), "q", "p", transactionId, ("{\"tx\":\"" + transactionId + "\"}").getBytes(UTF_8));
        }

        static NewMessage.Builder withHeaders(String transactionId) {
            return message(transactionId).headers(Messages.HEADERS);
        }

        void push(NewMessage... messages) {
            writer.write(List.of(messages), List.of());
        }

        private PopResult pop() {
            return queue.pop(TARGET, List.of(new PopRequest(100, 1, false, Subscription.ALL)))
                    .get(0)
                    .opened(KEY);
        }

        private Message popOne() {
            List<Message> popped = pop().messages();
            assertThat(popped).hasSize(1);
            return popped.get(0);
        }

        private void acknowledge(PopResult popped, Verdict verdict) {
            queue.acknowledge(popped.messages().stream()
                    .map(message -> new Acknowledgement(
                            PopTarget.DEFAULT_GROUP,
                            message.partitionId(),
                            message.transactionId(),
                            popped.leaseId(),
                            verdict,
                            "bad"))
                    .toList());
        }

        private void letLeasesEnd() {
            postgres.execute("update sluice.cursors set available_at = now() - interval '1 second'"
                    + " where available_at is not null");
        }

        private long partition() {
            return queues.findPartition("q", "p").orElseThrow();
        }

        private MessageDetail detail(String transactionId) {
            return new StoredMessages(postgres.dataSource(), "sluice", KEY)
                    .find(partition(), transactionId)
                    .orElseThrow();
        }

        private void assertStoredInClearOnlyIfNotEncrypted(String table) {
            assertThat(postgres.query("select count(*) > 0, bool_or(t::text like '%" + SECRET + "%') from sluice."
                            + table + " t"))
                    .containsExactly("t|" + (encrypted ? "f" : "t"));
        }

        private static void assertKept(Message message, Instant createdAt) {
            assertThat(message.headers().json()).isEqualTo(Messages.HEADERS.json());
            assertThat(message.createdAt()).isEqualTo(createdAt);
            assertThat(message.writtenAt()).isAfter(createdAt);
        }

        @Test
        void throughSegmentsWhichMayHaveMessagesWithoutHeaders() {
            push(
                    message("none").build(),
                    withHeaders("all").build(),
                    message("again").build());
            push(message("without any").build());
            assertStoredInClearOnlyIfNotEncrypted("segments");
            assertThat(pop().messages())
                    .extracting(Message::headers)
                    .containsExactly(MessageHeaders.NONE, Messages.HEADERS, MessageHeaders.NONE, MessageHeaders.NONE);
            assertThat(postgres.query("select headers is null from sluice.segments order by first_seq"))
                    .containsExactly("f", "t");
            assertThat(postgres.query("select transaction_id from sluice.messages where headers is not null"))
                    .containsExactly("all");
        }

        @Test
        void throughReadersDetailsAndTheView() {
            push(withHeaders("t").build());
            var reader = new QueueReader(postgres.dataSource(), "sluice", KEY);
            QueueReader.Partition partition =
                    reader.partitions(List.of(partition())).get(0);
            assertThat(reader.read(List.of(new QueueReader.Run(partition, 0, 1)), 1000))
                    .singleElement()
                    .satisfies(slice -> assertThat(slice.messages())
                            .extracting(Message::headers)
                            .containsExactly(Messages.HEADERS));
            assertThat(detail("t").headers()).isEqualTo(Messages.HEADERS);
            String stored =
                    postgres.query("select headers from sluice.messages").get(0);
            assertThat(KEY.open("q", MessageHeaders.parse(stored))).isEqualTo(Messages.HEADERS);
        }

        @Test
        void throughTheTableOfScheduledMessages() {
            push(
                    withHeaders("own")
                            .origin(new Origin(CREATED_AT, null))
                            .delay(Duration.ofHours(1))
                            .build(),
                    message("none").delay(Duration.ofHours(1)).build(),
                    withHeaders("first").delay(Duration.ofHours(1)).build());
            assertStoredInClearOnlyIfNotEncrypted("scheduled");
            assertThat(detail("own").headers()).isEqualTo(Messages.HEADERS);
            assertThat(detail("own").createdAt()).isEqualTo(CREATED_AT);
            assertThat(detail("none").headers()).isEqualTo(MessageHeaders.NONE);
            Instant scheduledAt = detail("first").createdAt();
            postgres.execute("update sluice.scheduled set due_at = now()");
            assertThat(writer.releaseDue(10).messages()).isEqualTo(3);
            List<Message> popped = pop().messages();
            assertThat(popped).extracting(Message::transactionId).containsExactlyInAnyOrder("own", "none", "first");
            for (Message message : popped) {
                switch (message.transactionId()) {
                    case "own" -> assertKept(message, CREATED_AT);
                    case "first" -> assertKept(message, scheduledAt);
                    default -> assertThat(message.headers()).isEqualTo(MessageHeaders.NONE);
                }
            }
        }

        @Test
        void throughTheTableOfParkedMessages() throws Exception {
            push(message("creates the partition").build());
            acknowledge(pop(), Verdict.COMPLETED);
            try (Connection other = postgres.dataSource().getConnection()) {
                other.setAutoCommit(false);
                try (var statement = other.createStatement()) {
                    statement.execute("select from sluice.partitions for update");
                    assertThat(writer.write(
                                    List.of(
                                            withHeaders("own")
                                                    .origin(new Origin(CREATED_AT, null))
                                                    .build(),
                                            withHeaders("parked").build()),
                                    List.of()))
                            .hasOnlyElementsOfType(PushOutcome.Parked.class);
                }
                assertStoredInClearOnlyIfNotEncrypted("parked");
                other.rollback();
            }
            Instant parkedAt = Instant.parse(postgres.query("select to_char(parked_at at time zone 'UTC',"
                            + " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from sluice.parked order by id")
                    .get(1));
            await().until(() -> writer.releaseParked(10).messages() == 2);
            List<Message> popped = pop().messages();
            assertKept(popped.get(0), CREATED_AT);
            assertKept(popped.get(1), parkedAt);
        }

        @Test
        void intoTheDeadLettersAndBack() {
            push(withHeaders("rejected").build());
            Instant createdAt = detail("rejected").createdAt();
            acknowledge(pop(), Verdict.DLQ);
            assertDeadLetterComesBack(createdAt);
        }

        @Test
        void intoTheDeadLettersByFailuresAndBack() {
            push(withHeaders("failed").origin(new Origin(CREATED_AT, null)).build());
            acknowledge(pop(), Verdict.FAILED);
            assertDeadLetterComesBack(CREATED_AT);
        }

        @Test
        void intoTheDeadLettersByRedeliveriesAndBack() {
            push(withHeaders("deadly").origin(new Origin(CREATED_AT, null)).build());
            await().until(() -> {
                pop();
                letLeasesEnd();
                return deadLetters.count(DeadLetterFilter.ALL) == 1;
            });
            assertDeadLetterComesBack(CREATED_AT);
        }

        private void assertDeadLetterComesBack(Instant createdAt) {
            assertStoredInClearOnlyIfNotEncrypted("dead_letters");
            List<DeadLetter> letters =
                    deadLetters.list(DeadLetterFilter.ALL, 10, 0, null).letters();
            assertThat(letters).hasSize(1);
            assertThat(letters.get(0).headers()).isEqualTo(Messages.HEADERS);
            postgres.execute("delete from sluice.segments");
            assertThat(detail(letters.get(0).transactionId()).headers()).isEqualTo(Messages.HEADERS);
            redrive.run(List.of(letters.get(0).id()));
            assertKept(popOne(), createdAt);
        }

        @Test
        void throughTransactions() {
            transactions.execute(
                    List.of(withHeaders("t")
                            .origin(new Origin(CREATED_AT, null))
                            .build()),
                    List.of());
            assertStoredInClearOnlyIfNotEncrypted("segments");
            assertKept(popOne(), CREATED_AT);
        }

        @Test
        void throughCyclesOfStreams() {
            push(message("source").build());
            acknowledge(pop(), Verdict.COMPLETED);
            var streams = new Streams(postgres.dataSource(), "sluice", KEY);
            long query = streams.register("sum", "q", null, "h", false).id();
            transactions.run(new StreamCycle(
                    query,
                    partition(),
                    List.of(),
                    List.of(withHeaders("t")
                            .origin(new Origin(CREATED_AT, null))
                            .build()),
                    null,
                    false));
            assertKept(popOne(), CREATED_AT);
        }

        @Test
        void exceptThoseOfDeletedMessages() {
            push(withHeaders("deleted").build(), withHeaders("kept").build());
            assertThat(queues.deleteMessage(partition(), "deleted")).isTrue();
            assertThat(postgres.query("select m.headers is null"
                            + " from sluice.segments s, unnest(s.payloads, s.headers) as m (payload, headers)"
                            + " order by m.payload is not null"))
                    .containsExactly("t", "f");
            assertThat(popOne().headers()).isEqualTo(Messages.HEADERS);
        }

        @Test
        void intoACopyOfTheSchema() throws Exception {
            push(
                    withHeaders("t").build(),
                    withHeaders("later").delay(Duration.ofHours(1)).build());
            try (TestPostgres target = TestPostgres.empty();
                    Connection from = postgres.dataSource().getConnection();
                    Connection to = target.dataSource().getConnection()) {
                var copy = new SchemaCopy(from, "sluice", to, "sluice");
                copy.prepare("");
                copy.run(Set.of(), new SchemaCopy.Progress() {
                    @Override
                    public void table(String name, int number, int count) {}

                    @Override
                    public void copied(long bytes) {}
                });
                for (String table : List.of("segments", "scheduled")) {
                    String all = "select headers::text from sluice." + table;
                    assertThat(target.query(all)).isEqualTo(postgres.query(all));
                }
            }
        }
    }

    @Nested
    class Limits {
        @AutoClose
        private final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

        private final QueueWriter writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);

        @AfterEach
        void close() {
            writer.close();
        }

        private static NewMessage large(String transactionId) {
            return Ways.message(transactionId)
                    .headers(Messages.headers("large", "\u20ac".repeat(10_000)))
                    .build();
        }

        @Test
        void ofTheBytesOfAPopCountHeaders() {
            for (int i = 1; i <= 4; i++) {
                writer.write(List.of(large("t" + i)), List.of());
            }
            assertThat(postgres.query("select sum(payload_bytes) > 4 * 30000 from sluice.segments"))
                    .containsExactly("t");
            var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice", 50_000));
            assertThat(queue.pop(TARGET, List.of(new PopRequest(100, 1, false, Subscription.ALL)))
                            .get(0)
                            .messages())
                    .hasSize(2);
        }

        @Test
        void ofTheBytesOfAStoredSegmentCountHeaders() {
            var many = new ArrayList<NewMessage>();
            for (int i = 0; i < 40; i++) {
                many.add(large("t" + i));
            }
            writer.write(many, List.of());
            assertThat(postgres.query("select max(payload_bytes) <= 512 * 1024, count(*) > 2 from sluice.segments"))
                    .containsExactly("t|t");
        }

        @Test
        void ofThePageOfDeadLettersCountHeaders() {
            writer.write(List.of(large("1"), large("2"), large("3"), large("4")), List.of());
            var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
            PopResult popped = queue.pop(TARGET, List.of(new PopRequest(100, 1, false, Subscription.ALL)))
                    .get(0);
            queue.acknowledge(popped.messages().stream()
                    .map(message -> new Acknowledgement(
                            PopTarget.DEFAULT_GROUP,
                            message.partitionId(),
                            message.transactionId(),
                            popped.leaseId(),
                            Verdict.DLQ,
                            null))
                    .toList());
            DeadLetters.Page page = new DeadLetters(postgres.dataSource(), "sluice", PayloadCipher.NONE, 50_000)
                    .list(DeadLetterFilter.ALL, 100, 0, null);
            assertThat(page.letters()).hasSize(2);
            assertThat(page.more()).isTrue();
        }
    }

    @Nested
    class DamagedByHand {
        @AutoClose
        private final TestPostgres postgres = TestPostgres.withSchema().withoutSyncs();

        private final QueueWriter writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);

        @AfterEach
        void close() {
            writer.close();
        }

        @Test
        void doNotKeepTheMessagesOfAPartitionFromTheirConsumers() {
            writer.write(
                    List.of(Ways.withHeaders("1").build(), Ways.withHeaders("2").build()), List.of());
            postgres.execute("update sluice.segments set headers[1] = '{\"a\": 1}' where first_seq = 1");
            var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
            List<Message> popped = queue.pop(TARGET, List.of(new PopRequest(100, 1, true, Subscription.ALL)))
                    .get(0)
                    .messages();
            assertThat(popped.get(0).headers().get(MessageHeaders.UNREADABLE)).isEqualTo("{\"a\": 1}");
            assertThat(popped.get(1).headers()).isEqualTo(Messages.HEADERS);
        }
    }
}
