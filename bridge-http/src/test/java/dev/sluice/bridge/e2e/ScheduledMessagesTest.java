package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.e2e.BridgeClient.Popped;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScheduledMessagesTest {
    private static final Duration DELAY = Duration.ofSeconds(6);

    @TempDir
    private Path directory;

    @Test
    void comeWhenTheyAreDueInTheirOrderAlsoAfterAKill() throws Exception {
        try (var postgres = TestPostgres.empty()) {
            Map<String, String> environment =
                    Map.of("SLUICE_CONNECTION_URL", postgres.url(), "SLUICE_CONNECTION_USER", "postgres");
            Path data = directory.resolve("data");
            var killed = BridgeProcess.start(data, environment);
            long start = System.nanoTime();
            killed.client().send("POST", "/api/v1/push", push((int) DELAY.toMillis()));
            killed.client()
                    .send(
                            "POST",
                            "/api/v1/push",
                            "{\"items\":[{\"queue\":\"q\",\"payload\":\"now\"}]}".getBytes(UTF_8));
            killed.kill();
            try (var bridge = BridgeProcess.start(data, environment)) {
                Duration ready = Duration.ofNanos(System.nanoTime() - start);
                var delivered = new ArrayList<String>();
                while (delivered.size() < 4) {
                    delivered.addAll(
                            payloads(bridge.client().pop("q", "g", "&batch=10&autoAck=true&wait=true&timeout=20000")));
                    if (delivered.size() > 1) {
                        assertThat(System.nanoTime() - start).as("not early").isGreaterThan(DELAY.toNanos());
                    }
                }
                assertThat(delivered).containsExactly("\"now\"", "1", "2", "3");
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                Duration due = ready.compareTo(DELAY) > 0 ? ready : DELAY;
                assertThat(took.minus(due))
                        .as("late, on a machine that may be busy")
                        .isLessThan(Duration.ofSeconds(60));
            }
        }
    }

    private static byte[] push(int delayMs) {
        String item = "{\"queue\":\"q\",\"delayMs\":" + delayMs + ",\"payload\":";
        return ("{\"items\":[" + item + "1}," + item + "2}," + item + "3}]}").getBytes(UTF_8);
    }

    private static List<String> payloads(List<Popped> popped) {
        return popped.stream()
                .map(message -> new String(message.payload(), UTF_8))
                .toList();
    }
}
