package dev.sluice.queue;

import static dev.sluice.queue.Messages.message;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The option encryptionEnabled of a queue, in the writers and readers of the database. */
class EncryptedQueueTest {
    private static final String SECRET = "4111-1111";
    private static final PayloadCipher A = PayloadCipher.of("a:" + "0a".repeat(32), null);
    private static final PayloadCipher B_AND_A =
            PayloadCipher.of("b:" + "0b".repeat(32) + ",a:" + "0a".repeat(32), null);

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private Queues queues;
    private QueueWriter writer;

    @BeforeEach
    void open() {
        queues = new Queues(postgres.dataSource(), "sluice", A, () -> {});
        writer = new QueueWriter(postgres.dataSource(), writerWith(A));
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private static QueueWriterConfig writerWith(PayloadCipher cipher) {
        return new QueueWriterConfig("sluice", Duration.ofHours(1), 1000, cipher);
    }

    private void encrypt(boolean enabled) {
        queues.configure(
                "q",
                "",
                "",
                QueueOptions.DEFAULTS.toBuilder()
                        .encryptionEnabled(enabled)
                        .retryLimit(0)
                        .build());
    }

    private static String payload(String text) {
        return "{\"card\": \"" + SECRET + "\", \"n\": \"" + text + "\"}";
    }

    private void push(String... texts) {
        for (String text : texts) {
            assertThat(writer.write(List.of(message("q", "p", text, payload(text))), List.of()))
                    .first()
                    .isInstanceOf(PushOutcome.Queued.class);
        }
    }

    private Queue reader(PayloadCipher cipher) {
        return new Queue(postgres.dataSource(), new QueueConfig("sluice", QueueConfig.DEFAULT_POP_MAX_BYTES, cipher));
    }

    private PopResult pop(PayloadCipher cipher, String group) {
        return reader(cipher)
                .pop(new PopTarget("q", null, group), List.of(new PopRequest(10, 1, false, Subscription.ALL)))
                .get(0);
    }

    private List<String> popped(PayloadCipher cipher, String group) {
        return pop(cipher, group).messages().stream().map(Message::payloadText).toList();
    }

    private void assertNothingInClear() {
        for (String table : List.of("segments", "scheduled", "dead_letters")) {
            assertThat(postgres.query(
                            "select count(*) from sluice." + table + " t where t::text like '%" + SECRET + "%'"))
                    .as(table)
                    .containsExactly("0");
        }
    }

    @Test
    void storesCiphertextAndDeliversWhatWasPushed() {
        encrypt(true);
        push("1", "2");
        assertNothingInClear();
        assertThat(postgres.query("select payload from sluice.messages"))
                .allSatisfy(stored -> assertThat(stored).startsWith("{\"encrypted\":\""));
        assertThat(popped(A, "g")).containsExactly(payload("1"), payload("2"));
    }

    @Test
    void countsFromTheNextMessageOn() {
        push("before");
        encrypt(true);
        push("during");
        encrypt(false);
        push("after");
        assertThat(postgres.query("select payload like '%" + SECRET + "%' from sluice.messages order by seq"))
                .containsExactly("t", "f", "t");
        assertThat(popped(A, "g")).containsExactly(payload("before"), payload("during"), payload("after"));
    }

    @Test
    void coversMessagesThatWaitForTheirTime() {
        NewMessage plain = message("q", "p", "early", payload("early"));
        var early = NewMessage.builder(plain.id(), "q", "p", "early", plain.payload())
                .delay(Duration.ofHours(1))
                .build();
        writer.write(List.of(early), List.of());
        encrypt(true);
        var late = NewMessage.builder(UUID.randomUUID(), "q", "p", "late", plain.payload())
                .delay(Duration.ofHours(1))
                .build();
        writer.write(List.of(late), List.of());
        assertThat(postgres.query("select payload like '%" + SECRET + "%' from sluice.scheduled order by id"))
                .containsExactly("t", "f");
        postgres.execute("update sluice.scheduled set due_at = now() - interval '1 second'");
        assertThat(writer.releaseDue(10).messages()).isEqualTo(2);
        assertNothingInClear();
        assertThat(popped(A, "g")).containsExactly(payload("early"), payload("early"));
    }

    @Test
    void coversDeadLettersAndTheirWayBack() {
        encrypt(true);
        push("1");
        bury("g");
        assertNothingInClear();
        var letters = new DeadLetters(postgres.dataSource(), "sluice", B_AND_A)
                .list(DeadLetterFilter.ALL, 10, 0, null)
                .letters();
        assertThat(letters)
                .extracting(letter -> new String(letter.payload(), UTF_8))
                .containsExactly(payload("1"));
        String stored =
                postgres.query("select payload from sluice.dead_letters").get(0);
        try (var redrive = new Redrive(postgres.dataSource(), writerWith(B_AND_A))) {
            assertThat(redrive.run(List.of(letters.get(0).id())).verdicts()).containsExactly(Redrive.Verdict.MOVED);
        }
        assertThat(postgres.query("select payload from sluice.messages order by seq desc limit 1"))
                .as("the ciphertext moves as it is")
                .containsExactly(stored);
        assertThat(popped(A, "g")).containsExactly(payload("1"));
    }

    private void bury(String group) {
        PopResult result = pop(A, group);
        Message message = result.messages().get(0);
        reader(A)
                .acknowledge(List.of(new Acknowledgement(
                        group,
                        message.partitionId(),
                        message.transactionId(),
                        result.leaseId(),
                        Acknowledgement.Verdict.FAILED,
                        "no")));
        assertThat(postgres.query("select count(*) from sluice.dead_letters")).containsExactly("1");
    }

    @Test
    void coversTransactions() {
        encrypt(true);
        push("1");
        PopResult result = pop(A, "g");
        try (var executor = new TransactionExecutor(postgres.dataSource(), writerWith(A))) {
            var outcome = executor.execute(
                    List.of(message("q", "p", "2", payload("2"))),
                    List.of(new Acknowledgement(
                            "g",
                            result.messages().get(0).partitionId(),
                            "1",
                            result.leaseId(),
                            Acknowledgement.Verdict.COMPLETED,
                            null)));
            assertThat(outcome.committed()).isTrue();
        }
        assertNothingInClear();
        assertThat(popped(A, "g")).containsExactly(payload("2"));
    }

    @Test
    void outlivesTheReplacementOfItsKey() {
        encrypt(true);
        push("old");
        try (var rotated = new QueueWriter(postgres.dataSource(), writerWith(B_AND_A))) {
            rotated.write(List.of(message("q", "p", "new", payload("new"))), List.of());
        }
        assertThat(postgres.query("select payload::json ->> 'keyId' from sluice.messages order by seq"))
                .containsExactly("a", "b");
        assertThat(popped(B_AND_A, "g")).containsExactly(payload("old"), payload("new"));
        assertThat(popped(A, "without the new key"))
                .satisfiesExactly(
                        first -> assertThat(first).isEqualTo(payload("old")),
                        second ->
                                assertThat(second).startsWith("{\"encrypted\":").doesNotContain(SECRET));
    }

    @Test
    void isNotWrittenToWithoutAKey() {
        encrypt(true);
        try (var keyless = new QueueWriter(postgres.dataSource(), writerWith(PayloadCipher.NONE))) {
            assertThatThrownBy(() -> keyless.write(List.of(message("q", "p", "1", payload("1"))), List.of()))
                    .isInstanceOfSatisfying(QueueException.class, e -> {
                        assertThat(e.isTransient()).isTrue();
                        assertThat(e)
                                .hasMessageContaining("queue q is encrypted")
                                .hasMessageContaining("encryption.keys");
                    });
            assertThat(keyless.write(List.of(message("other", "p", "1", "1")), List.of()))
                    .first()
                    .isInstanceOf(PushOutcome.Queued.class);
        }
        assertThat(postgres.query("select count(*) from sluice.segments")).containsExactly("1");
        push("1");
    }

    @Test
    void isNotMadeWithoutAKey() {
        var keyless = new Queues(postgres.dataSource(), "sluice");
        assertThatThrownBy(() -> keyless.configure(
                        "q",
                        "",
                        "",
                        QueueOptions.DEFAULTS.toBuilder()
                                .encryptionEnabled(true)
                                .build()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("encryption.keys");
        assertThat(postgres.query("select name from sluice.queues")).isEmpty();
        encrypt(true);
        assertThat(keyless.configure(
                                "q",
                                "",
                                "",
                                QueueOptions.DEFAULTS.toBuilder()
                                        .encryptionEnabled(true)
                                        .retryLimit(7)
                                        .build())
                        .options()
                        .encryptionEnabled())
                .as("one that is encrypted already may be configured")
                .isTrue();
    }
}
