package dev.sluice.queue.sql;

import static dev.sluice.queue.Messages.message;
import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SeekTarget;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.sql.SqlDocumentation.Block;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** A role with exactly the grants of {@code docs/sql.md} can do everything, in a schema of any name. */
class RestrictedRoleTest {
    private static final String SCHEMA = "my $1 \"queue\"";

    private final String suffix = "_" + UUID.randomUUID().toString().replace("-", "");

    @AutoClose
    private final TestPostgres postgres = emptyDatabase();

    private PGSimpleDataSource application;

    @BeforeEach
    void open() {
        QueueSchema.apply(postgres.dataSource(), SCHEMA);
        postgres.execute("revoke create on schema public from public");
        for (Block block : SqlDocumentation.blocks()) {
            if (!block.query()) {
                grant(block.sql());
            }
        }
        application = as("sluice_app");
    }

    TestPostgres emptyDatabase() {
        return TestPostgres.empty();
    }

    @AfterEach
    void close() {
        postgres.execute("drop owned by sluice_app" + suffix + "; drop role sluice_app" + suffix);
        postgres.execute("drop owned by sluice_reader" + suffix + "; drop role sluice_reader" + suffix);
    }

    private void grant(String sql) {
        String role = sql.contains("sluice_app") ? "sluice_app" : "sluice_reader";
        postgres.execute("create role " + role + suffix + " login");
        String schema = "schema \"" + SCHEMA.replace("\"", "\"\"") + "\"";
        postgres.execute(sql.replace("schema sluice", schema).replace(role, role + suffix));
    }

    private PGSimpleDataSource as(String role) {
        var dataSource = new PGSimpleDataSource();
        dataSource.setUrl(postgres.url());
        dataSource.setUser(role + suffix);
        return dataSource;
    }

    private void execute(PGSimpleDataSource dataSource, String sql) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(Statements.inSchema(sql, SCHEMA));
        }
    }

    @Test
    void mayNotCreateAnything() {
        for (String sql : new String[] {
            "create table sluice.mine (id integer)", "create schema mine", "create table public.mine (id integer)"
        }) {
            assertThatThrownBy(() -> execute(application, sql))
                    .isInstanceOfSatisfying(
                            SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("42501"));
        }
    }

    @Test
    void mayVerifyTheSchemaAndApplyNothing() {
        QueueSchema.verify(application, SCHEMA);
        QueueSchema.apply(application, SCHEMA);
    }

    @Test
    void mayPushPopAndAcknowledge() {
        var queue = new Queue(application, new QueueConfig(SCHEMA));
        var source = new SourcePartition("log", "topic", 0);
        try (var writer = new QueueWriter(application, new QueueWriterConfig(SCHEMA, Duration.ofHours(1), 1000))) {
            writer.write(run(1, 3), List.of(new SourceProgress(source, SourceProgress.NONE, 3)));
            writer.write(List.of(later("t4")), List.of(new SourceProgress(source, 3, 4)));
            assertThat(writer.storedOffset(source)).hasValue(4);
            writer.releaseDue(10);
        }
        PopResult popped = pop(queue);
        assertThat(popped.messages()).hasSize(3);
        assertThat(queue.extend(popped.leaseId(), Duration.ofMinutes(10))).isPresent();
        assertThat(acknowledge(queue, popped, Verdict.DLQ)).allMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
    }

    @Test
    void mayAdministrate() {
        var queues = new Queues(application, SCHEMA);
        var groups = new ConsumerGroups(application, SCHEMA);
        var letters = new DeadLetters(application, SCHEMA, PayloadCipher.NONE);
        var retention = new Retention(application, SCHEMA);
        var queue = new Queue(application, new QueueConfig(SCHEMA));
        queues.configure(
                "q",
                "",
                "",
                QueueOptions.DEFAULTS.toBuilder()
                        .priority(20)
                        .ttl(Duration.ofHours(1))
                        .build());
        try (var writer = new QueueWriter(application, new QueueWriterConfig(SCHEMA, Duration.ofHours(1), 1000))) {
            writer.write(run(1, 3), List.of());
            writer.write(List.of(later("t4"), message("other", "t5")), List.of());
        }
        acknowledge(queue, pop(queue), Verdict.DLQ);
        queues.configure(
                "q", "", "", QueueOptions.DEFAULTS.toBuilder().priority(0).build());
        assertThat(groups.list(null, null)).hasSize(1);
        assertThat(groups.partitions("g", null, 100)).hasSize(3);
        assertThat(groups.lagging(Duration.ZERO, 10, null)).isNotEmpty();
        for (SeekTarget target :
                List.of(new SeekTarget.Beginning(), new SeekTarget.End(), new SeekTarget.After(Instant.EPOCH))) {
            assertThat(groups.seek("g", "q", null, target)).isEqualTo(3);
        }
        groups.changeSubscription("g", Instant.EPOCH);
        long partition = queues.findPartition("q", "p").orElseThrow();
        assertThat(queues.deleteMessage(partition, "t1")).isTrue();
        assertThat(queues.deleteMessage(partition, "t4")).isTrue();
        assertThat(letters.list(DeadLetterFilter.ALL, 10, 0, null).total()).isPositive();
        letters.purge(DeadLetterFilter.ALL);
        queues.clear("q", null);
        queues.deletePartition("q", "other");
        groups.delete("g", null);
        assertThat(retention.sweep().complete()).isTrue();
        assertThat(queues.delete("q")).isTrue();
        assertThat(retention.sweep().complete()).isTrue();
        assertThat(queues.findPartition("q", "p")).isEmpty();
    }

    @Test
    void mayOnlyReadIfItIsAReader() throws SQLException {
        PGSimpleDataSource reader = as("sluice_reader");
        for (Block block : SqlDocumentation.blocks()) {
            if (block.query()) {
                execute(reader, block.sql());
            }
        }
        assertThatThrownBy(() -> execute(reader, "delete from sluice.queues")).isInstanceOf(SQLException.class);
    }

    @Test
    void isToldWhatToDoIfTheSchemaIsMissing() {
        assertThatThrownBy(() -> QueueSchema.verify(application, "absent"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("schema.apply=true");
    }

    private static PopResult pop(Queue queue) {
        return queue.pop(new PopTarget("q", "p", "g"), List.of(new PopRequest(10, 1, false, Subscription.ALL)))
                .get(0);
    }

    private static List<AcknowledgeOutcome> acknowledge(Queue queue, PopResult popped, Verdict verdict) {
        return queue.acknowledge(popped.messages().stream()
                .map(message -> new Acknowledgement(
                        "g", message.partitionId(), message.transactionId(), popped.leaseId(), verdict, "broken"))
                .toList());
    }

    private static NewMessage later(String transactionId) {
        return NewMessage.builder(UUID.randomUUID(), "q", "p", transactionId, new byte[] {'1'})
                .delay(Duration.ofHours(1))
                .build();
    }
}
