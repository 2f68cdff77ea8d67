package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest;
import dev.sluice.bridge.api.work.SseClient.Event;
import dev.sluice.bridge.work.PluginJars;
import dev.sluice.bridge.work.ProbeHandler;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Events of the works of a bridge are streamed live, and no client of a stream delays a work. */
class WorkEventsRouteTest {
    private static final String EVENTS = "/api/v1/work/events";
    private static final int STREAMS = 3;
    private static final int BUFFER = 50;

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        PluginJars.of(directory.resolve("plugins/probe"), List.of(ProbeHandler.class));
        bridge = RunningBridge.start(postgres.url(), directory.resolve("data"), settings(directory));
        WorkFixture.until(
                () -> bridge.post("/api/v1/work", "{\"type\":\"probe\"}").statusCode() == 201);
    }

    private static Map<String, String> settings(Path directory) {
        return Map.of(
                "work.handlers",
                "probe",
                "work.handlers.probe.type",
                ProbeHandler.class.getName(),
                "work.handlers.probe.config.notes",
                directory.resolve("notes").toString(),
                "work.plugins.dir",
                directory.resolve("plugins").toString(),
                "http.max.event.streams",
                Integer.toString(STREAMS),
                "http.event.stream.buffer",
                Integer.toString(BUFFER));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private static String enqueue(String type, String payload) {
        return RunningBridge.json(bridge.post("/api/v1/work", "{\"type\":\"" + type + "\",\"payload\":" + payload + "}")
                        .body())
                .get("id")
                .textValue();
    }

    private static SseClient stream(String query, String... headers) {
        return new SseClient(bridge.port(), EVENTS + query, headers);
    }

    /** Opens a stream as soon as the streams of other tests have ended. */
    private static SseClient open(String query, String... headers) {
        var opened = new ArrayList<SseClient>();
        WorkFixture.until(() -> {
            SseClient client = stream(query, headers);
            if (client.status() == 200) {
                opened.add(client);
                return true;
            }
            client.close();
            return false;
        });
        return opened.get(0);
    }

    @Test
    void theEventsOfAWorkArriveWhileItRuns() {
        try (SseClient client = open("?type=probe")) {
            String id = enqueue("probe", "\"run\"");
            var names = new ArrayList<String>();
            Event event;
            do {
                event = client.next();
                JsonNode data = RunningBridge.json(event.data());
                assertThat(data.get("event").textValue()).isEqualTo(event.name());
                assertThat(data.get("type").textValue()).isEqualTo("probe");
                if (id.equals(data.get("id").textValue())) {
                    names.add(event.name());
                }
            } while (!event.name().equals("completed") || !event.data().contains(id));
            assertThat(names).containsExactlyInAnyOrder("enqueued", "started", "completed");
            assertThat(names).endsWith("completed");
        }
    }

    @Test
    void onlyEventsOfTheTypesThatTheClientNamesArrive() {
        try (SseClient client = open("?type=first,second")) {
            enqueue("third", "1");
            String id = enqueue("second", "1");
            assertThat(client.next().data()).contains(id);
        }
    }

    @Test
    void aClientThatConnectsAgainMissesNothing() {
        String lastId;
        try (SseClient client = open("?type=again")) {
            enqueue("again", "1");
            lastId = client.next().id();
        }
        String second = enqueue("again", "2");
        String third = enqueue("again", "3");
        try (SseClient client = open("?type=again", "Last-Event-ID: " + lastId)) {
            assertThat(client.next().data()).contains(second);
            assertThat(client.next().data()).contains(third);
        }
    }

    @Test
    void aClientThatConnectsTooLateIsToldSo() {
        String lastId;
        try (SseClient client = open("?type=late")) {
            enqueue("late", "1");
            lastId = client.next().id();
        }
        for (int i = 0; i <= BUFFER + 1; i++) {
            enqueue("late", "1");
        }
        for (String id : List.of(lastId, "0-1", "nonsense")) {
            try (SseClient client = open("?type=late", "Last-Event-ID: " + id)) {
                Event event = client.next();
                assertThat(event.name()).isEqualTo("dropped");
                assertThat(event.data()).isEqualTo("{\"dropped\":null,\"reason\":\"resumed too late\"}");
            }
        }
    }

    @Test
    void aClientThatDoesNotReadDelaysNoWorkAndIsToldHowManyEventsItHasMissed() {
        try (SseClient slow = open("?type=probe")) {
            var works = new StringBuilder();
            int count = 10_000;
            for (int i = 0; i < count; i++) {
                works.append(i == 0 ? "" : ",").append("{\"type\":\"probe\",\"payload\":\"run\"}");
            }
            assertThat(bridge.post("/api/v1/work", "{\"works\":[" + works + "]}")
                            .statusCode())
                    .isEqualTo(201);
            String last = enqueue("probe", "\"run\"");
            WorkFixture.until(
                    () -> RunningBridge.json(bridge.get("/api/v1/work/" + last).body())
                            .get("state")
                            .textValue()
                            .equals("done"));
            long got = 0;
            Event event = slow.next();
            for (; !event.name().equals("dropped"); event = slow.next()) {
                got++;
            }
            assertThat(RunningBridge.json(event.data()).get("dropped").longValue())
                    .isPositive();
            assertThat(RunningBridge.json(event.data()).get("reason").textValue())
                    .isEqualTo("slow");
            assertThat(got).isGreaterThanOrEqualTo(BUFFER);
        }
    }

    @Test
    void moreClientsThanAllowedAreRefusedUntilOneLeaves() {
        var clients = new ArrayList<SseClient>();
        for (int i = 0; i < STREAMS; i++) {
            clients.add(open(""));
        }
        RawRequest.Response refused = RawRequest.send(bridge.port(), "GET", EVENTS, "", "Accept: text/event-stream");
        assertThat(refused.status()).isEqualTo(503);
        assertThat(refused.body()).contains("http.max.event.streams");
        clients.get(0).close();
        WorkFixture.until(() -> {
            enqueue("other", "1"); // The bridge notices that a client is gone when it writes.
            try (SseClient next = stream("")) {
                return next.status() == 200;
            }
        });
        clients.forEach(SseClient::close);
    }

    @Test
    void aClientThatDoesNotExpectAStreamIsRefused() {
        for (String method : List.of("GET", "HEAD")) {
            assertThat(RawRequest.send(bridge.port(), method, EVENTS, "").status())
                    .isEqualTo(406);
        }
        RawRequest.Response head = RawRequest.send(bridge.port(), "HEAD", EVENTS, "", "Accept: text/event-stream");
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(RawRequest.send(bridge.port(), "GET", EVENTS + "?type=a%20b", "", "Accept: text/event-stream")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void aStopEndsTheStreamsAndDoesNotWaitForThem(@TempDir Path directory) {
        long began;
        SseClient client;
        try (var stopped = RunningBridge.start(postgres.url(), directory)) {
            client = new SseClient(stopped.port(), EVENTS);
            assertThat(client.status()).isEqualTo(200);
            began = System.nanoTime();
        }
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(4));
        assertThat(client.next()).isNull();
        client.close();
    }
}
