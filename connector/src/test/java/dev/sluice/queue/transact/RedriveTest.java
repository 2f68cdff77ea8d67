package dev.sluice.queue.transact;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.Messages;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RedriveTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;
    private Queue queue;
    private Redrive redrive;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        redrive = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    @AfterEach
    void close() {
        redrive.close();
        writer.close();
    }

    private PopResult pop() {
        return queue.pop(new PopTarget("q", null, "g"), List.of(new PopRequest(100, 1, false, Subscription.ALL)))
                .get(0);
    }

    /** Makes dead letters with the ids 1 to {@code count}. */
    private void bury(int count) {
        writer.write(run(1, count), List.of());
        PopResult popped = pop();
        queue.acknowledge(popped.messages().stream()
                .map(message -> new Acknowledgement(
                        "g", message.partitionId(), message.transactionId(), popped.leaseId(), Verdict.DLQ, "bad"))
                .toList());
    }

    private List<String> left() {
        return postgres.query("select id from sluice.dead_letters order by id");
    }

    @Test
    void movesLettersToTheEndOfTheirPartition() {
        bury(3);
        assertThat(redrive.run(List.of(3L, 1L, 99L)).verdicts())
                .containsExactly(Redrive.Verdict.MOVED, Redrive.Verdict.MOVED, Redrive.Verdict.GONE);
        assertThat(left()).containsExactly("2");
        PopResult again = pop();
        assertThat(again.messages()).extracting(Message::transactionId).containsExactly("dlq:1", "dlq:3");
        assertThat(again.messages())
                .extracting(Message::payloadText)
                .containsExactly("{\"tx\":\"t1\"}", "{\"tx\":\"t3\"}");
        assertThat(redrive.run(List.of(1L)).verdicts()).containsExactly(Redrive.Verdict.GONE);
    }

    @Test
    void findsALetterWhoseMessageIsThereAlready() {
        bury(1);
        writer.write(List.of(Messages.message("p", "dlq:1")), List.of());
        assertThat(redrive.run(List.of(1L)).verdicts()).containsExactly(Redrive.Verdict.DUPLICATE);
        assertThat(left()).isEmpty();
    }

    @Test
    void bringsBackThePartitionIfItWasDeleted() {
        bury(1);
        postgres.execute("delete from sluice.cursors; delete from sluice.segments; delete from sluice.partitions");
        assertThat(redrive.run(List.of(1L)).verdicts()).containsExactly(Redrive.Verdict.MOVED);
        assertThat(postgres.query("select partition, transaction_id, seq from sluice.messages"))
                .containsExactly("p|dlq:1|1");
    }

    @Test
    void movesEachLetterOnceWhenSeveralDoItAtATime() throws Exception {
        bury(60);
        var ids = new ArrayList<Long>();
        for (long id = 1; id <= 60; id++) {
            ids.add(id);
        }
        var pool = Executors.newFixedThreadPool(4);
        try {
            var tasks = new ArrayList<Callable<List<Redrive.Verdict>>>();
            for (int i = 0; i < 4; i++) {
                tasks.add(() -> {
                    var mine = new ArrayList<>(ids);
                    Collections.shuffle(mine);
                    try (var one = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
                        return one.run(mine).verdicts();
                    }
                });
            }
            long moved = 0;
            for (var future : pool.invokeAll(tasks)) {
                moved += future.get().stream()
                        .filter(Redrive.Verdict.MOVED::equals)
                        .count();
            }
            assertThat(moved).isEqualTo(60);
        } finally {
            pool.shutdownNow();
        }
        assertThat(left()).isEmpty();
        assertThat(
                        postgres.query(
                                "select count(*), count(distinct transaction_id) from sluice.messages where transaction_id like 'dlq:%'"))
                .containsExactly("60|60");
    }

    @Test
    void refusesMoreThanItMovesInOneTransaction() {
        assertThatThrownBy(() -> redrive.run(Collections.nCopies(Redrive.MAX_LETTERS + 1, 1L)))
                .hasMessage("at most 1000 dead letters, were 1001");
        assertThat(redrive.run(Collections.nCopies(Redrive.MAX_LETTERS, 1L)).verdicts())
                .hasSize(Redrive.MAX_LETTERS);
    }

    /** Large letters are moved in several transactions. One that exceeds the limit is moved alone. */
    @Test
    void aTransactionHoldsFewBytes() {
        bury(5);
        postgres.execute("update sluice.dead_letters set payload = '\"' || repeat('x', 98) || '\"'");
        var transactions = new ArrayList<Integer>();
        try (var small = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS, 150)) {
            Redrive.Step step = small.step(List.of(1L, 2L, 3L, 4L, 5L), null, (connection, done) -> {
                        transactions.add(done.verdicts().size());
                        return true;
                    })
                    .orElseThrow();
            assertThat(step.verdicts().keySet()).containsExactly(1L, 2L);
            assertThat(left()).containsExactly("3", "4", "5");
            assertThat(small.run(List.of(5L, 9L, 3L, 4L)).verdicts())
                    .containsExactly(
                            Redrive.Verdict.MOVED, Redrive.Verdict.GONE, Redrive.Verdict.MOVED, Redrive.Verdict.MOVED);
        }
        assertThat(transactions).containsExactly(2);
        assertThat(left()).isEmpty();
    }

    @Test
    void whatIsAddedRollsBackTheMove() {
        bury(1);
        assertThat(redrive.step(List.of(1L), null, (connection, done) -> false)).isEmpty();
        assertThat(left()).containsExactly("1");
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("1");
    }

    @Test
    void aMessageThatBecomesAWorkHasNoLimitKeyThatItsProducerHasNamed() {
        writer.write(List.of(Messages.message("q", "~normal@other", "t1", "1")), List.of());
        writer.write(List.of(Messages.message("q", "~@other/o-1", "t2", "1")), List.of());
        for (int partition = 0; partition < 2; partition++) {
            PopResult popped = pop();
            queue.acknowledge(popped.messages().stream()
                    .map(message -> new Acknowledgement(
                            "g", message.partitionId(), message.transactionId(), popped.leaseId(), Verdict.DLQ, "bad"))
                    .toList());
        }
        assertThat(redrive.step(List.of(1L, 2L), "work.mail", (connection, done) -> true)
                        .orElseThrow()
                        .count(Redrive.Verdict.MOVED))
                .isEqualTo(2);
        assertThat(postgres.query("select partition from sluice.messages where queue = 'work.mail' order by 1"))
                .containsExactlyInAnyOrder("~normal", "o-1");
        assertThat(postgres.query("select partition from sluice.messages where queue = 'q' order by 1"))
                .as("the name of a partition of a plain queue is the producer's")
                .containsExactlyInAnyOrder("~normal@other", "~@other/o-1");
    }

    /** Nothing becomes readable by a redrive: an encrypted letter goes to an encrypted queue, encrypted for it. */
    @Test
    void anEncryptedLetterGoesToAnEncryptedQueueOnly() {
        PayloadCipher cipher = PayloadCipher.of("test:" + "0f".repeat(32), null);
        bury(2);
        writer.write(List.of(Messages.message("clear", "p", "t", "1")), List.of());
        writer.write(List.of(Messages.message("other", "p", "t", "1")), List.of());
        postgres.execute("update sluice.queues set encryption_enabled = true where name in ('q', 'other')");
        var config = new QueueWriterConfig("sluice", QueueWriterConfig.DEFAULTS.dedupWindow(), 1_000, cipher);
        try (var encrypting = new Redrive(postgres.dataSource(), config)) {
            assertThat(encrypting
                            .step(List.of(1L), "clear", (connection, done) -> true)
                            .orElseThrow()
                            .refusals())
                    .containsEntry(1L, "it is encrypted, and queue clear is not");
            assertThat(encrypting
                            .step(List.of(1L, 2L), "other", (connection, done) -> true)
                            .orElseThrow()
                            .count(Redrive.Verdict.MOVED))
                    .isEqualTo(2);
            assertThat(encrypting
                            .step(List.of(1L), "nowhere", (connection, done) -> true)
                            .orElseThrow()
                            .verdicts())
                    .containsEntry(1L, Redrive.Verdict.GONE);
        }
        List<String> stored = postgres.query(
                "select payload from sluice.messages where queue = 'other' and transaction_id like 'dlq:%'"
                        + " order by seq");
        assertThat(stored).hasSize(2).allSatisfy(payload -> assertThat(payload).startsWith("{\"encrypted\":"));
        assertThat(cipher.open("other", stored.get(0))).isEqualTo("{\"tx\":\"t1\"}");
    }
}
