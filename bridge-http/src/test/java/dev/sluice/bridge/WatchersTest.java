package dev.sluice.bridge;

import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.jobs.Housekeeping;
import dev.sluice.bridge.jobs.Maintenance;
import dev.sluice.bridge.jobs.ScheduledRelease;
import dev.sluice.bridge.postgres.ConnectionSource;
import dev.sluice.bridge.postgres.DatabaseWatch;
import dev.sluice.bridge.postgres.Pool;
import dev.sluice.bridge.postgres.WriteProbe;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SharedSwitches;
import dev.sluice.queue.sql.WriteTest;
import dev.sluice.queue.view.MinuteCounters;
import dev.sluice.queue.view.Traces;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WakeUps;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Threads that look after the database go on, whatever is thrown on them. */
@Timeout(60)
class WatchersTest {
    /** Gives connections that do nothing, or throws. */
    private static final class FakeSource extends ConnectionSource {
        final AtomicInteger asked = new AtomicInteger();
        private final @Nullable Error error;
        private final @Nullable SQLException exception;

        FakeSource(@Nullable Error error, @Nullable SQLException exception) {
            this.error = error;
            this.exception = exception;
        }

        @Override
        public Connection getConnection() throws SQLException {
            asked.incrementAndGet();
            if (error != null) {
                throw error;
            }
            if (exception != null) {
                throw exception;
            }
            return (Connection) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, given) -> null);
        }
    }

    /** Counts what it is told, and throws the first time. */
    private static final class Throwing implements DatabaseWatch.Listener {
        final AtomicInteger again = new AtomicInteger();
        final AtomicInteger answered = new AtomicInteger();

        @Override
        public void answersAgain() {
            if (again.incrementAndGet() == 1) {
                throw new IllegalStateException("a listener failed");
            }
        }

        @Override
        public void answered(Connection connection) {
            answered.incrementAndGet();
        }

        @Override
        public void refused(SQLException reason) {
            throw new AssertionError(reason);
        }
    }

    @Test
    void theWatchGoesOnAndTellsAgainWhatCouldNotBeTold() {
        var listener = new Throwing();
        var questions = new AtomicInteger();
        DatabaseWatch.Probe probe = connection -> {
            switch (questions.incrementAndGet()) {
                case 1 -> throw new IllegalStateException("a question failed");
                case 2 -> throw new OutOfMemoryError("no memory for a question");
                default -> {}
            }
        };
        try (var watch = new DatabaseWatch(new FakeSource(null, null), probe, listener)) {
            watch.start();
            await().until(() -> listener.again.get() == 2 && listener.answered.get() > 0);
            await().until(watch::isConnected);
        }
    }

    @Test
    void theProbeGoesOnAndTellsAgainWhatCouldNotBeTold() {
        var asked = new AtomicInteger();
        var told = new AtomicInteger();
        var source = new FakeSource(null, new SQLException("cannot write in a read-only transaction", "25006"));
        try (var probe = new WriteProbe(source, new WriteTest("sluice"), () -> {
            if (asked.incrementAndGet() == 1) {
                throw new IllegalStateException("a question failed");
            }
            return true;
        })) {
            probe.start(takesWrites -> {
                if (told.incrementAndGet() == 1) {
                    throw new IllegalStateException("a listener failed");
                }
            });
            await().until(() -> told.get() == 2);
        }
    }

    @Test
    void theReleaseOfScheduledMessagesGoesOn() throws Exception {
        var source = new FakeSource(new OutOfMemoryError("no memory for a connection"), null);
        try (var due = new ScheduledRelease(new QueueWriter(source, QueueWriterConfig.DEFAULTS), queues -> {})) {
            due.start();
            await().until(() -> source.asked.get() >= 3);
        }
    }

    private static FakeSource withoutMemory() {
        return new FakeSource(new OutOfMemoryError("no memory for a connection"), null);
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

    @Test
    void aRequestDoesNotWaitForEverForAPoolThatIsReplacedAgainAndAgain() throws Exception {
        var source = new FakeSource(null, new SQLException("no", "08001"));
        var ended = new CompletableFuture<Void>();
        try (var pool = new Pool("sluice-test", source, 1, (which, reason) -> {})) {
            var request = new Thread(() -> {
                try (Connection unexpected = pool.getConnection()) {
                    ended.completeExceptionally(new AssertionError(unexpected));
                } catch (SQLException e) {
                    ended.complete(null);
                }
            });
            request.setDaemon(true);
            request.start();
            await().pollInterval(Duration.ofMillis(500))
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> {
                        pool.replace(1, true, Runnable::run);
                        return ended.isDone();
                    });
            ended.join();
        }
    }
}
