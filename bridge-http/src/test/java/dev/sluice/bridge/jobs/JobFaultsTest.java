package dev.sluice.bridge.jobs;

import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.postgres.FakeSource;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SharedSwitches;
import dev.sluice.queue.index.IdIndexWriter;
import dev.sluice.queue.letters.DeadLetterJobRunner;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.letters.ErrorGroups;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WakeUps;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** No exception ends a job. */
@Timeout(60)
class JobFaultsTest {
    private static FakeSource withoutMemory() {
        return new FakeSource(new OutOfMemoryError("no memory for a connection"), null);
    }

    @Test
    void theReleaseOfScheduledMessagesGoesOn() throws Exception {
        var source = new FakeSource(new OutOfMemoryError("no memory for a connection"), null);
        try (var due = new ScheduledRelease(new QueueWriter(source, QueueWriterConfig.DEFAULTS), queues -> {})) {
            due.start();
            await().until(() -> source.asked.get() >= 3);
        }
    }

    @Test
    void theSweepsGoOn() {
        FakeSource source = withoutMemory();
        var retention = new Retention(source, "sluice");
        try (var housekeeping = new Housekeeping(
                retention,
                new MinuteCounters(source, "sluice"),
                new Traces(source, "sluice", PayloadCipher.NONE),
                1,
                Duration.ofMillis(10))) {
            housekeeping.start();
            await().until(() -> source.asked.get() >= 3);
        }
    }

    @Test
    void theIndexingOfTransactionIdsGoesOn() {
        FakeSource source = withoutMemory();
        try (var indexing = new IdIndexing(new IdIndexWriter(source, "sluice"), Duration.ofMillis(10))) {
            indexing.start();
            await().until(() -> source.asked.get() >= 3);
        }
    }

    @Test
    void theJobsOnDeadLettersGoOn() {
        FakeSource source = withoutMemory();
        var letters = new DeadLetters(source, "sluice", PayloadCipher.NONE);
        var jobs = new DeadLetterJobs(source, "sluice", letters);
        var runner =
                new DeadLetterJobRunner(jobs, letters, new Redrive(source, QueueWriterConfig.DEFAULTS), queues -> {});
        try (var runs = new DeadLetterRuns(runner, jobs, new ErrorGroups(source, "sluice"), Duration.ofDays(1))) {
            runs.start();
            await().until(() -> source.asked.get() >= 3);
        }
    }

    @Test
    void theReadingOfSwitchesGoesOn() {
        FakeSource source = withoutMemory();
        try (var maintenance = new Maintenance(new SharedSwitches(source, "sluice"), () -> {})) {
            maintenance.start(hold -> {}, () -> {});
            await().until(() -> source.asked.get() >= 3);
        }
    }

    @Test
    void listeningToOtherProcessesGoesOn() {
        FakeSource source = withoutMemory();
        try (var wakeUps = new WakeUps(source, "sluice", queue -> {})) {
            wakeUps.start();
            await().until(() -> source.asked.get() >= 2);
        }
    }

    @Test
    void aScheduledMessageThatCannotBeReleasedDoesNotHoldParkedOnes() throws Exception {
        try (var postgres = TestPostgres.withSchema();
                var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            var secret = NewMessage.builder(UUID.randomUUID(), "secret", "p", "t", "1".getBytes(StandardCharsets.UTF_8))
                    .delay(Duration.ofHours(1))
                    .build();
            writer.write(List.of(secret), List.of());
            postgres.execute("update sluice.scheduled set due_at = now()");
            postgres.execute("update sluice.queues set encryption_enabled = true"); // And this writer has no key.
            postgres.execute(
                    "insert into sluice.parked (queue, partition, message_id, transaction_id, generated_id, payload)"
                            + " values ('q', 'p', gen_random_uuid(), 'parked', false, '1')");
            try (var due = new ScheduledRelease(writer, queues -> {})) {
                due.start();
                await().until(() -> postgres.query("select transaction_id from sluice.messages where queue = 'q'")
                        .equals(List.of("parked")));
            }
        }
    }
}
