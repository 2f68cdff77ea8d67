package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.work.PluginJars;
import dev.sluice.bridge.work.ProbeHandler;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bridge that runs a handler of a plug-in for what is pushed over HTTP. */
class WorkInBridgeTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private TestPostgres postgres;

    @BeforeEach
    void open() {
        postgres = TestPostgres.empty();
        PluginJars.of(directory.resolve("plugins/probe"), List.of(ProbeHandler.class));
    }

    @AfterEach
    void close() {
        postgres.close();
    }

    private RunningBridge start(String... settings) {
        var all = new HashMap<>(Map.of(
                "work.plugins.dir", directory.resolve("plugins").toString(),
                "work.handlers", "probe",
                "work.handlers.probe.type", ProbeHandler.class.getName(),
                "work.handlers.probe.retry.waits", "1ms",
                "work.handlers.probe.config.notes", notes().toString()));
        for (int i = 0; i < settings.length; i += 2) {
            all.put(settings[i], settings[i + 1]);
        }
        return RunningBridge.start(postgres.url(), directory.resolve("data"), all);
    }

    private Path notes() {
        return directory.resolve("notes");
    }

    private long ended() throws Exception {
        return Files.exists(notes())
                ? Files.readAllLines(notes()).stream()
                        .filter(line -> line.startsWith("end "))
                        .count()
                : 0;
    }

    private static void push(RunningBridge bridge, String payload) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"work.probe\",\"payload\":" + payload + "}]}")
                        .statusCode())
                .isEqualTo(201);
    }

    private static String metric(RunningBridge bridge, String name) {
        return bridge.get("/metrics/prometheus")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
                .findFirst()
                .orElse("no " + name);
    }

    @Test
    void whatIsPushedIsHandledAndCounted() throws Exception {
        try (RunningBridge bridge = start()) {
            push(bridge, "\"run\"");
            push(bridge, "\"fail\"");
            push(bridge, "\"snooze\"");
            await().atMost(PATIENCE).untilAsserted(() -> {
                assertThat(metric(bridge, "sluice_work_completed_total"))
                        .isEqualTo("sluice_work_completed_total{type=\"probe\"} 2.0");
                assertThat(metric(bridge, "sluice_work_dead_lettered_total"))
                        .isEqualTo("sluice_work_dead_lettered_total{type=\"probe\"} 1.0");
            });
            assertThat(metric(bridge, "sluice_work_started_total")).endsWith(" 5.0");
            assertThat(metric(bridge, "sluice_work_failed_total")).endsWith(" 2.0");
            assertThat(metric(bridge, "sluice_work_retried_total")).endsWith(" 1.0");
            assertThat(metric(bridge, "sluice_work_snoozed_total")).endsWith(" 1.0");
            assertThat(metric(bridge, "sluice_work_cancelled_total")).endsWith(" 0.0");
            assertThat(metric(bridge, "sluice_work_crashed_total")).endsWith(" 0.0");
            assertThat(metric(bridge, "sluice_work_active_workers"))
                    .isEqualTo("sluice_work_active_workers{type=\"probe\"} 0.0");
            assertThat(metric(bridge, "sluice_work_run_duration_seconds_count"))
                    .isEqualTo("sluice_work_run_duration_seconds_count{type=\"probe\"} 5");
            assertThat(metric(bridge, "sluice_work_start_delay_seconds_count"))
                    .as("first runs only")
                    .isEqualTo("sluice_work_start_delay_seconds_count{type=\"probe\"} 3");
            assertThat(metric(bridge, "sluice_work_events_dropped_total")).endsWith(" 0.0");
            assertThat(bridge.get("/api/v1/dlq?queue=work.probe").body()).contains("told to fail");
        }
        assertThat(Files.readString(notes())).endsWith("closed\n");
    }

    @Test
    void anOpenCircuitBreakerIsSeen() throws Exception {
        try (RunningBridge bridge = start("work.handlers.probe.breaker.threshold", "2")) {
            push(bridge, "\"fail\"");
            await().atMost(PATIENCE)
                    .untilAsserted(
                            () -> assertThat(bridge.get("/metrics/prometheus").body())
                                    .contains("sluice_work_breaker_state{state=\"open\",type=\"probe\"} 1.0")
                                    .contains("sluice_work_breaker_state{state=\"closed\",type=\"probe\"} 0.0"));
        }
    }

    /** The engine hears of a push from the drain of its own process, so it need not wait for its poll interval. */
    @Test
    void aPushStartsItsHandlerWithoutWaitingForThePoll() throws Exception {
        try (RunningBridge bridge = start("work.poll.interval.ms", "60000")) {
            push(bridge, "\"run\"");
            await().atMost(PATIENCE).until(() -> ended() == 1);
            long began = System.nanoTime();
            push(bridge, "\"run\"");
            await().pollInterval(Duration.ofMillis(2)).atMost(PATIENCE).until(() -> ended() == 2);
            assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began))
                    .isLessThan(10);
        }
    }

    @Test
    void anotherBridgeWithoutHandlersWakesTheEngine() throws Exception {
        try (RunningBridge bridge = start("work.poll.interval.ms", "60000");
                RunningBridge other = RunningBridge.start(postgres.url(), directory.resolve("other"))) {
            push(other, "\"run\"");
            await().atMost(PATIENCE).until(() -> ended() == 1);
            assertThat(metric(bridge, "sluice_work_started_total")).endsWith(" 1.0");
            assertThat(metric(other, "sluice_work_started_total")).startsWith("no ");
        }
    }

    @Test
    void typesBeyondTheBoundAreCountedTogether() throws Exception {
        try (RunningBridge bridge = start("work.metrics.max.types", "0")) {
            push(bridge, "\"run\"");
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(metric(bridge, "sluice_work_completed_total"))
                            .isEqualTo("sluice_work_completed_total{type=\"(other)\"} 1.0"));
        }
    }

    @Test
    void aHandlerThatCannotBeMadeStopsTheStart() {
        assertThatThrownBy(() -> start("work.handlers.probe.type", "acme.Missing"))
                .hasMessageContaining("work.handlers.probe.type=acme.Missing is neither a provider nor a class of a"
                        + " plug-in: looked into ")
                .hasMessageContaining(directory.resolve("plugins/probe").toString());
    }
}
