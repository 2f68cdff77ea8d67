package dev.sluice.bridge.workflow;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests as the client library does. With one server a request is tried three times when there is no answer, or
 * one of 5xx; with several it goes round them once, and a server that failed is left alone for a while. An answer of
 * 4xx ends it.
 */
final class Transport {
    private static final int ATTEMPTS = 3;
    private static final Duration LEFT_ALONE = Duration.ofSeconds(5);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<String> urls;
    private final Duration firstPause;
    private final @Nullable String token;
    private final ConcurrentHashMap<String, Long> downUntil = new ConcurrentHashMap<>();
    private final AtomicInteger attempts = new AtomicInteger();

    /**
     * Makes a transport.
     *
     * @param firstPause before the second attempt; doubled before the third. The library waits one second
     * @param token for {@code Authorization}, or null
     */
    Transport(List<String> urls, Duration firstPause, @Nullable String token) {
        this.urls = List.copyOf(urls);
        this.firstPause = firstPause;
        this.token = token;
    }

    /** Returns how many requests have been sent, those sent again included. */
    int attempts() {
        return attempts.get();
    }

    /**
     * Sends a request.
     *
     * @param key of what is kept on one server: the servers are tried in an order that depends on it
     * @return the answer; null if it has no body, or none that is JSON
     * @throws ClientException if the answer is no success; its message is the {@code error} of the body
     */
    @Nullable
    JsonNode send(String method, String path, @Nullable JsonNode body, Duration timeout, String key)
            throws ClientException, InterruptedException {
        return urls.size() == 1 ? sendToOne(method, path, body, timeout) : sendToAny(method, path, body, timeout, key);
    }

    private @Nullable JsonNode sendToOne(String method, String path, @Nullable JsonNode body, Duration timeout)
            throws ClientException, InterruptedException {
        Duration pause = firstPause;
        for (int attempt = 1; ; attempt++) {
            try {
                return once(urls.get(0), method, path, body, timeout);
            } catch (ClientException e) {
                if (isFinal(e) || attempt == ATTEMPTS) {
                    throw e;
                }
                Thread.sleep(pause.toMillis());
                pause = pause.multipliedBy(2);
            }
        }
    }

    private @Nullable JsonNode sendToAny(
            String method, String path, @Nullable JsonNode body, Duration timeout, String key)
            throws ClientException, InterruptedException {
        ClientException last = null;
        int first = Math.floorMod(fnv1a(key), urls.size());
        for (int i = 0; i < urls.size(); i++) {
            String url = urls.get((first + i) % urls.size());
            Long until = downUntil.get(url);
            if (until != null && System.nanoTime() - until < 0 && i < urls.size() - 1) {
                continue;
            }
            try {
                JsonNode answer = once(url, method, path, body, timeout);
                downUntil.remove(url);
                return answer;
            } catch (ClientException e) {
                if (isFinal(e)) {
                    throw e;
                }
                downUntil.put(url, System.nanoTime() + LEFT_ALONE.toNanos());
                last = e;
            }
        }
        throw last == null ? new ClientException(ClientException.NO_ANSWER, "no server is up") : last;
    }

    private static boolean isFinal(ClientException e) {
        return e.status() >= 400 && e.status() < 500;
    }

    /** The hash the library spreads its keys by. */
    static int fnv1a(String key) {
        int hash = 0x811c9dc5;
        for (byte each : key.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (each & 0xff)) * 0x01000193;
        }
        return hash;
    }

    private @Nullable JsonNode once(String url, String method, String path, @Nullable JsonNode body, Duration timeout)
            throws ClientException, InterruptedException {
        attempts.incrementAndGet();
        var request = HttpRequest.newBuilder(URI.create(url + path))
                .timeout(timeout)
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body.toString()));
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        try {
            return read(http.send(request.build(), BodyHandlers.ofString(StandardCharsets.UTF_8)));
        } catch (HttpTimeoutException e) {
            throw new ClientException(ClientException.NO_ANSWER, "timeout");
        } catch (IOException e) {
            throw new ClientException(ClientException.NO_ANSWER, "fetch failed: " + e);
        }
    }

    private static @Nullable JsonNode read(HttpResponse<String> answer) throws ClientException {
        int status = answer.statusCode();
        if (status == 204) {
            return null;
        }
        JsonNode body = parse(answer.body());
        if (status < 200 || status > 299) {
            String error = body == null ? "" : body.path("error").asText();
            throw new ClientException(status, error.isEmpty() ? "HTTP " + status : error);
        }
        return body;
    }

    private static @Nullable JsonNode parse(String text) {
        try {
            return text.isEmpty() ? null : JSON.readTree(text);
        } catch (JsonProcessingException e) {
            return null;
        }
    }
}
