package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.StoppablePostgres;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EndToEndTest {
    private static final List<String> GROUPS = List.of("billing", "audit");
    private static final Duration LIMIT = Duration.ofSeconds(200);
    private static final String WRITTEN_TWICE =
            "select queue, partition, transaction_id from sluice.messages" + " group by 1, 2, 3 having count(*) > 1";

    @TempDir
    private Path directory;

    /**
     * Without the memory of transaction ids, so that nothing but the offsets keeps a replay from being written twice.
     */
    private static Map<String, String> withoutDedup(Map<String, String> environment) {
        var all = new HashMap<>(environment);
        all.put("SLUICE_DEDUP_WINDOW_MS", "0");
        return all;
    }

    private static Map<String, String> on(TestPostgres postgres) {
        return Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres");
    }

    @Test
    void everyGroupGetsEveryMessageOnceInOrderByteForByte() throws Exception {
        try (var postgres = TestPostgres.empty();
                var bridge = BridgeProcess.start(directory.resolve("data"), on(postgres))) {
            var workload = new Workload(50, 100, 4, 1);
            workload.push(bridge.client(), Duration.ZERO);
            assertThat(workload.answeredMessages()).isEqualTo(10_000);
            for (String group : GROUPS) {
                workload.checkDelivered(group, workload.consume(bridge.client(), group, 4, LIMIT), true);
            }
            assertThat(postgres.query("select count(*) from sluice.cursors where available_at is not null"))
                    .as("cursors with something left")
                    .containsExactly("0");
        }
    }

    @Test
    void anOutageOfPostgresqlDelaysNobodyAndLosesNothing() throws Exception {
        try (var postgres = StoppablePostgres.start(directory.resolve("postgres"));
                var bridge = BridgeProcess.start(directory.resolve("data"), postgres.environment())) {
            var workload = new Workload(50, 100, 4, 2);
            var pool = Executors.newSingleThreadExecutor();
            try {
                var pushed = pool.submit(() -> {
                    workload.push(bridge.client(), Duration.ofMillis(150));
                    return null;
                });
                awaitAnswered(workload, 1_000);
                postgres.stop();
                int before = workload.answeredMessages();
                Thread.sleep(5_000);
                awaitAnswered(workload, Math.min(before + 100, workload.messages()));
                postgres.restart();
                pushed.get();
            } finally {
                pool.shutdownNow();
            }
            assertThat(workload.statuses()).containsKeys("queued", "buffered").doesNotContainKey("failed");
            assertThat(workload.answeredMessages()).isEqualTo(10_000);
            assertThat(workload.slowestPush()).isLessThan(Duration.ofSeconds(20));
            awaitDrained(bridge);
            for (String group : GROUPS) {
                workload.checkDelivered(group, workload.consume(bridge.client(), group, 4, LIMIT), true);
            }
        }
    }

    @Test
    void aKilledPostgresqlLosesNothingAndWritesNothingTwice() throws Exception {
        try (var postgres = StoppablePostgres.start(directory.resolve("postgres"));
                var bridge = BridgeProcess.start(directory.resolve("data"), withoutDedup(postgres.environment()))) {
            // A lease whose answer was lost shall end within the test, at the latest.
            postgres.execute("alter table sluice.queues alter lease_time_s set default 20");
            for (int seed = 1; seed <= 10; seed++) {
                var random = new Random(seed);
                var workload = new Workload(50, 20, 4, seed);
                var pool = Executors.newFixedThreadPool(2);
                try {
                    var pushed = pool.submit(() -> {
                        workload.push(bridge.client(), Duration.ofMillis(20));
                        return null;
                    });
                    awaitAnswered(workload, 1 + random.nextInt(600));
                    var early = pool.submit(() -> workload.consumeThroughFailures(bridge.client(), "early", 2, LIMIT));
                    Thread.sleep(random.nextInt(100));
                    postgres.kill();
                    Thread.sleep(random.nextInt(1_000));
                    postgres.restart();
                    pushed.get();
                    assertThat(workload.answeredMessages()).isEqualTo(2_000);
                    awaitDrained(bridge);
                    postgres.execute(
                            "update sluice.cursors set available_at = clock_timestamp()"
                                    + " where (group_id, partition_id) in (select group_id, partition_id from sluice.cursors"
                                    + " where lease_id is not null order by group_id, partition_id for no key update skip locked)");
                    workload.checkReached("early, seed " + seed, early.get());
                    // From here on nothing fails. A slow consumer must not lose its lease.
                    postgres.execute("update sluice.queues set lease_time_s = 300");
                    workload.checkDelivered(
                            "billing, seed " + seed, workload.consume(bridge.client(), "billing", 4, LIMIT), true);
                    assertThat(postgres.query(WRITTEN_TWICE))
                            .as("written twice, seed %d", seed)
                            .isEmpty();
                } finally {
                    pool.shutdownNow();
                }
            }
        }
    }

    /** The bridge that comes back for one seed is the one that is killed for the next, so its log has a past. */
    @Test
    void aKilledBridgeLosesNothingItAnsweredAndWritesNothingTwice() throws Exception {
        Path data = directory.resolve("data");
        try (var postgres = TestPostgres.empty()) {
            var bridge = BridgeProcess.start(data, withoutDedup(on(postgres)));
            try {
                for (int seed = 1; seed <= 10; seed++) {
                    var random = new Random(seed);
                    var workload = new Workload(50, 30, 4, seed);
                    var client = bridge.client();
                    var pool = Executors.newSingleThreadExecutor();
                    try {
                        var pushed = pool.submit(() -> {
                            workload.push(client, Duration.ZERO);
                            return null;
                        });
                        awaitAnswered(workload, 1 + random.nextInt(1_500));
                        Thread.sleep(random.nextInt(50));
                        bridge.kill();
                        pushed.get();
                    } finally {
                        pool.shutdownNow();
                    }
                    bridge = BridgeProcess.start(data, withoutDedup(on(postgres)));
                    awaitDrained(bridge);
                    var delivered = workload.consume(bridge.client(), "billing", 4, LIMIT);
                    workload.checkDelivered("billing, seed " + seed, delivered, false);
                    assertThat(postgres.query(WRITTEN_TWICE))
                            .as("written twice, seed %d", seed)
                            .isEmpty();
                }
            } finally {
                bridge.close();
            }
        }
    }

    private static void awaitAnswered(Workload workload, int messages) {
        await().atMost(LIMIT).pollInterval(Duration.ofMillis(2)).until(() -> workload.answeredMessages() >= messages);
    }

    private static void awaitDrained(BridgeProcess bridge) {
        await().atMost(LIMIT)
                .pollInterval(Duration.ofMillis(50))
                .untilAsserted(() -> assertThat(bridge.client()
                                .get("/api/v1/status/buffers")
                                .get("pending")
                                .asLong())
                        .as(bridge.output())
                        .isZero());
    }
}
