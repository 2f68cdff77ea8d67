package dev.sluice.bridge.upgrade;

import static dev.sluice.bridge.security.TestTokens.SECRET;
import static dev.sluice.bridge.security.TestTokens.claims;
import static dev.sluice.bridge.security.TestTokens.hs256;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** A bridge with the settings of a fixture, whose requests bear a token. */
final class FixtureBridge implements AutoCloseable {
    /** Key of the encrypted queues of every fixture. */
    static final String KEYS = "fixture:" + "0a".repeat(32);

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    private final RunningBridge bridge;
    private final HttpClient client = HttpClient.newHttpClient();

    private FixtureBridge(RunningBridge bridge) {
        this.bridge = bridge;
    }

    /** Starts a bridge over small log segments. */
    static FixtureBridge start(String connectionUrl, Path data) {
        return new FixtureBridge(RunningBridge.start(
                connectionUrl,
                data,
                Map.of(
                        "encryption.keys", KEYS,
                        "auth.jwt.enabled", "true",
                        "auth.jwt.secret", SECRET,
                        "buffer.lanes", "2",
                        "buffer.segment.bytes", "16384",
                        "retention.interval.ms", "86400000",
                        "metrics.retention.days", "10000",
                        "push.stored.timeout.ms", "500")));
    }

    /** Sends a request as a subject that may do everything; returns the answer if it is a success. */
    HttpResponse<String> send(String subject, String method, String path, String body) {
        var request = HttpRequest.newBuilder(URI.create(bridge.url() + path))
                .header(
                        "Authorization",
                        "Bearer " + hs256(claims().put("sub", subject).put("role", "admin"), SECRET))
                .header("Content-Type", "application/json")
                .timeout(PATIENCE)
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body, UTF_8));
        try {
            HttpResponse<String> answer = client.send(request.build(), BodyHandlers.ofString(UTF_8));
            if (answer.statusCode() / 100 != 2) {
                throw new IllegalStateException(
                        method + " " + path + " answered " + answer.statusCode() + ": " + answer.body());
            }
            return answer;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Posts a body that has {@code '} for {@code "}. */
    JsonNode post(String path, String body) {
        return RunningBridge.json(
                send("fixture", "POST", path, body.replace('\'', '"')).body());
    }

    JsonNode get(String path) {
        return RunningBridge.json(send("fixture", "GET", path, "").body());
    }

    /** Pops from a queue; the answer without messages is an empty object. */
    JsonNode pop(String queue, String query) {
        HttpResponse<String> answer = send("fixture", "GET", "/api/v1/pop/queue/" + encoded(queue) + "?" + query, "");
        return RunningBridge.json(answer.statusCode() == 204 ? "{}" : answer.body());
    }

    static String encoded(String text) {
        return URLEncoder.encode(text, UTF_8).replace("+", "%20");
    }

    /** Puts pushes on hold at all bridges, or ends the hold. */
    void hold(boolean enabled) {
        post("/api/v1/system/maintenance", "{'enabled':" + enabled + "}");
        String expected = enabled ? "paused" : "running";
        await().atMost(PATIENCE)
                .until(() -> get("/api/v1/status/buffers").get("drain").asText().equals(expected));
    }

    /** Waits until the log holds no message. */
    void awaitDrained() {
        await().atMost(PATIENCE)
                .until(() -> get("/api/v1/status/buffers").get("pending").asLong() == 0);
    }

    @Override
    public void close() {
        bridge.close();
    }
}
