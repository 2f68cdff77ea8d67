package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.Statements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a flush claims seqs: it moves the heads before it knows which messages need a seq, and corrects them. */
class HeadClaimTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private QueueWriter writer;

    @BeforeEach
    void open() {
        writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    @AfterEach
    void close() {
        writer.close();
    }

    private List<String> partition(String column) {
        return postgres.query("select " + column + " from sluice.partitions where name = 'p'");
    }

    private static NewMessage delayed(String transactionId, Duration delay) {
        NewMessage plain = message("p", transactionId);
        return NewMessage.builder(plain.id(), "q", "p", transactionId, plain.payload())
                .delay(delay)
                .build();
    }

    @Test
    void duplicatesLeaveTheHeadAndTheTimeOfTheLastPush() {
        writer.write(List.of(message("p", "1"), message("p", "2")), List.of());
        writer.write(List.of(message("p", "2"), message("p", "1")), List.of());
        assertThat(partition("head")).containsExactly("2");
        assertThat(partition("last_push_at = (select max(created_at) from sluice.segments)"))
                .containsExactly("t");
    }

    @Test
    void onlyNewMessagesMoveTheHead() {
        writer.write(List.of(message("p", "1")), List.of());
        writer.write(List.of(message("p", "1"), message("p", "2"), message("p", "2"), message("p", "3")), List.of());
        assertThat(partition("head")).containsExactly("3");
        assertThat(postgres.query("select transaction_id from sluice.messages order by seq"))
                .containsExactly("1", "2", "3");
    }

    @Test
    void scheduledMessagesLeaveAnEmptyPartitionUnchanged() {
        writer.write(List.of(delayed("1", Duration.ofHours(1))), List.of());
        assertThat(partition("head")).containsExactly("0");
        assertThat(partition("last_push_at is null")).containsExactly("t");
        assertThat(partition("scheduled")).containsExactly("1");
    }

    @Test
    void delayedMessagesThatAreDueMoveTheHeadFurtherThanClaimed() {
        writer.write(
                List.of(message("p", "1"), delayed("2", Duration.ZERO), delayed("3", Duration.ofHours(1))), List.of());
        assertThat(partition("head")).containsExactly("2");
        assertThat(partition("last_push_at is null")).containsExactly("f");
        assertThat(partition("scheduled")).containsExactly("1");
    }

    @Test
    void aDuplicateOfAScheduledMessageLeavesAnEmptyPartitionUnchanged() {
        writer.write(List.of(delayed("1", Duration.ofHours(1))), List.of());
        writer.write(List.of(message("p", "1")), List.of());
        assertThat(partition("head")).containsExactly("0");
        assertThat(partition("last_push_at is null")).containsExactly("t");
    }

    /** So two flushes do not deadlock: the server locks rows in the order in which it returns them. */
    @ParameterizedTest
    @CsvSource({"1, 1", "3, 2", "300, 3", "300, 300", "20000, 10000"})
    void takesThePartitionsInOrderOfTheirIdsHoweverManyThereAre(int partitions, int claimed) throws SQLException {
        postgres.execute("insert into sluice.queues (name) values ('q')");
        postgres.execute("insert into sluice.partitions (id, queue_id, name) overriding system value"
                + " select i, 1, 'p' || i from generate_series(" + partitions + ", 1, -1) i");
        postgres.execute("vacuum analyze sluice.partitions");
        Statements statements = Statements.read("head_claim.sql", "sluice");
        Statements.Sql claim = statements.get("claim");
        long[] ids = LongStream.rangeClosed(1, claimed).toArray();
        try (Connection connection = postgres.dataSource().getConnection()) {
            IndexPlans.on(connection);
            List<String> plan = new BoundStatement(
                            connection, new Statements.Sql("explain " + claim.text(), claim.parameters()))
                    .set("partitions", ids)
                    .set("counts", ids)
                    .set("each", (Long) null)
                    .list(row -> row.getString(1));
            assertThat(String.join("\n", plan))
                    .contains("Index Scan using partitions_pkey")
                    .doesNotContain("Seq Scan", "Join", "Loop", "Bitmap", "Backward", "Sort", "partitions_queue_id");
            var returned = new ArrayList<Long>();
            var heads = new ArrayList<Long>();
            new BoundStatement(connection, claim)
                    .set("partitions", ids)
                    .set("counts", ids)
                    .set("each", (Long) null)
                    .forEach(row -> {
                        returned.add(row.getLong("id"));
                        heads.add(row.getLong("head"));
                    });
            List<Long> inOrder = LongStream.of(ids).boxed().toList();
            assertThat(returned).isEqualTo(inOrder);
            assertThat(heads).as("each moved by its own count").isEqualTo(inOrder);
        }
    }

    @Test
    void givesEachPartitionAsManySeqsAsItHasMessages() {
        writer.write(List.of(message("a", "1"), message("b", "1"), message("b", "2")), List.of());
        writer.write(List.of(message("b", "3"), message("a", "2")), List.of());
        writer.write(List.of(message("a", "3"), message("a", "4"), message("b", "4")), List.of());
        assertThat(postgres.query("select name, head from sluice.partitions order by name"))
                .containsExactly("a|4", "b|4");
        assertThat(postgres.query("select partition, transaction_id from sluice.messages order by partition, seq"))
                .containsExactly("a|1", "a|2", "a|3", "a|4", "b|1", "b|2", "b|3", "b|4");
    }

    @Test
    void resetsThePlansOfTheConnection() throws SQLException {
        try (Connection connection = postgres.dataSource().getConnection()) {
            try (var statement = connection.createStatement()) {
                IndexPlans.plannedOnce(connection);
                IndexPlans.off(connection);
                try (var row = statement.executeQuery(
                        "select count(*) from pg_settings where name like 'enable_%' and source = 'session'")) {
                    row.next();
                    assertThat(row.getInt(1)).isZero();
                }
                try (var row = statement.executeQuery("show plan_cache_mode")) {
                    row.next();
                    assertThat(row.getString(1)).isEqualTo("auto");
                }
            }
        }
    }

    @Test
    void theServerPlansTheStatementsOfAFlushOnce() {
        for (int i = 0; i < 20; i++) {
            writer.write(List.of(message("p", "a" + i), message("r" + i % 3, "b" + i)), List.of());
        }
        List<String> plans = writer.session().run("could not read the plans", transaction -> {
            var counts = new ArrayList<String>();
            try (var statement = transaction.connection().createStatement();
                    var row = statement.executeQuery("select generic_plans > 0 and custom_plans = 0"
                            + " from pg_prepared_statements where statement like 'update sluice.partitions p%'")) {
                while (row.next()) {
                    counts.add(row.getString(1));
                }
            }
            return Ending.rollBack(counts);
        });
        assertThat(plans).isNotEmpty().containsOnly("t");
    }
}
