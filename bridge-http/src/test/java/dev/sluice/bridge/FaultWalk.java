package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.StoppablePostgres;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/**
 * Walks a bridge through the faults of a database, one after the other. During each fault it sends every kind of
 * request, when the fault begins and again when the bridge has noticed it, and reads every output about health. At the
 * end it counts: accepted messages are there, refused ones are not, and none came twice.
 *
 * <p>{@link FaultWalkTest} checks the observations. Run by itself, the class prints the table of
 * {@code docs/operations.md}.
 */
final class FaultWalk implements AutoCloseable {
    /** Health follows a fault within this time, as the documentation says. */
    static final Duration HEALTH_DELAY = Duration.ofSeconds(6);

    private static final Duration SLOW = Duration.ofMillis(200);
    private static final Duration LONGEST_RECOVERY = Duration.ofSeconds(60);
    /** Finds a session that waits for a standby. Then the server has applied the setting. */
    private static final String WAITS_FOR_STANDBY = "select 1 from pg_stat_activity where wait_event = 'SyncRep'";

    private static final String WAIT_MILLIS = "1500";

    /** A fault of the database. */
    enum Fault {
        NONE("none"),
        STOPPED("stopped"),
        HANGING("hanging (`SIGSTOP`)"),
        READ_ONLY("read-only"),
        NO_CONNECTIONS("no connections"),
        STANDBY_MISSING("standby missing"),
        SLOW("200 ms a statement");

        final String title;

        Fault(String title) {
            this.title = title;
        }

        /** Returns whether the database takes no writes during the fault. */
        boolean stopsWrites() {
            return this != NONE && this != SLOW;
        }
    }

    /**
     * An answer.
     *
     * @param status HTTP status
     * @param body as text
     * @param error value of {@code error}; empty if there is none
     * @param retryAfter the header; empty if there is none
     * @param took from the request to the answer
     */
    record Answered(int status, String body, String error, String retryAfter, Duration took) {
        boolean isUnknown() {
            return error.equals("outcome_unknown");
        }

        boolean isSuccess() {
            return status < 300 && error.isEmpty();
        }

        String cell() {
            boolean isCode = !error.isEmpty() && error.indexOf(' ') < 0;
            String what = isCode ? status + " `" + error + "`" : Integer.toString(status);
            return what + ", " + FaultTable.seconds(took);
        }
    }

    /**
     * The outputs about health.
     *
     * @param health status of {@code /health}
     * @param ready status of {@code /ready}
     * @param readySays its {@code database}
     * @param live status of {@code /live}
     * @param dbHealthy of {@code /api/v1/status/buffers}
     * @param drain of the same
     * @param lanes states of the lanes in the detail of the same
     * @param gauge {@code sluice_database_connected}
     * @param reason {@code database_error} of {@code /health}
     */
    record Health(
            int health,
            int ready,
            String readySays,
            int live,
            boolean dbHealthy,
            String drain,
            Set<String> lanes,
            String gauge,
            String reason) {}

    /**
     * The observations of one fault.
     *
     * @param first answers to the requests that were sent when the fault began
     * @param then answers to the requests that were sent when health reported the fault
     * @param health the outputs about health then
     * @param noticed time from the beginning of the fault until health reported it
     * @param back time from the end of the fault until health was well and every request succeeded
     */
    record Seen(
            Map<String, Answered> first, Map<String, Answered> then, Health health, Duration noticed, Duration back) {}

    private final StoppablePostgres server;
    private final FaultyProxy proxy;
    private final RunningBridge bridge;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Fault, Seen> seen = new EnumMap<>(Fault.class);

    /** Transaction ids by queue: accepted ones, ones with an unknown outcome, and received ones. */
    private final Map<String, Set<String>> accepted = new LinkedHashMap<>();

    private final Set<String> unclear = new HashSet<>();
    private final Map<String, List<String>> received = new LinkedHashMap<>();
    private final Map<String, Boolean> configured = new LinkedHashMap<>();
    private volatile Duration notice = Duration.ZERO;
    private int rounds;
    private JsonNode leased;

    FaultWalk(Path directory) throws Exception {
        server = StoppablePostgres.start(directory.resolve("server"));
        server.execute("create role app login");
        server.execute("create database walk owner app");
        proxy = new FaultyProxy(server.url().replaceAll("[^/]+$", "walk"));
        bridge = RunningBridge.start(
                proxy.url(),
                directory.resolve("data"),
                Map.of(
                        "connection.user", "app",
                        "push.stored.timeout.ms", "1000",
                        "pop.statement.timeout.ms", "4000"));
        for (String queue : List.of("auto", "transactions", "direct")) {
            accepted.put(queue, new TreeSet<>());
            received.put(queue, new ArrayList<>());
        }
        bridge.post("/api/v1/configure", "{\"queue\":\"leased\",\"options\":{\"leaseTime\":3600}}");
        bridge.push("{\"items\":[{\"queue\":\"leased\",\"payload\":1},{\"queue\":\"leased\",\"payload\":2}]}");
        leased = bridge.pop("leased?batch=2&wait=true&timeout=20000"); // The second keeps the lease alive.
    }

    /** Walks through all faults. */
    void run() throws Exception {
        assertThat(round()).allSatisfy((kind, answer) -> assertThat(answer).matches(Answered::isSuccess));
        for (Fault fault : Fault.values()) {
            walk(fault);
        }
        await().atMost(LONGEST_RECOVERY).until(this::isDrained);
        collect();
    }

    Map<Fault, Seen> seen() {
        return seen;
    }

    private void walk(Fault fault) throws Exception {
        store("before-" + fault);
        begin(fault);
        Map<String, Answered> first = round();
        Duration noticed = Duration.ZERO;
        if (fault.stopsWrites()) {
            noticed = noticedAfter();
        }
        Map<String, Answered> then = round();
        Health health = health();
        end(fault);
        long ended = System.nanoTime();
        await().atMost(LONGEST_RECOVERY).pollInterval(Duration.ofMillis(100)).until(() -> health().health == 200);
        await().atMost(LONGEST_RECOVERY)
                .pollInterval(Duration.ofMillis(100))
                .untilAsserted(() -> assertThat(round())
                        .allSatisfy((kind, answer) -> assertThat(answer).matches(Answered::isSuccess)));
        Duration back = Duration.ofNanos(System.nanoTime() - ended);
        seen.put(fault, new Seen(first, then, health, noticed, back));
    }

    /** Stores a message in the database, for the auto-ack pop that is sent when a fault begins. */
    private void store(String id) {
        accept("auto", id, post("/api/v1/push", items("auto", id)).join());
        await().atMost(LONGEST_RECOVERY).until(this::isDrained);
    }

    private Duration noticedAfter() {
        await().atMost(LONGEST_RECOVERY).until(() -> !notice.isZero());
        return notice;
    }

    private void begin(Fault fault) throws Exception {
        notice = Duration.ZERO;
        if (fault.stopsWrites()) {
            watch(System.nanoTime());
        }
        switch (fault) {
            case NONE -> {}
            case STOPPED -> server.stop();
            case HANGING -> server.freeze();
            case READ_ONLY -> {
                server.stop();
                server.restartAsStandby();
            }
            case NO_CONNECTIONS -> {
                server.execute("alter role app connection limit 0");
                server.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
            }
            case STANDBY_MISSING -> {
                standby("nobody");
                await().atMost(LONGEST_RECOVERY)
                        .until(() -> !server.query(WAITS_FOR_STANDBY).isEmpty());
            }
            case SLOW -> proxy.delay(SLOW);
        }
    }

    /** Notes when health reports the fault, on a thread of its own. */
    private void watch(long began) {
        var thread = new Thread(
                () -> {
                    await().atMost(LONGEST_RECOVERY)
                            .pollInterval(Duration.ofMillis(50))
                            .until(() -> get("/health").status() == 503);
                    notice = Duration.ofNanos(System.nanoTime() - began);
                },
                "fault-walk-watch");
        thread.setDaemon(true);
        thread.start();
    }

    private void standby(String name) throws Exception {
        server.execute("alter system set synchronous_standby_names = '" + name + "'");
        server.execute("select pg_reload_conf()");
    }

    private void end(Fault fault) throws Exception {
        switch (fault) {
            case NONE -> {}
            case STOPPED -> server.restart();
            case HANGING -> server.thaw();
            case READ_ONLY -> server.promote();
            case NO_CONNECTIONS -> server.execute("alter role app connection limit -1");
            case STANDBY_MISSING -> standby("");
            case SLOW -> proxy.delay(Duration.ZERO);
        }
    }

    /** Sends one request of every kind, all at the same time, and waits for the answers. */
    private Map<String, Answered> round() {
        int round = ++rounds;
        String id = "t-" + round;
        var sent = new LinkedHashMap<String, CompletableFuture<Answered>>();
        sent.put("push", post("/api/v1/push", items("auto", id)).thenApply(answer -> accept("auto", id, answer)));
        sent.put("pop", getLater("/api/v1/pop/queue/none"));
        sent.put(
                "pop, auto-ack",
                getLater("/api/v1/pop/queue/auto?autoAck=true&batch=100").thenApply(this::receive));
        sent.put("pop, wait 1.5 s", getLater("/api/v1/pop/queue/none?wait=true&timeout=" + WAIT_MILLIS));
        sent.put("ack", post("/api/v1/ack", acknowledgement()));
        sent.put(
                "transaction",
                post(
                                "/api/v1/transaction",
                                "{\"operations\":[{\"type\":\"push\","
                                        + items("transactions", id).substring(1) + "],\"requiredLeases\":[]}")
                        .thenApply(answer -> accept("transactions", id, answer)));
        sent.put(
                "push-legacy",
                post("/api/v1/push-legacy", items("direct", id)).thenApply(answer -> accept("direct", id, answer)));
        sent.put(
                "configure",
                post("/api/v1/configure", "{\"queue\":\"q" + round + "\",\"options\":{}}")
                        .thenApply(answer -> configured("q" + round, answer)));
        sent.put("extend", post("/api/v1/lease/" + leased.path("leaseId").asText() + "/extend", "{\"seconds\":60}"));
        sent.put("seek", post("/api/v1/consumer-groups/g/queues/leased/seek", "{\"toEnd\":true}"));
        sent.put("trace", post("/api/v1/traces", trace()));
        sent.put("list of queues", getLater("/api/v1/resources/queues"));
        sent.put("dead letters", getLater("/api/v1/dlq?queue=leased"));
        var answers = new LinkedHashMap<String, Answered>();
        sent.forEach((kind, answer) -> answers.put(kind, answer.join()));
        return answers;
    }

    private static String items(String queue, String id) {
        return "{\"items\":[{\"queue\":\"" + queue + "\",\"transactionId\":\"" + id + "\",\"payload\":{\"id\":\"" + id
                + "\"}}]}";
    }

    private String acknowledgement() {
        JsonNode message = leased.path("messages").path(0);
        return "{\"transactionId\":" + message.path("transactionId") + ",\"partitionId\":" + message.path("partitionId")
                + ",\"status\":\"completed\"}";
    }

    private String trace() {
        JsonNode message = leased.path("messages").path(0);
        return "{\"transactionId\":" + message.path("transactionId") + ",\"partitionId\":" + message.path("partitionId")
                + ",\"data\":{\"text\":\"walked\"}}";
    }

    private synchronized Answered accept(String queue, String id, Answered answer) {
        if (answer.isSuccess()) {
            accepted.get(queue).add(id);
        } else if (answer.isUnknown()) {
            unclear.add(queue + "/" + id);
        }
        return answer;
    }

    private synchronized Answered configured(String queue, Answered answer) {
        if (!answer.isUnknown()) {
            configured.put(queue, answer.isSuccess());
        }
        return answer;
    }

    private synchronized Answered receive(Answered answer) {
        if (answer.isSuccess() && !answer.body.isEmpty()) {
            note("auto", RunningBridge.json(answer.body));
        }
        return answer;
    }

    private void note(String queue, JsonNode popped) {
        popped.path("messages")
                .forEach(message ->
                        received.get(queue).add(message.path("transactionId").asText()));
    }

    private boolean isDrained() {
        return RunningBridge.json(get("/api/v1/status/buffers").body())
                        .path("pending")
                        .asLong()
                == 0;
    }

    /** Pops all messages that are left. */
    private synchronized void collect() {
        for (String queue : received.keySet()) {
            JsonNode popped = bridge.pop(queue + "?autoAck=true&batch=1000&wait=true&timeout=3000");
            while (popped.path("messages").size() > 0) {
                note(queue, popped);
                popped = bridge.pop(queue + "?autoAck=true&batch=1000&wait=true&timeout=1000");
            }
        }
    }

    /** Returns the messages that are missing, came twice, or are there although they were refused. */
    synchronized List<String> wrongs() {
        var wrongs = new ArrayList<String>();
        received.forEach((queue, ids) -> {
            var once = new TreeSet<String>();
            for (String id : ids) {
                if (!once.add(id)) {
                    wrongs.add(queue + "/" + id + " came twice");
                }
                if (!accepted.get(queue).contains(id) && !unclear.contains(queue + "/" + id)) {
                    wrongs.add(queue + "/" + id + " was refused and is there");
                }
            }
            accepted.get(queue).stream()
                    .filter(id -> !once.contains(id))
                    .forEach(id -> wrongs.add(queue + "/" + id + " was accepted and is missing"));
        });
        configured.forEach((queue, success) -> {
            boolean isThere = get("/api/v1/resources/queues/" + queue).status() == 200;
            if (isThere != success) {
                wrongs.add("queue " + queue + " was configured: " + success + ", is there: " + isThere);
            }
        });
        return wrongs;
    }

    private Health health() {
        Answered health = get("/health");
        Answered ready = get("/ready");
        JsonNode buffers = RunningBridge.json(get("/api/v1/status/buffers").body());
        var lanes = new TreeSet<String>();
        RunningBridge.json(get("/api/v1/status/buffers?detail=true").body())
                .findValues("state")
                .forEach(state -> lanes.add(state.asText()));
        String gauge = metrics()
                .lines()
                .filter(line -> line.startsWith("sluice_database_connected "))
                .findFirst()
                .orElse("");
        return new Health(
                health.status,
                ready.status,
                RunningBridge.json(ready.body).path("database").asText(),
                get("/live").status,
                buffers.path("dbHealthy").asBoolean(),
                buffers.path("drain").asText(),
                lanes,
                gauge.replaceAll(".* ", "").replaceAll("\\.0$", ""),
                RunningBridge.json(health.body).path("database_error").asText(""));
    }

    /** Returns the page of metrics. */
    String metrics() {
        return get("/metrics/prometheus").body();
    }

    private Answered get(String path) {
        return getLater(path).join();
    }

    private CompletableFuture<Answered> getLater(String path) {
        return send(HttpRequest.newBuilder(URI.create(bridge.url() + path)).GET());
    }

    private CompletableFuture<Answered> post(String path, String body) {
        return send(HttpRequest.newBuilder(URI.create(bridge.url() + path)).POST(BodyPublishers.ofString(body)));
    }

    private CompletableFuture<Answered> send(HttpRequest.Builder request) {
        long began = System.nanoTime();
        return http.sendAsync(request.timeout(Duration.ofSeconds(60)).build(), BodyHandlers.ofString())
                .thenApply(response -> answered(response, Duration.ofNanos(System.nanoTime() - began)));
    }

    private static Answered answered(HttpResponse<String> response, Duration took) {
        String error = "";
        if (response.body().startsWith("{")) {
            error = RunningBridge.json(response.body()).path("error").asText("");
        }
        String retryAfter = response.headers().firstValue("Retry-After").orElse("");
        return new Answered(response.statusCode(), response.body(), error, retryAfter, took);
    }

    /** Walks, and prints the table. */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory("sluice-fault-walk");
        try (var walk = new FaultWalk(directory)) {
            walk.run();
            System.out.println(FaultTable.of(walk.seen()));
            System.out.println(walk.wrongs().isEmpty() ? "Nothing is missing, twice, or wrong." : walk.wrongs());
        }
        System.exit(0);
    }

    @Override
    public void close() throws IOException, InterruptedException {
        bridge.close();
        proxy.close();
        server.close();
    }
}
