package dev.sluice.bridge.api.subscribe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest;
import dev.sluice.bridge.api.work.SseClient;
import dev.sluice.bridge.api.work.SseClient.Event;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The messages of a queue are pushed to clients that subscribe, over server-sent events and over WebSockets. */
class SubscribeRouteTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String PATH = "/api/v1/subscribe/";
    private static final int MOST = 300;
    private static final int BUFFER = 256 << 10;
    private static final AtomicInteger NAMES = new AtomicInteger();

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    private final String queue = "q" + NAMES.incrementAndGet();

    @BeforeAll
    static void start(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of(
                        "subscribe.max.subscribers",
                        Integer.toString(MOST),
                        "subscribe.buffer.bytes",
                        Integer.toString(BUFFER),
                        "subscribe.heartbeat.ms",
                        "200"));
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private void push(String partition, String payload) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"partition\":\"" + partition
                                + "\",\"payload\":" + payload + "}]}")
                        .statusCode())
                .isEqualTo(201);
    }

    private SseClient open(String query, String... headers) {
        var client = new SseClient(bridge.port(), PATH + queue + query, headers);
        assertThat(client.status()).isEqualTo(200);
        client.until("state");
        return client;
    }

    private static Event message(SseClient client) {
        return client.until("message");
    }

    private static String payload(Event event) {
        return RunningBridge.json(event.data()).get("data").toString();
    }

    private static long metric(String name) {
        Matcher line = Pattern.compile("(?m)^" + Pattern.quote(name) + " ([0-9.E]+)")
                .matcher(bridge.get("/metrics/prometheus").body());
        return line.find() ? (long) Double.parseDouble(line.group(1)) : 0;
    }

    @Test
    void messagesArriveAsTheyArePushed() {
        push("p", "0");
        try (SseClient client = open("")) {
            push("p", "{\"n\":1}");
            JsonNode message = RunningBridge.json(message(client).data());
            assertThat(message.get("data").get("n").intValue()).isEqualTo(1);
            assertThat(message.get("queue").textValue()).isEqualTo(queue);
            assertThat(message.get("partition").textValue()).isEqualTo("p");
            push("new partition", "2");
            assertThat(payload(message(client))).isEqualTo("2");
        }
    }

    @Test
    void aPayloadWithLineBreaksIsOneEvent() {
        try (SseClient client = new SseClient(bridge.port(), PATH + queue)) {
            client.until("state");
            push("p", "{\"a\":1,\\n\"b\":[2]}".replace("\\n", "\n"));
            assertThat(message(client).name()).isEqualTo("message");
            push("p", "3");
            assertThat(payload(message(client))).isEqualTo("3");
        }
    }

    @Test
    void aSubscriptionBeginsAtTheBeginningOrAtATimeAndMayNamePartitions() {
        for (int i = 0; i < 6; i++) {
            push("p" + i % 2, Integer.toString(i));
        }
        try (SseClient client = open("?from=beginning")) {
            assertThat(IntStream.range(0, 6).mapToObj(i -> payload(message(client))))
                    .containsExactlyInAnyOrder("0", "1", "2", "3", "4", "5");
        }
        try (SseClient client = open("?from=beginning&partition=p1")) {
            assertThat(IntStream.range(0, 3).mapToObj(i -> payload(message(client))))
                    .containsExactly("1", "3", "5");
            push("p0", "6");
            push("p1", "7");
            assertThat(payload(message(client))).isEqualTo("7");
        }
        try (SseClient client = open("?from=2026-01-01T00:00:00Z&partition=p0")) {
            assertThat(payload(message(client))).isEqualTo("0");
        }
        try (SseClient client = open("?from=2100-01-01T00:00:00Z")) {
            push("p0", "8");
            assertThat(payload(message(client))).isEqualTo("8");
        }
    }

    @Test
    void aClientThatConnectsAgainGetsWhatItHasMissedAndNothingTwice() {
        for (int i = 0; i < 10; i++) {
            push("p" + i % 3, Integer.toString(i));
        }
        var got = new ArrayList<String>();
        String id = "";
        for (int i = 0; i < 10; i++) { // Each time one message, while it is behind.
            try (SseClient client = id.isEmpty() ? open("?from=beginning") : open("", "Last-Event-ID: " + id)) {
                Event event = message(client);
                got.add(payload(event));
                id = event.id();
            }
        }
        for (int i = 10; i < 20; i++) {
            push("p" + i % 3, Integer.toString(i));
        }
        for (int i = 10; i < 20; i++) {
            try (SseClient client = open("", "Last-Event-ID: " + id)) {
                Event event = message(client);
                got.add(payload(event));
                id = event.id();
            }
        }
        assertThat(got)
                .containsExactlyInAnyOrderElementsOf(
                        IntStream.range(0, 20).mapToObj(Integer::toString).toList());
    }

    @Test
    void subscribersOfOneQueueShareItsReads() {
        await().atMost(PATIENCE).until(() -> metric("sluice_subscribers") == 0);
        var clients = new ArrayList<SseClient>();
        for (int i = 0; i < 200; i++) {
            clients.add(open(""));
        }
        long reads = metric("sluice_subscribers_reads_total");
        long sent = metric("sluice_subscribers_sent_total");
        for (int i = 0; i < 5; i++) {
            push("p", Integer.toString(i));
            for (SseClient each : clients) {
                assertThat(payload(message(each))).isEqualTo(Integer.toString(i));
            }
        }
        assertThat(metric("sluice_subscribers_reads_total") - reads).isLessThanOrEqualTo(5);
        assertThat(metric("sluice_subscribers_sent_total") - sent).isEqualTo(1_000);
        clients.forEach(SseClient::close);
    }

    @Test
    void aSubscriberThatDoesNotReadIsDroppedAndTheOthersGetEverything() {
        SseClient stuck = open("");
        String padding = ",\"" + "x".repeat(100_000) + "\"]";
        String slow = "sluice_subscribers_dropped_total{reason=\"slow\"}";
        long dropped = metric(slow);
        int messages = 0;
        try (SseClient other = open("")) {
            while (metric(slow) == dropped) {
                push("p", "[" + messages + padding);
                assertThat(number(message(other))).isEqualTo(messages++);
            }
        }
        assertThat(metric("sluice_subscribers_waiting_bytes")).isLessThan(4 * BUFFER);
        int first = number(message(stuck));
        assertThat(first).isZero();
        stuck.close();
    }

    private static int number(Event event) {
        return RunningBridge.json(event.data()).get("data").get(0).intValue();
    }

    @Test
    void aSubscriberThatIsBehindGetsEverythingHoweverSlowlyItReads() {
        String padding = ",\"" + "x".repeat(100_000) + "\"]";
        for (int i = 0; i < 60; i++) {
            push("p", "[" + i + padding);
        }
        try (SseClient client = open("?from=beginning")) {
            for (int i = 0; i < 60; i++) {
                assertThat(number(message(client))).isEqualTo(i);
            }
        }
    }

    @Test
    void aSubscriberIsToldOfAQueueThatIsAbsentAndGetsItsMessagesWhenItIsMade() {
        try (SseClient client = new SseClient(bridge.port(), PATH + queue)) {
            assertThat(client.until("state").data()).isEqualTo("{\"state\":\"absent\"}");
            push("p", "1");
            assertThat(payload(message(client))).isEqualTo("1");
            assertThat(bridge.delete("/api/v1/resources/queues/" + queue).statusCode())
                    .isEqualTo(200);
            assertThat(client.until("state").data()).isEqualTo("{\"state\":\"absent\"}");
            push("p", "2");
            assertThat(client.until("state").data()).isEqualTo("{\"state\":\"open\"}");
            assertThat(payload(message(client))).isEqualTo("2");
        }
    }

    @Test
    void duringPopMaintenanceNothingComesAndAfterwardsEverything() {
        push("p", "0");
        try (SseClient client = open("")) {
            bridge.post("/api/v1/system/maintenance/pop", "{\"enabled\":true}");
            assertThat(client.until("state").data()).isEqualTo("{\"state\":\"maintenance\"}");
            push("p", "1");
            bridge.post("/api/v1/system/maintenance/pop", "{\"enabled\":false}");
            assertThat(client.next().data()).isEqualTo("{\"state\":\"open\"}");
            assertThat(payload(message(client))).isEqualTo("1");
        } finally {
            bridge.post("/api/v1/system/maintenance/pop", "{\"enabled\":false}");
        }
    }

    @Test
    void badRequestsAreRefused() {
        String accept = "Accept: text/event-stream";
        assertThat(RawRequest.send(bridge.port(), "GET", PATH + queue, "").status())
                .isEqualTo(406);
        for (String query : List.of("?from=yesterday", "?lastEventId=A", "?partition=")) {
            assertThat(RawRequest.send(bridge.port(), "GET", PATH + queue + query, "", accept)
                            .status())
                    .as(query)
                    .isEqualTo(400);
        }
        RawRequest.Response head = RawRequest.send(bridge.port(), "HEAD", PATH + queue, "", accept);
        assertThat(head.status()).isEqualTo(200);
        assertThatThrownBy(() -> connect("", new Listener(), "Origin", "https://evil.example"))
                .isInstanceOf(CompletionException.class)
                .hasStackTraceContaining("403");
    }

    @Test
    void moreSubscribersThanAllowedAreRefusedUntilOneLeaves() {
        await().atMost(PATIENCE).until(() -> metric("sluice_subscribers") == 0);
        var clients = new ArrayList<SseClient>();
        for (int i = 0; i < MOST; i++) {
            clients.add(new SseClient(bridge.port(), PATH + queue));
        }
        RawRequest.Response refused =
                RawRequest.send(bridge.port(), "GET", PATH + queue, "", "Accept: text/event-stream");
        assertThat(refused.status()).isEqualTo(503);
        assertThat(refused.body()).contains("subscribe.max.subscribers");
        clients.remove(0).close();
        await().atMost(PATIENCE).until(() -> {
            try (SseClient next = new SseClient(bridge.port(), PATH + queue)) {
                return next.status() == 200;
            }
        });
        clients.forEach(SseClient::close);
    }

    /** Collects the texts of a WebSocket. */
    private static final class Listener implements WebSocket.Listener {
        private final LinkedBlockingQueue<JsonNode> events = new LinkedBlockingQueue<>();
        private final StringBuilder text = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                events.add(RunningBridge.json(text.toString()));
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int statusCode, String reason) {
            events.add(RunningBridge.json("{\"event\":\"close " + statusCode + " " + reason + "\"}"));
            return null;
        }

        JsonNode until(String name) throws InterruptedException {
            while (true) {
                JsonNode event = events.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                assertThat(event).as("an event " + name).isNotNull();
                if (event.get("event").textValue().equals(name)) {
                    return event;
                }
            }
        }
    }

    private WebSocket connect(String query, Listener listener, String... header) {
        return connect(bridge.port(), query, listener, header);
    }

    private WebSocket connect(int port, String query, Listener listener, String... header) {
        WebSocket.Builder builder = HttpClient.newHttpClient().newWebSocketBuilder();
        if (header.length > 0) {
            builder.header(header[0], header[1]);
        }
        return builder.buildAsync(URI.create("ws://127.0.0.1:" + port + PATH + queue + query), listener)
                .join();
    }

    @Test
    void aWebSocketGetsTheSameEventsAndGoesOnWhereItWas() throws Exception {
        push("p", "0");
        var listener = new Listener();
        WebSocket socket = connect("", listener);
        assertThat(listener.until("state").get("data").get("state").textValue()).isEqualTo("open");
        push("p", "{\"n\":\"é\"}");
        JsonNode event = listener.until("message");
        assertThat(event.get("data").get("data").get("n").textValue()).isEqualTo("é");
        assertThat(listener.until("position").get("id").textValue()).isNotEmpty();
        socket.sendText("ignored", true).join();
        socket.abort();
        push("p", "2");
        var second = new Listener();
        WebSocket again = connect("?lastEventId=" + event.get("id").textValue(), second);
        assertThat(second.until("message").get("data").get("data").intValue()).isEqualTo(2);
        again.sendClose(WebSocket.NORMAL_CLOSURE, "").join();
        second.until("close 1000 ");
        await().atMost(PATIENCE).until(() -> metric("sluice_subscribers") == 0);
    }

    @Test
    void aStopEndsSubscriptionsWithAReason(@TempDir Path directory) throws Exception {
        var listener = new Listener();
        SseClient client;
        try (var stopped = RunningBridge.start(postgres.url(), directory)) {
            client = new SseClient(stopped.port(), PATH + queue);
            client.until("state");
            connect(stopped.port(), "", listener);
            listener.until("state");
        }
        assertThat(client.until("dropped").data()).isEqualTo("{\"reason\":\"stopping\"}");
        listener.until("close 1012 stopping");
        client.close();
    }
}
