package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TwoBridgesTest {
    @TempDir
    private Path directory;

    @Test
    void onOneDatabaseWakeEachOthersConsumers() throws Exception {
        // So rarely that a poll cannot bring the message.
        Map<String, String> seldom = Map.of("pop.poll.interval.ms", "3600000");
        var pool = Executors.newSingleThreadExecutor();
        try (var postgres = TestPostgres.empty();
                var a = RunningBridge.start(postgres.url(), directory.resolve("a"), seldom);
                var b = RunningBridge.start(postgres.url(), directory.resolve("b"), seldom)) {
            await().until(() -> postgres.query(
                            "select count(*) from pg_stat_activity where query like 'listen %' and datname = current_database()")
                    .equals(java.util.List.of("2")));
            a.push("{\"items\":[{\"queue\":\"q\",\"payload\":0}]}");
            assertThat(b.get("/api/v1/pop/queue/q?autoAck=true").body()).contains("\"data\":0");
            var parked = pool.submit(() -> b.get("/api/v1/pop/queue/q?wait=true&timeout=100000&autoAck=true"));
            b.awaitParked(1);
            a.push("{\"items\":[{\"queue\":\"q\",\"payload\":1}]}");
            assertThat(parked.get().body()).contains("\"data\":1");
        } finally {
            pool.shutdownNow();
        }
    }
}
