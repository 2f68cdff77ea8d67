package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.bridge.config.BridgeConfig;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.system.ConfigException;
import dev.sluice.bridge.system.StartException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A bridge in this process, on a free port, with a PostgreSQL of the test, and a client for it. To test a restart,
 * start it again on the same directory. To test a kill, run {@link Main} in a process of its own.
 */
public final class RunningBridge implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern PARKED = Pattern.compile("(?m)^sluice_pops_parked (\\d+)");

    private final Bridge bridge;
    private final HttpClient client = HttpClient.newHttpClient();

    private RunningBridge(Bridge bridge) {
        this.bridge = bridge;
    }

    /**
     * Starts a bridge. Its timeouts are so long that the bridge gives up on its database later than the test, even on a
     * busy machine.
     *
     * @param connectionUrl JDBC address of a server that lets user {@code postgres} in
     * @param dataDirectory for the local log
     * @param settings further settings; they win over the defaults of tests
     */
    public static RunningBridge start(String connectionUrl, Path dataDirectory, Map<String, String> settings) {
        var all = new HashMap<>(Map.of(
                "http.port", "0",
                "data.dir", dataDirectory.toString(),
                "connection.url", connectionUrl,
                "connection.user", "postgres",
                "shutdown.timeout.ms", "5000",
                "push.stored.timeout.ms", "60000",
                "pop.statement.timeout.ms", "60000"));
        all.putAll(settings);
        try {
            return new RunningBridge(Bridge.start(BridgeConfig.parse(all), line -> {}, () -> false));
        } catch (ConfigException | StartException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    /** Starts a bridge with the defaults of tests. */
    public static RunningBridge start(String connectionUrl, Path dataDirectory) {
        return start(connectionUrl, dataDirectory, Map.of());
    }

    /** Returns the port it listens on. */
    public int port() {
        return bridge.port();
    }

    /** Returns its routes. */
    public List<Route> routes() {
        return bridge.routes();
    }

    /** Returns {@code http://127.0.0.1:port}. */
    public String url() {
        return bridge.url();
    }

    /** Pushes a body; returns the answer whatever its status. */
    public HttpResponse<String> push(String body) {
        return post("/api/v1/push", body);
    }

    /** Posts a body; returns the answer whatever its status. */
    public HttpResponse<String> post(String path, String body, String... headers) {
        return post(path, body.getBytes(StandardCharsets.UTF_8), headers);
    }

    /** Posts a body; returns the answer whatever its status. */
    public HttpResponse<String> post(String path, byte[] body, String... headers) {
        var request = HttpRequest.newBuilder(URI.create(url() + path)).POST(BodyPublishers.ofByteArray(body));
        for (int i = 0; i < headers.length; i += 2) {
            request.header(headers[i], headers[i + 1]);
        }
        return send(request);
    }

    /** Gets a path with its query; returns the answer whatever its status. */
    public HttpResponse<String> get(String path) {
        return send(HttpRequest.newBuilder(URI.create(url() + path)).GET());
    }

    /** Sends a change; returns the answer whatever its status. */
    public HttpResponse<String> patch(String path, String body) {
        return send(HttpRequest.newBuilder(URI.create(url() + path)).method("PATCH", BodyPublishers.ofString(body)));
    }

    /** Deletes; returns the answer whatever its status. */
    public HttpResponse<String> delete(String path) {
        return send(HttpRequest.newBuilder(URI.create(url() + path)).DELETE());
    }

    /** Pops and returns the answer as JSON; an empty one has no {@code messages}. */
    public JsonNode pop(String pathAndQuery) {
        HttpResponse<String> response = get("/api/v1/pop/queue/" + pathAndQuery);
        if (response.statusCode() == 204) {
            return JSON.createObjectNode();
        }
        return json(response.body());
    }

    /** Acknowledges all messages of a pop as completed, and returns the results. */
    public JsonNode acknowledge(JsonNode popped) {
        var body = JSON.createObjectNode();
        body.set("consumerGroup", popped.path("consumerGroup"));
        var list = body.putArray("acknowledgments");
        for (JsonNode message : popped.path("messages")) {
            var one = list.addObject();
            for (String field : List.of("transactionId", "partitionId", "leaseId")) {
                one.set(field, message.path(field));
            }
        }
        return json(post("/api/v1/ack/batch", body.toString()).body());
    }

    /** Blocks until this many pops wait. */
    public void awaitParked(int pops) {
        await().untilAsserted(() -> {
            Matcher parked = PARKED.matcher(get("/metrics/prometheus").body());
            assertThat(parked.find()).isTrue();
            assertThat(Integer.parseInt(parked.group(1))).isEqualTo(pops);
        });
    }

    /** Reads JSON. */
    public static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException e) {
            throw new UncheckedIOException(text, e);
        }
    }

    private HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return client.send(
                    request.timeout(Duration.ofSeconds(120)).build(), BodyHandlers.ofString(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Returns how many messages were in the local log when it was closed. */
    public long leftInLog() {
        return bridge.leftInLog();
    }

    /** Stops the bridge as SIGTERM does. */
    @Override
    public void close() {
        bridge.close();
    }
}
