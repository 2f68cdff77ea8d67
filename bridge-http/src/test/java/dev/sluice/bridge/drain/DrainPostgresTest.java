package dev.sluice.bridge.drain;

import static dev.sluice.bridge.drain.PositionIntervals.withPositionInterval;
import static dev.sluice.bridge.ingest.Durability.BUFFERED;
import static dev.sluice.bridge.ingest.Durability.STORED;
import static dev.sluice.bridge.ingest.IngestFixture.copy;
import static dev.sluice.bridge.ingest.IngestFixture.ids;
import static dev.sluice.bridge.ingest.IngestFixture.message;
import static dev.sluice.bridge.ingest.IngestFixture.messages;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.drain.DrainStatus.State;
import dev.sluice.bridge.ingest.IngestFixture;
import dev.sluice.bridge.ingest.IngestFixture.Setup;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The drain with its real sink task into a real PostgreSQL. Unless a test says otherwise, no transaction id is
 * remembered: a message is stored once because of the offsets.
 */
class DrainPostgresTest {
    @TempDir
    private Path directory;

    private final TestPostgres postgres = TestPostgres.withSchema();

    @AfterEach
    void close() {
        postgres.close();
    }

    private IngestFixture ingest(Path at) {
        return new IngestFixture(setup(at), QueueSinkTask::new);
    }

    private Setup setup(Path at) {
        return setup(at, 0);
    }

    private Setup setup(Path at, long dedupWindowMs) {
        return Setup.at(at)
                .withTask(Map.of(
                        QueueSinkConfig.CONNECTION_URL,
                        postgres.url(),
                        QueueSinkConfig.CONNECTION_USER,
                        "postgres",
                        QueueSinkConfig.RETRY_BACKOFF_MS,
                        "1",
                        QueueSinkConfig.DEDUP_WINDOW_MS,
                        Long.toString(dedupWindowMs)));
    }

    /** Restores the database to a state in which it has only the first messages of the partition and the source. */
    private void restore(long messages) {
        postgres.execute("delete from sluice.segments where first_seq > " + messages);
        postgres.execute("update sluice.partitions set head = " + messages);
        setOffset(messages);
    }

    /** Restores the database to its state before the first flush. */
    private void restoreEmpty() {
        postgres.execute("delete from sluice.segments");
        postgres.execute("update sluice.partitions set head = 0");
        postgres.execute("delete from sluice.sink_offsets");
    }

    private List<String> stored() {
        return postgres.query("select transaction_id from sluice.messages order by partition_id, seq");
    }

    private void setOffset(long offset) {
        postgres.execute("update sluice.sink_offsets set next_offset = " + offset);
    }

    @Test
    void storesMessagesInOrderAndAnswersWithTheirPartition() {
        try (var ingest = new IngestFixture(setup(directory, 60_000), QueueSinkTask::new).start()) {
            List<PushResult> results = ingest.pushed(STORED, messages("p", 0, 500));
            assertThat(results).hasOnlyElementsOfType(PushResult.Queued.class);
            assertThat(stored()).isEqualTo(ids("p", 0, 500));
            assertThat(ingest.pushed(STORED, message("p", "p-7"))).hasOnlyElementsOfType(PushResult.Duplicate.class);
        }
    }

    @Test
    void goesOnAfterItsConnectionWasKilled() {
        try (IngestFixture ingest = ingest(directory).start()) {
            for (int i = 0; i < 200; i += 10) {
                postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                        + " where application_name like 'sluice sink%'");
                ingest.pushed(STORED, messages("p", i, i + 10));
            }
            ingest.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 200));
        }
    }

    @Test
    void stopsAndSaysSoWhenACopyOfItsDirectoryIsInUse(@TempDir Path other) throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            copy(directory, other);
            ingest.pushed(STORED, messages("p", 10, 20));
            setOffset(35); // As if the copy had pushed 15 more under the same name.
            assertThat(ingest.pushed(STORED, messages("p", 20, 30))).hasOnlyElementsOfType(PushResult.Buffered.class);
            ingest.awaitState(State.SOURCE_TAKEN);
            assertThat(ingest.drain.status().undrained()).isEqualTo(10);
            assertThat(stored()).isEqualTo(ids("p", 0, 20));
        }
    }

    @Test
    void repeatsWhatIsStillInTheLogWhenAFailoverLostTransactions() {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            ingest.pushed(STORED, messages("p", 10, 20));
            restore(10);
            ingest.pushed(BUFFERED, messages("p", 20, 30));
            ingest.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 30));
            assertThat(ingest.isHealthy()).isTrue();
        }
    }

    @Test
    void repeatsAllTheLogStillHasWhenAFailoverWentBackToBeforeTheFirstFlush() {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            ingest.pushed(STORED, messages("p", 10, 20));
            restoreEmpty();
            ingest.pushed(BUFFERED, messages("p", 20, 30));
            ingest.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 30));
            assertThat(ingest.isHealthy()).isTrue();
        }
    }

    @Test
    void repeatsThisEpochWhenAFailoverWentBackToAnOlderOneThatTheLogHasNotAnyMore(@TempDir Path other)
            throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            ingest.pushed(STORED, messages("p", 10, 20));
            copy(directory, other);
        }
        try (IngestFixture again = ingest(other).start()) {
            again.pushed(BUFFERED, messages("p", 20, 30));
            again.awaitDrained();
            assertThat(epochs()).hasSize(2);
            postgres.execute("delete from sluice.sink_offsets where topic like '%-2'");
            restore(10);
            again.pushed(BUFFERED, messages("p", 30, 40));
            again.awaitDrained();
            assertThat(stored())
                    .isEqualTo(Stream.concat(ids("p", 0, 10).stream(), ids("p", 20, 40).stream())
                            .toList());
        }
    }

    private List<String> epochs() {
        return postgres.query("select topic from sluice.sink_offsets order by topic");
    }

    @Test
    void repeatsWhatABackupLacksAlsoOfTheEpochBefore(@TempDir Path other) throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            ingest.pushed(STORED, messages("p", 10, 20));
            ingest.awaitDrained();
            await().until(() -> position(directory) == 20);
            copy(directory, other); // Killed.
        }
        restore(10);
        try (IngestFixture again = ingest(other).start()) {
            again.pushed(STORED, messages("p", 20, 30));
            again.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 30));
            assertThat(epochs()).hasSize(2);
        }
    }

    @Test
    void repeatsAllTheLogStillHasIntoADatabaseThatBeginsAnew(@TempDir Path other) throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 20));
            await().until(() -> position(directory) == 20);
            copy(directory, other); // Killed; a clean stop deletes committed entries.
        }
        restoreEmpty();
        try (IngestFixture again = ingest(other).start()) {
            again.pushed(BUFFERED, messages("p", 20, 30));
            again.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 30));
        }
    }

    @Test
    void deletesNothingFromTheLogBeforeTheDatabaseHasSaidThatItHasIt(@TempDir Path other) throws Exception {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            ingest.pushed(STORED, messages("p", 10, 20));
            ingest.awaitDrained();
            await().until(() -> position(directory) == 20);
            copy(directory, other);
        }
        restore(10);
        Setup eager =
                setup(other).withLog(withPositionInterval(SegmentLogConfig.defaults(other), Duration.ofMillis(1)));
        try (var again = new IngestFixture(eager, QueueSinkTask::new)) {
            await().during(Duration.ofMillis(100))
                    .until(() -> again.lanes.status().get(0).segments() == 1);
            again.start().pushed(STORED, messages("p", 20, 30));
            assertThat(stored()).isEqualTo(ids("p", 0, 30));
            again.pushed(STORED, messages("p", 30, 40));
            await().until(() -> again.lanes.status().get(0).segments() == 1);
        }
    }

    @Test
    void storesWhatIsNewAfterAPowerCutTookWhatWasStoredFromTheLog(@TempDir Path other) throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            copy(directory, other); // The synced entries; only PostgreSQL has the rest.
            ingest.pushed(STORED, messages("p", 10, 30));
            ingest.awaitDrained();
            await().until(() -> position(directory) == 30);
            Files.copy(positionFile(directory), positionFile(other), StandardCopyOption.REPLACE_EXISTING);
        }
        try (IngestFixture again = ingest(other).start()) {
            assertThat(again.pushed(STORED, messages("p", 30, 40))).hasOnlyElementsOfType(PushResult.Queued.class);
            again.awaitDrained();
            assertThat(stored()).isEqualTo(ids("p", 0, 40));
            assertThat(again.isHealthy()).isTrue();
        }
    }

    @Test
    void storesWhatIsNewAfterAPowerCutTookAlsoTheLogsPosition(@TempDir Path other) throws IOException {
        try (IngestFixture ingest = ingest(directory).start()) {
            ingest.pushed(STORED, messages("p", 0, 10));
            copy(directory, other);
            ingest.pushed(STORED, messages("p", 10, 30));
        }
        try (IngestFixture again = ingest(other).start()) {
            again.awaitDrained();
            assertThat(again.pushed(STORED, messages("p", 30, 40))).hasOnlyElementsOfType(PushResult.Queued.class);
            assertThat(stored()).isEqualTo(ids("p", 0, 40));
        }
    }

    @Test
    void staysStoppedAfterARestartUntilSomebodyHasDecidedWhoseSourceItIs(@TempDir Path other) throws IOException {
        Path mark = other.resolve("generation-1/lane-0.source-taken");
        try (IngestFixture ingest = ingest(directory)) {
            ingest.pushed(BUFFERED, messages("p", 0, 10));
        }
        copy(directory, other); // Closed cleanly: both copies continue in the same epoch.
        try (IngestFixture copied = ingest(other).start();
                IngestFixture original = ingest(directory).start()) {
            copied.awaitDrained();
            original.awaitDrained();
            original.pushed(STORED, messages("p", 10, 25));
            assertThat(copied.pushed(STORED, messages("q", 0, 30))).hasOnlyElementsOfType(PushResult.Buffered.class);
            copied.awaitState(State.SOURCE_TAKEN);
            assertThat(mark).content().contains("from offset 10 to 25", "from offset 10 on", "sluice buffer export");
        }
        try (IngestFixture restarted = ingest(other).start()) {
            restarted.awaitState(State.SOURCE_TAKEN);
            assertThat(restarted.pushed(STORED, messages("q", 30, 40)))
                    .hasOnlyElementsOfType(PushResult.Buffered.class);
            assertThat(restarted.drain.status().undrained()).isEqualTo(40);
            assertThat(restarted.drain.status().lanes().get(0).lastError())
                    .hasValueSatisfying(error -> assertThat(error).contains(mark.toString()));
            assertThat(stored()).isEqualTo(ids("p", 0, 25));
        }
        Files.delete(mark);
        try (IngestFixture decided = ingest(other).start()) {
            decided.awaitDrained();
            assertThat(stored())
                    .isEqualTo(Stream.concat(ids("p", 0, 25).stream(), ids("q", 15, 40).stream())
                            .toList());
        }
    }

    private static Path positionFile(Path at) {
        return at.resolve("generation-1/lane-0/position");
    }

    /** Returns the committed position after a power cut at this moment. */
    private static long position(Path at) throws IOException {
        return ByteBuffer.wrap(Files.readAllBytes(positionFile(at))).getLong(40);
    }

    @Test
    void takesNoOffenceAtALateCommitOfTheProcessBeforeIt() {
        try (IngestFixture before = ingest(directory)) {
            before.pushed(BUFFERED, messages("p", 0, 30));
        }
        // The process before has been killed; the server finishes its last transaction after the new one has opened.
        var late = new Runnable() {
            private boolean done;

            @Override
            public void run() {
                if (!done) {
                    done = true;
                    postgres.execute("update sluice.sink_offsets set next_offset = 20");
                }
            }
        };
        Setup setup = setup(directory).withBatch(10);
        try (var ingest =
                new IngestFixture(setup, observer -> new Interrupted(new QueueSinkTask(observer), late)).start()) {
            ingest.awaitDrained();
            assertThat(stored())
                    .isEqualTo(Stream.concat(ids("p", 0, 10).stream(), ids("p", 20, 30).stream())
                            .toList());
            assertThat(ingest.isHealthy()).isTrue();
            assertThat(ingest.drain.status().lanes().get(0).skipped()).isEqualTo(10);
        }
    }

    @Test
    void keepsWhatPostgresqlRefusesWithTheReason() {
        try (IngestFixture ingest = ingest(directory).start()) {
            var poison = NewMessage.builder(UUID.randomUUID(), "orders", "p", "poison", "1".getBytes(UTF_8))
                    .producerSub("a\u0000b")
                    .build();
            List<PushResult> results = ingest.pushed(STORED, message("p", "t-1"), poison, message("p", "t-2"));
            assertThat(results.get(0)).isInstanceOf(PushResult.Queued.class);
            assertThat(results.get(1))
                    .isInstanceOfSatisfying(
                            PushResult.Failed.class,
                            failed -> assertThat(failed.error()).contains("0x00"));
            assertThat(results.get(2)).isInstanceOf(PushResult.Queued.class);
            assertThat(stored()).containsExactly("t-1", "t-2");
            assertThat(ingest.failed.count()).isEqualTo(1);
        }
        try (IngestFixture again = ingest(directory)) {
            assertThat(again.failed.count()).isEqualTo(1);
        }
    }

    /** A task that runs an action after its first {@code put}. */
    private static final class Interrupted extends SinkTask {
        private final SinkTask task;
        private final Runnable happening;
        private boolean writing;

        Interrupted(SinkTask task, Runnable happening) {
            this.task = task;
            this.happening = happening;
        }

        @Override
        public String version() {
            return task.version();
        }

        @Override
        public void initialize(SinkTaskContext context) {
            task.initialize(context);
        }

        @Override
        public void start(Map<String, String> props) {
            task.start(props);
        }

        @Override
        public void open(Collection<TopicPartition> partitions) {
            task.open(partitions);
        }

        @Override
        public void put(Collection<SinkRecord> records) {
            if (writing) {
                happening.run();
            }
            writing = true;
            task.put(records);
        }

        @Override
        public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> current) {
            return task.preCommit(current);
        }

        @Override
        public void close(Collection<TopicPartition> partitions) {
            task.close(partitions);
        }

        @Override
        public void stop() {
            task.stop();
        }
    }
}
