package dev.sluice.queue.transact;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TransactionExecutorTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;
    private Queue queue;
    private TransactionExecutor transactions;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        transactions = new TransactionExecutor(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        writer.write(run(1, 2), List.of());
    }

    @AfterEach
    void close() {
        transactions.close();
        writer.close();
    }

    private PopResult pop() {
        return queue.pop(new PopTarget("q", "p", "g"), List.of(new PopRequest(2, 1, false, Subscription.ALL)))
                .get(0);
    }

    private static Acknowledgement ack(PopResult popped, int index, Verdict verdict) {
        Message message = popped.messages().get(index);
        return new Acknowledgement(
                "g", message.partitionId(), message.transactionId(), popped.leaseId(), verdict, null);
    }

    private List<String> written() {
        return postgres.query("select partition || '/' || transaction_id from sluice.messages order by 1");
    }

    @Test
    void pushesAndAcknowledgesTogether() {
        PopResult popped = pop();
        var outcome = transactions.execute(
                List.of(message("next", "n1"), message("p", "t3")),
                List.of(ack(popped, 0, Verdict.COMPLETED), ack(popped, 1, Verdict.DLQ)));
        assertThat(outcome.committed()).isTrue();
        assertThat(outcome.pushes()).allMatch(PushOutcome.Queued.class::isInstance);
        assertThat(outcome.acknowledgements()).hasSize(2);
        assertThat(written()).containsExactly("next/n1", "p/t1", "p/t2", "p/t3");
        assertThat(postgres.query("select transaction_id, partition_name from sluice.dead_letters"))
                .containsExactly("t2|p");
        assertThat(pop().messages()).extracting(Message::transactionId).containsExactly("t3");
    }

    @Test
    void doesNothingWhenAMessageIsADuplicate() {
        PopResult popped = pop();
        var outcome = transactions.execute(
                List.of(message("next", "n1"), message("p", "t1")), List.of(ack(popped, 0, Verdict.COMPLETED)));
        assertThat(outcome.committed()).isFalse();
        assertThat(outcome.pushes().get(1)).isInstanceOf(PushOutcome.Duplicate.class);
        assertThat(written()).containsExactly("p/t1", "p/t2");
        assertThat(postgres.query("select position, acked from sluice.cursors where lease_id is not null"))
                .containsExactly("0|{}");
    }

    @Test
    void doesNothingWhenAVerdictIsNotTaken() {
        PopResult popped = pop();
        var foreign = new Acknowledgement(
                "g", popped.messages().get(0).partitionId(), "t2", UUID.randomUUID(), Verdict.COMPLETED, null);
        var outcome = transactions.execute(
                List.of(message("next", "n1")), List.of(ack(popped, 0, Verdict.COMPLETED), foreign));
        assertThat(outcome.committed()).isFalse();
        assertThat(outcome.acknowledgements().get(1)).isInstanceOf(AcknowledgeOutcome.LeaseInvalid.class);
        assertThat(written()).containsExactly("p/t1", "p/t2");
        assertThat(transactions
                        .execute(List.of(message("next", "n1")), List.of())
                        .committed())
                .isTrue();
    }
}
