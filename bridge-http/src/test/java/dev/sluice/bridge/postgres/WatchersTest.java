package dev.sluice.bridge.postgres;

import static org.awaitility.Awaitility.await;

import dev.sluice.queue.sql.WriteTest;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** No exception ends the threads that watch the database. */
@Timeout(60)
class WatchersTest {
    /** Counts its calls, and throws at the first one. */
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
