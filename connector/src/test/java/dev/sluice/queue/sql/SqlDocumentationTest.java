package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.Message;
import dev.sluice.queue.Messages;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.SqlDocumentation.Block;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Every query of {@code docs/sql.md} runs, and returns what its heading says. */
class SqlDocumentationTest {
    /**
     * By heading, a regular expression for each expected row, in order; columns are joined by {@code |}. The query may
     * return more rows at the end.
     */
    private static final Map<String, List<String>> EXPECTED = Map.ofEntries(
            Map.entry(
                    "Messages of a queue",
                    List.of("3\\|.*\\|order-1003\\|.*", "2\\|.*\\|order-1002\\|.*", "1\\|.*\\|order-1001\\|.*")),
            Map.entry("One message by its transaction id", List.of("1\\|.{36}\\|.*\\|\\{\"customer\": \"ada\"\\}")),
            Map.entry("A header of a message", List.of("3\\|order-1003\\|00-1", "2\\|order-1002\\|00-1")),
            Map.entry("A field of the payload", List.of("ada\\|6")),
            Map.entry(
                    "Lag per group", List.of("orders\\|billing\\|4\\|4\\|.*00:.*", "orders\\|shipping\\|4\\|0\\|null")),
            Map.entry(
                    "Lag per partition",
                    List.of("customer-7\\|1\\|3\\|2\\|.*", "customer-\\d\\|.*\\|1\\|.*", "customer-\\d\\|.*\\|1\\|.*")),
            Map.entry("What holds a lease", List.of("orders\\|billing\\|customer-7\\|.{36}\\|2\\|.*")),
            Map.entry("What is held back", List.of("orders\\|billing\\|customer-8\\|1\\|.*")),
            Map.entry("Messages that keep failing", List.of("orders\\|billing\\|customer-8\\|1\\|1")),
            Map.entry("Dead letters by error", List.of("orders\\|billing\\|card refused\\|1\\|.*")),
            Map.entry(
                    "The newest dead letters of a queue",
                    List.of(".*\\|customer-7\\|billing\\|order-1001\\|0\\|card refused\\|.*")),
            Map.entry("Biggest queues", List.of("orders\\|4\\|6\\|1", "invoices\\|1\\|1\\|0")),
            Map.entry("Bytes of a queue", List.of("orders\\|\\d\\|6\\|.* bytes")),
            Map.entry("Oldest unread message", List.of("orders\\|billing\\|customer-7\\|.*\\|2")),
            Map.entry("Scheduled messages", List.of("orders\\|customer-9\\|.*\\|order-2001")),
            Map.entry("Parked messages", List.of("orders\\|1\\|.*")),
            Map.entry("Queues nobody reads", List.of("invoices\\|1")),
            Map.entry("How far each source has been written", List.of("log\\|topic\\|0\\|7\\|.*")),
            Map.entry("What is still to be deleted", List.of("\\d+\\|all\\|.*")),
            Map.entry("Size and vacuum of the tables", List.of(".*\\|.*\\|\\d+\\|\\d+\\|.*")),
            Map.entry("Transactions that have been open for long", List.of("\\d+\\|.*")));

    @AutoClose
    private static final AdministrationFixture sluice = new AdministrationFixture();

    @BeforeAll
    static void fill() {
        sluice.queues.configure(
                "orders",
                "",
                "",
                QueueOptions.DEFAULTS.toBuilder()
                        .retryDelay(Duration.ofHours(1))
                        .build());
        sluice.push(message("customer-7", "order-1001"));
        sluice.postgres.execute("update sluice.segments set created_at = created_at - interval '10 minutes'");
        sluice.push(message("customer-7", "order-1002"), message("customer-7", "order-1003"));
        sluice.push(
                message("customer-8", "order-1004"),
                message("customer-9", "order-1005"),
                message("customer-9", "order-1006"));
        NewMessage later = NewMessage.builder(UUID.randomUUID(), "orders", "customer-9", "order-2001", new byte[] {'1'})
                .delay(Duration.ofHours(1))
                .build();
        sluice.writer.write(
                List.of(later, Messages.message("invoices", "p", "i", "1"), Messages.message("gone", "p", "g", "1")),
                List.of(new SourceProgress(new SourcePartition("log", "topic", 0), SourceProgress.NONE, 7)));
        sluice.queues.delete("gone");
        sluice.postgres.execute(
                "insert into sluice.parked (queue, partition, message_id, transaction_id, generated_id, payload)"
                        + " values ('orders', 'customer-9', gen_random_uuid(), 'order-3001', false, '1')");

        PopTarget shipping = new PopTarget("orders", null, "shipping");
        sluice.acknowledge("shipping", sluice.pop(shipping, 100), Verdict.COMPLETED);
        sluice.acknowledge("billing", popFrom("customer-9", 1), Verdict.COMPLETED);
        sluice.queue.acknowledge(List.of(ack(popFrom("customer-8", 1), Verdict.FAILED, "bank is closed")));
        sluice.queue.acknowledge(List.of(ack(popFrom("customer-7", 1), Verdict.DLQ, "card refused")));
        assertThat(popFrom("customer-7", 2).messages()).hasSize(2);
    }

    private static NewMessage message(String partition, String transactionId) {
        return NewMessage.builder(
                        UUID.randomUUID(),
                        "orders",
                        partition,
                        transactionId,
                        "{\"customer\": \"ada\"}".getBytes(StandardCharsets.UTF_8))
                .headers(Messages.headers("traceparent", "00-1"))
                .build();
    }

    private static PopResult popFrom(String partition, int batch) {
        return sluice.pop(new PopTarget("orders", partition, "billing"), batch);
    }

    private static Acknowledgement ack(PopResult popped, Verdict verdict, String error) {
        Message message = popped.messages().get(0);
        return new Acknowledgement(
                "billing", message.partitionId(), message.transactionId(), popped.leaseId(), verdict, error);
    }

    @TestFactory
    Stream<DynamicTest> queriesOfTheDocumentationAnswer() {
        List<Block> queries =
                SqlDocumentation.blocks().stream().filter(Block::query).toList();
        assertThat(queries).extracting(Block::heading).containsExactlyInAnyOrderElementsOf(EXPECTED.keySet());
        return queries.stream()
                .map(block -> DynamicTest.dynamicTest(block.heading(), () -> {
                    List<String> rows = sluice.postgres.query(block.sql());
                    List<String> expected = EXPECTED.get(block.heading());
                    assertThat(rows).hasSizeGreaterThanOrEqualTo(expected.size());
                    for (int i = 0; i < expected.size(); i++) {
                        assertThat(rows.get(i)).matches("(?s)" + expected.get(i));
                    }
                }));
    }
}
