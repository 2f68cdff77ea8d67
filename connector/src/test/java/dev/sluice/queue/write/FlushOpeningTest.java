package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.AnswerCounter;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a flush begins: what one round trip does, and that it does what the statements did one by one. */
class FlushOpeningTest extends WriterFixture {
    private static final PopTarget TARGET = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);

    private static List<NewMessage> toPartitions(int partitions, String transactionId) {
        var messages = new ArrayList<NewMessage>();
        for (int p = 0; p < partitions; p++) {
            messages.add(message("p" + p, transactionId));
        }
        return messages;
    }

    private static SourceProgress move(SourcePartition source, long from, long to) {
        return new SourceProgress(source, from, to);
    }

    /** One to open, two to copy, one to commit; or four more, if the statements of the opening go one by one. */
    @ParameterizedTest
    @CsvSource({"1, 4", "" + FlushOpening.MAX_PARTITIONS + ", 4", "1001, 8"})
    void aFlushToKnownPartitionsWaitsForFewAnswers(int partitions, int waits) {
        try (var counter = new AnswerCounter(postgres.url());
                var pool = new HikariDataSource()) {
            pool.setJdbcUrl(counter.url());
            pool.setUsername("postgres");
            pool.setMaximumPoolSize(1);
            try (var counted = new QueueWriter(pool, QueueWriterConfig.DEFAULTS)) {
                long next = SourceProgress.NONE;
                for (int i = 0; i < 7; i++) {
                    counter.take();
                    counted.write(toPartitions(partitions, "t" + i), List.of(move(SOURCE, next, i + 1)));
                    next = i + 1;
                }
                assertThat(counter.take()).isEqualTo(waits);
            }
        }
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("" + 7 * partitions);
    }

    @Test
    void movesManySourcesInOneRoundTrip() {
        var sources = new ArrayList<SourcePartition>();
        var start = new ArrayList<SourceProgress>();
        var further = new ArrayList<SourceProgress>();
        for (int i = 0; i < 20; i++) {
            sources.add(new SourcePartition("s", "topic", i));
            start.add(move(sources.get(i), SourceProgress.NONE, i));
            further.add(move(sources.get(i), i, 100 + i));
        }
        writer.write(List.of(), start);
        writer.write(List.of(message("p", "1")), further);
        assertThat(postgres.query("select partition, next_offset from sluice.sink_offsets order by partition"))
                .hasSize(20)
                .startsWith("0|100", "1|101")
                .endsWith("19|119");
    }

    @Test
    void namesTheSourceThatHasMovedAndMovesNoneOfTheOthersEvenIfItStandsAtItsNextOffset() {
        var other = new SourcePartition("log", "topic", 1);
        writer.write(List.of(), List.of(move(SOURCE, SourceProgress.NONE, 5), move(other, SourceProgress.NONE, 8)));
        assertThatThrownBy(
                        () -> writer.write(List.of(message("p", "1")), List.of(move(SOURCE, 5, 6), move(other, 7, 8))))
                .isInstanceOfSatisfying(SourceMovedException.class, e -> {
                    assertThat(e.partition()).isEqualTo(other);
                    assertThat(e.storedOffset()).isEqualTo(8);
                });
        assertThat(postgres.query("select next_offset from sluice.sink_offsets order by partition"))
                .containsExactly("5", "8");
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("0");
    }

    /** The cursor is idle in no snapshot from before the lock. */
    @Test
    void wakesACursorThatBecomesIdleWhileTheFlushWaitsForThePartition() throws Exception {
        writer.write(List.of(message("p", "1")), List.of());
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        queue.pop(TARGET, List.of(new PopRequest(10, 1, true, Subscription.ALL)));
        postgres.execute("update sluice.cursors set available_at = now() + interval '1 hour'");
        CompletableFuture<List<PushOutcome>> flush;
        try (Connection reader = postgres.dataSource().getConnection()) {
            reader.setAutoCommit(false);
            try (var statement = reader.createStatement()) {
                statement.execute("select from sluice.partitions for share");
                statement.execute("update sluice.cursors set available_at = null");
            }
            flush = CompletableFuture.supplyAsync(() -> writer.write(List.of(message("p", "2")), List.of()));
            await().until(() -> !postgres.query("select pid from pg_stat_activity"
                            + " where datname = current_database() and wait_event_type = 'Lock'")
                    .isEmpty());
            reader.commit();
        }
        flush.get(60, TimeUnit.SECONDS);
        assertThat(postgres.query("select available_at <= clock_timestamp() from sluice.cursors"))
                .containsExactly("t");
    }

    @Test
    void aCursorThatIsWokenForDuplicatesAloneIsIdleAfterTheNextPop() {
        writer.write(List.of(message("p", "1")), List.of());
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        var pop = List.of(new PopRequest(10, 1, true, Subscription.ALL));
        assertThat(queue.pop(TARGET, pop).get(0).messages()).hasSize(1);
        writer.write(List.of(message("p", "1")), List.of());
        assertThat(queue.pop(TARGET, pop).get(0).messages()).isEmpty();
        assertThat(postgres.query("select available_at is null from sluice.cursors"))
                .containsExactly("t");
    }

    @Test
    void appliesTheOptionsOfTheQueueThatReplacedOneOfTheSameName() {
        writer.write(List.of(message("p", "1")), List.of());
        postgres.execute("delete from sluice.segments; delete from sluice.cursors; delete from sluice.partitions;"
                + " delete from sluice.queues; insert into sluice.queues (name, dedup_window_ms) values ('q', 0)");
        for (int i = 0; i < 2; i++) {
            assertThat(writer.write(List.of(message("p", "1")), List.of()))
                    .hasOnlyElementsOfType(PushOutcome.Queued.class);
        }
    }
}
