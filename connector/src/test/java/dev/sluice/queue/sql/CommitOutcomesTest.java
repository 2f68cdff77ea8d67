package dev.sluice.queue.sql;

import static dev.sluice.queue.Messages.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.Message;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.StoppablePostgres;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.PopOutcomeUnknownException;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.SourcePartition;
import dev.sluice.queue.write.SourceProgress;
import dev.sluice.queue.write.SourceRefusedException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** The outcomes of commits that PostgreSQL does not confirm: a standby is missing, or the answer is lost. */
@Timeout(120)
class CommitOutcomesTest {
    private static final PopTarget TARGET = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);
    private static final PopRequest FIVE_WITH_AUTO_ACK = new PopRequest(5, 1, true, Subscription.ALL);
    private static final String WAITING =
            "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()";

    private static StoppablePostgres server;
    private String url;
    private HikariDataSource pool;

    @BeforeAll
    static void start(@TempDir Path directory) throws Exception {
        server = StoppablePostgres.start(directory.resolve("server"));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @BeforeEach
    void open() throws SQLException {
        url = server.newDatabase().get("SLUICE_CONNECTION_URL");
        pool = pool(url, 1);
        try (HikariDataSource patient = pool(url, 30)) {
            QueueSchema.apply(patient, "sluice");
        }
        try (var writer = new QueueWriter(pool, QueueWriterConfig.DEFAULTS)) {
            writer.write(run(1, 10), List.of());
        }
    }

    @AfterEach
    void close() throws SQLException {
        standby("");
        pool.close();
    }

    private static HikariDataSource pool(String url, int socketTimeoutSeconds) {
        return pool(url, socketTimeoutSeconds, "");
    }

    private static HikariDataSource pool(String url, int socketTimeoutSeconds, String more) {
        var config = new HikariConfig();
        config.setJdbcUrl(url + "?socketTimeout=" + socketTimeoutSeconds + more);
        config.setUsername("postgres");
        config.setMaximumPoolSize(4);
        config.setMinimumIdle(0);
        config.setConnectionTimeout(2000);
        return new HikariDataSource(config);
    }

    /** Makes commits wait for a standby of that name; empty: commits wait for none. */
    private static void standby(String name) throws SQLException {
        server.execute("alter system set synchronous_standby_names = '" + name + "'");
        server.execute("select pg_reload_conf()");
        await().until(() -> server.query("show synchronous_standby_names").equals(List.of(name)));
    }

    private Queue queue(HikariDataSource source) {
        return new Queue(source, new QueueConfig("sluice"));
    }

    private static List<Long> seqs(List<PopResult> results) {
        return results.get(0).messages().stream().map(Message::seq).toList();
    }

    @Test
    void aCommitThatWaitsForAMissingStandbyHasAnUnknownOutcomeUntilTheStandbyConnects() throws Exception {
        Queue queue = queue(pool);
        standby("nobody");
        var unknown = new AtomicReference<PopOutcomeUnknownException>();
        assertThatThrownBy(() -> queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))
                .isInstanceOfSatisfying(PopOutcomeUnknownException.class, unknown::set);
        assertThat(seqs(unknown.get().results())).containsExactly(1L, 2L, 3L, 4L, 5L);
        assertThat(queue.outcomeOf(unknown.get())).isEqualTo(CommitOutcome.PENDING);
        standby("");
        await().until(() -> queue.outcomeOf(unknown.get()) == CommitOutcome.COMMITTED);
        assertThat(queue.putBack(
                        PopTarget.DEFAULT_GROUP, unknown.get().results().get(0).messages()))
                .isEqualTo(5);
        assertThat(seqs(queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))).containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void aCommitWhoseWaitIsCancelledIsUnknownAlthoughPostgresqlAnswersSuccess() throws Exception {
        try (HikariDataSource patient = pool(url, 30)) {
            Queue queue = queue(patient);
            standby("nobody");
            var popped = CompletableFuture.supplyAsync(() -> queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)));
            await().until(() -> count(WAITING) == 1);
            server.execute("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
            var unknown = new AtomicReference<PopOutcomeUnknownException>();
            assertThatThrownBy(() -> popped.get(30, TimeUnit.SECONDS))
                    .isInstanceOf(ExecutionException.class)
                    .cause()
                    .isInstanceOfSatisfying(PopOutcomeUnknownException.class, unknown::set);
            standby("");
            await().until(() -> queue.outcomeOf(unknown.get()) == CommitOutcome.COMMITTED);
        }
    }

    @Test
    void aStatementTimeoutDoesNotEndTheWaitForAStandby() throws Exception {
        try (HikariDataSource hurried = pool(url, 30, "&options=-c%20statement_timeout=300")) {
            Queue queue = queue(hurried);
            standby("nobody");
            var popped = CompletableFuture.supplyAsync(() -> queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)));
            String longerThanTheTimeout = WAITING + " and clock_timestamp() - state_change > interval '900 ms'";
            await().until(() -> count(longerThanTheTimeout) == 1);
            assertThat(popped).isNotDone();
            standby("");
            assertThat(seqs(popped.get(30, TimeUnit.SECONDS))).hasSize(5);
        }
    }

    @Test
    void aPopWhoseCommitIsAnsweredOverABrokenConnectionGetsItsMessages() {
        try (var proxy = new FaultyProxy(url);
                HikariDataSource flaky = pool(proxy.url(), 10)) {
            Queue queue = queue(flaky);
            proxy.dropNextCommitAnswers(1);
            assertThat(seqs(queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))).containsExactly(1L, 2L, 3L, 4L, 5L);
            assertThat(seqs(queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))).containsExactly(6L, 7L, 8L, 9L, 10L);
        }
    }

    @Test
    void aTransactionWhoseCommitIsAnsweredOverABrokenConnectionReportsItsOutcome() {
        try (var proxy = new FaultyProxy(url);
                HikariDataSource flaky = pool(proxy.url(), 10);
                var executor = new TransactionExecutor(flaky, QueueWriterConfig.DEFAULTS)) {
            assertThat(executor.execute(run(11, 12), List.of()).committed()).isTrue();
            proxy.dropNextCommitAnswers(1);
            assertThat(executor.execute(run(13, 14), List.of()).committed()).isTrue();
            assertThat(executor.execute(run(13, 14), List.of()).committed()).isFalse();
        }
    }

    @Test
    void aClosedGateRollsBackChangesAndLetsReadsPass() {
        var closed = new GatedSource(pool);
        Queue queue = new Queue(closed, new QueueConfig("sluice"));
        assertThat(seqs(queue.pop(new PopTarget("other", null, PopTarget.DEFAULT_GROUP), List.of(FIVE_WITH_AUTO_ACK))))
                .isEmpty();
        assertThatThrownBy(() -> queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))
                .isInstanceOf(QueueException.class)
                .isNotInstanceOf(OutcomeUnknownException.class);
        try (var writer = new QueueWriter(closed, QueueWriterConfig.DEFAULTS)) {
            assertThatThrownBy(() -> writer.write(run(11, 12), List.of()))
                    .isInstanceOf(QueueException.class)
                    .isNotInstanceOf(OutcomeUnknownException.class);
        }
        assertThat(seqs(queue(pool).pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))).startsWith(1L);
        assertThat(count("select max(head) from sluice.partitions")).isEqualTo(10);
    }

    @Test
    void anOffsetIsReportedOnlyAfterAStandbyHasIt() throws Exception {
        var source = new SourcePartition("test", "topic", 0);
        try (HikariDataSource patient = pool(url, 30);
                var writer = new QueueWriter(pool, QueueWriterConfig.DEFAULTS);
                var next = new QueueWriter(patient, QueueWriterConfig.DEFAULTS)) {
            writer.write(run(11, 12), List.of(new SourceProgress(source, SourceProgress.NONE, 2)));
            standby("nobody");
            assertThatThrownBy(() -> writer.write(run(13, 14), List.of(new SourceProgress(source, 2, 4))))
                    .isInstanceOf(OutcomeUnknownException.class);
            // The server stops waiting for the standby: the commit is visible, but the standby does not have it.
            server.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
            await().until(() -> count("select max(next_offset) from sluice.sink_offsets") == 4);
            var read = CompletableFuture.supplyAsync(() -> next.storedOffset(source));
            await().until(() -> count(WAITING) == 1);
            assertThat(read).isNotDone();
            standby("");
            assertThat(read.get(30, TimeUnit.SECONDS)).isEqualTo(OptionalLong.of(4));
        }
    }

    @Test
    void anOffsetIsReportedAndRefusedAlthoughTheAnswerToTheCommitIsLost() {
        var source = new SourcePartition("test", "topic", 0);
        try (var proxy = new FaultyProxy(url);
                HikariDataSource flaky = pool(proxy.url(), 10);
                var writer = new QueueWriter(flaky, QueueWriterConfig.DEFAULTS)) {
            writer.write(run(11, 12), List.of(new SourceProgress(source, SourceProgress.NONE, 2)));
            proxy.dropNextCommitAnswers(1);
            assertThat(writer.storedOffset(source)).hasValue(2);
            proxy.dropNextCommitAnswers(1);
            assertThat(writer.refuse(source, 1, "recreated")).isTrue();
            assertThatThrownBy(() -> writer.storedOffset(source))
                    .isInstanceOf(SourceRefusedException.class)
                    .hasMessage("recreated");
        }
    }

    @Test
    void messagesOfACommitWithoutAnAnswerAreDuplicatesForTheSameWriter() throws Exception {
        try (var writer = new QueueWriter(pool, QueueWriterConfig.DEFAULTS)) {
            writer.write(run(11, 12), List.of()); // Now the writer knows the ids of the partition.
            standby("nobody");
            assertThatThrownBy(() -> writer.write(run(13, 14), List.of())).isInstanceOf(OutcomeUnknownException.class);
            standby("");
            await().until(() -> count("select max(head) from sluice.partitions") == 14);
            assertThat(writer.write(run(13, 15), List.of()))
                    .extracting(outcome -> outcome instanceof PushOutcome.Duplicate)
                    .containsExactly(true, true, false);
            assertThat(count("select max(head) from sluice.partitions")).isEqualTo(15);
        }
    }

    @Test
    void aTaskThatFailsAfterItHasChangedSomethingHasAnUnknownOutcome() {
        Queue queue = queue(pool);
        var gone = new QueueException("could not go on", "08006", null);
        assertThatThrownBy(() -> Effects.of(() -> {
                    queue.pop(new PopTarget("none", null, PopTarget.DEFAULT_GROUP), List.of(FIVE_WITH_AUTO_ACK));
                    throw gone;
                }))
                .isSameAs(gone);
        assertThatThrownBy(() -> Effects.of(() -> {
                    queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK));
                    throw gone;
                }))
                .isInstanceOf(OutcomeUnknownException.class)
                .hasMessageContaining("a part of it is done");
    }

    private long count(String sql) {
        try (var connection = pool.getConnection();
                var statement = connection.createStatement();
                var row = statement.executeQuery(sql)) {
            row.next();
            return row.getLong(1);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A data source whose gate is closed. */
    private static final class GatedSource extends PGSimpleDataSource implements CommitGate {
        private static final long serialVersionUID = 1L;

        GatedSource(HikariDataSource like) {
            setUrl(like.getJdbcUrl());
            setUser(like.getUsername());
        }

        @Override
        public void beforeCommit() {
            throw new QueueException("commits hang", "08001", null);
        }
    }

    @Test
    void messagesThatArePutBackArePoppedAgainUnlessPoppedSince() {
        Queue queue = queue(pool);
        List<PopResult> lost = queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK));
        var two = new PopRequest(2, 1, true, Subscription.ALL);
        assertThat(seqs(queue.pop(TARGET, List.of(two)))).containsExactly(6L, 7L);
        assertThat(queue.putBack(PopTarget.DEFAULT_GROUP, lost.get(0).messages()))
                .isEqualTo(5);
        var ten = new PopRequest(10, 1, true, Subscription.ALL);
        assertThat(seqs(queue.pop(TARGET, List.of(ten)))).containsExactly(1L, 2L, 3L, 4L, 5L, 8L, 9L, 10L);
        assertThat(queue.pop(TARGET, List.of(ten)).get(0).messages()).isEmpty();
    }

    @Test
    void messagesThatArePutBackBehindALeaseComeAfterTheLease() {
        Queue queue = queue(pool);
        List<PopResult> lost = queue.pop(TARGET, List.of(FIVE_WITH_AUTO_ACK));
        PopResult leased = queue.pop(TARGET, List.of(new PopRequest(2, 1, false, Subscription.ALL)))
                .get(0);
        assertThat(queue.putBack(PopTarget.DEFAULT_GROUP, lost.get(0).messages()))
                .isEqualTo(5);
        assertThat(queue.acknowledge(leased.messages().stream()
                        .map(message -> new Acknowledgement(
                                PopTarget.DEFAULT_GROUP,
                                message.partitionId(),
                                message.transactionId(),
                                leased.leaseId(),
                                Acknowledgement.Verdict.COMPLETED,
                                null))
                        .toList()))
                .allMatch(AcknowledgeOutcome::isAccepted);
        try (var connection = pool.getConnection();
                var statement = connection.createStatement()) {
            statement.execute("update sluice.cursors set available_at = now() - interval '1 second'");
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        var ten = new PopRequest(10, 1, true, Subscription.ALL);
        assertThat(seqs(queue.pop(TARGET, List.of(ten)))).containsExactly(1L, 2L, 3L, 4L, 5L, 8L, 9L, 10L);
    }

    /** Makes the server recover from a crash, by killing one of its processes. */
    private void crash() throws SQLException {
        try (var connection = DriverManager.getConnection(url, "postgres", "");
                var statement = connection.createStatement();
                var row = statement.executeQuery("select pg_backend_pid()")) {
            row.next();
            ProcessHandle.of(row.getLong(1)).orElseThrow().destroyForcibly();
            await().until(() -> !connection.isValid(1));
        }
        await().ignoreExceptions().until(() -> server.query("select 1").equals(List.of("1")));
    }

    private TransactionId begun(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute("select pg_current_xact_id()");
        }
        return java.util.Objects.requireNonNull(TransactionId.of(connection));
    }

    private CommitOutcome outcomeOf(TransactionId id) {
        var outcomes = new Outcomes(pool);
        var unknown = new OutcomeUnknownException("could not write", null, id);
        await().until(() -> outcomes.ask(unknown) != CommitOutcome.PENDING);
        return outcomes.ask(unknown);
    }

    @Test
    void aTransactionWhoseIdTheServerReusesAfterACrashIsNotReportedCommitted() throws Exception {
        TransactionId lost;
        try (var connection = DriverManager.getConnection(url, "postgres", "")) {
            server.execute("checkpoint");
            lost = begun(connection);
            crash();
        }
        assertThat(outcomeOf(lost)).isEqualTo(CommitOutcome.ROLLED_BACK);
        await().until(() -> {
            server.execute("select pg_current_xact_id()");
            return server.query("select pg_snapshot_xmin(pg_current_snapshot()) > '" + lost.id() + "'::xid8")
                    .equals(List.of("t"));
        });
        assertThat(server.query("select pg_xact_status('" + lost.id() + "'::xid8)"))
                .containsExactly("committed");
        assertThat(outcomeOf(lost)).isEqualTo(CommitOutcome.LOST);
    }

    @Test
    void aTransactionThatCommittedBeforeACrashIsReportedCommitted() throws Exception {
        TransactionId kept;
        try (var connection = DriverManager.getConnection(url, "postgres", "")) {
            kept = begun(connection);
            connection.createStatement().execute("select pg_logical_emit_message(true, 'test', '')");
            connection.commit();
            crash();
        }
        assertThat(outcomeOf(kept)).isEqualTo(CommitOutcome.COMMITTED);
    }

    @Test
    void theWaitForAnOutcomeIsBounded() throws Exception {
        standby("nobody");
        long start = System.nanoTime();
        assertThatThrownBy(() -> queue(pool).pop(TARGET, List.of(FIVE_WITH_AUTO_ACK)))
                .isInstanceOf(OutcomeUnknownException.class);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
    }
}
