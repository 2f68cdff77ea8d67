package dev.sluice.queue.read;

import static dev.sluice.queue.Messages.message;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;

/** A database with a writer and a {@link Queue} for each test, and the steps that these tests share. */
abstract class QueueFixture {
    static final PopTarget ANY = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);

    @AutoClose
    final TestPostgres postgres = TestPostgres.withSchema();

    QueueWriter writer;
    Queue queue;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
    }

    @AfterEach
    void close() {
        writer.close();
    }

    static PopRequest batch(int batch) {
        return new PopRequest(batch, 1, false, Subscription.ALL);
    }

    PopResult pop(PopTarget target, int batch) {
        return queue.pop(target, List.of(batch(batch))).get(0);
    }

    static List<String> transactionIds(PopResult result) {
        return result.messages().stream().map(Message::transactionId).toList();
    }

    static Acknowledgement verdict(Message message, PopResult result, Verdict verdict) {
        return new Acknowledgement(
                PopTarget.DEFAULT_GROUP,
                message.partitionId(),
                message.transactionId(),
                result.leaseId(),
                verdict,
                null);
    }

    List<AcknowledgeOutcome> complete(PopResult result) {
        return queue.acknowledge(result.messages().stream()
                .map(message -> verdict(message, result, Verdict.COMPLETED))
                .toList());
    }

    /** Lets every lease and every delay end, as if time had passed. */
    void letTimePass() {
        postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
    }
}
