package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.work.SseClient;
import dev.sluice.bridge.api.work.SseClient.Event;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A subscriber that goes on at another bridge, again and again, while messages are pushed into many partitions through
 * both bridges and one of them is killed, misses nothing, and gets each partition in order.
 */
class SubscribersMissNothingTest {
    private static final int PARTITIONS = 12;
    private static final int MESSAGES = 300;
    private static final int KILL_AT = 100;
    private static final String PATH = "/api/v1/subscribe/q";

    @TempDir
    private Path directory;

    private final AtomicInteger pushed = new AtomicInteger();

    private void push(RunningBridge bridge) {
        while (pushed.get() < MESSAGES) {
            int n = pushed.getAndIncrement();
            assertThat(bridge.push("{\"items\":[{\"queue\":\"q\",\"partition\":\"p" + n % PARTITIONS + "\",\"payload\":"
                                    + n + "}]}")
                            .statusCode())
                    .isEqualTo(201);
        }
    }

    /** Reads some events from a bridge; returns the id of the last one. */
    private static String read(int port, String id, int most, Set<Integer> got) {
        String query = id.isEmpty() ? "?from=beginning" : "";
        String header = id.isEmpty() ? "X-None: 1" : "Last-Event-ID: " + id;
        String last = id;
        var ofPartition = new HashMap<Integer, Integer>();
        try (var client = new SseClient(port, PATH + query, header)) {
            assertThat(client.status()).as(last).isEqualTo(200);
            for (int i = 0; i < most && got.size() < MESSAGES; i++) {
                Event event = client.next();
                if (event == null) {
                    return last; // The bridge was killed.
                }
                if (event.name().equals("message")) {
                    int n = RunningBridge.json(event.data()).get("data").intValue();
                    got.add(n);
                    Integer before = ofPartition.put(n % PARTITIONS, n);
                    assertThat(before == null || before < n)
                            .as("order of partition " + n % PARTITIONS)
                            .isTrue();
                }
                last = event.id().isEmpty() ? last : event.id();
            }
        }
        return last;
    }

    @Test
    @Timeout(100)
    void whileBridgesArePushedToAndKilled() throws Exception {
        long seed = 19;
        var random = new Random(seed);
        var got = new TreeSet<Integer>();
        String id = "";
        int connections = 0;
        try (var postgres = TestPostgres.empty();
                var stays = RunningBridge.start(postgres.url(), directory.resolve("a"));
                var killed = BridgeProcess.start(
                        directory.resolve("b"),
                        Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres"))) {
            CompletableFuture<Void> pusher = CompletableFuture.runAsync(() -> push(stays));
            while (got.size() < MESSAGES) {
                boolean other = killed.isAlive() && random.nextBoolean();
                id = read(other ? killed.port() : stays.port(), id, 1 + random.nextInt(400), got);
                connections++;
                assertThat(connections)
                        .as("connections until " + got.size() + " messages")
                        .isLessThan(2_000);
                if (got.size() >= KILL_AT && killed.isAlive()) {
                    var dying = new SseClient(killed.port(), PATH, "Last-Event-ID: " + id);
                    killed.kill();
                    dying.close();
                }
            }
            pusher.join();
        }
        assertThat(got)
                .containsExactlyElementsOf(IntStream.range(0, MESSAGES).boxed().toList());
    }
}
