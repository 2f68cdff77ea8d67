package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every kind of request that uses the database, one after the other, on a queue of its own. */
public final class EveryRequest {
    private static final Logger log = LoggerFactory.getLogger(EveryRequest.class);

    private EveryRequest() {}

    /** Sends all requests. Returns the first unexpected answer with its request, or an empty text. */
    public static String wrong(RunningBridge bridge) {
        String queue = "every-" + UUID.randomUUID();
        try {
            String item = "{\"queue\":\"" + queue + "\",\"payload\":{\"n\":1}}";
            HttpResponse<String> answer = bridge.push("{\"items\":[" + item + "]}");
            if (!answer.body().contains("\"queued\"")) {
                return told("push", answer);
            }
            HttpResponse<String> popped =
                    bridge.get("/api/v1/pop/queue/" + URLEncoder.encode(queue, UTF_8) + "?wait=true&timeout=1000");
            JsonNode messages =
                    popped.statusCode() == 200 ? RunningBridge.json(popped.body()) : RunningBridge.json("{}");
            if (messages.path("messages").size() != 1) {
                return told("pop", popped);
            }
            answer = bridge.post("/api/v1/lease/" + messages.path("leaseId").textValue() + "/extend", "{}");
            if (!answer.body().contains("\"success\":true")) {
                return told("extend", answer);
            }
            JsonNode acknowledged = bridge.acknowledge(messages);
            if (!acknowledged.toString().contains("\"success\":true")) {
                return "ack: " + acknowledged;
            }
            answer = bridge.post(
                    "/api/v1/transaction",
                    "{\"operations\":[{\"type\":\"push\",\"items\":[" + item + "]}],\"requiredLeases\":[]}");
            if (!answer.body().contains("\"success\":true")) {
                return told("transaction", answer);
            }
            answer = bridge.post("/api/v1/push-legacy", "{\"items\":[" + item + "]}");
            if (!answer.body().contains("\"queued\"")) {
                return told("push-legacy", answer);
            }
            answer = bridge.post("/api/v1/configure", "{\"queue\":\"" + queue + "\",\"options\":{\"leaseTime\":60}}");
            if (answer.statusCode() >= 300) {
                return told("configure", answer);
            }
            answer = bridge.get("/api/v1/resources/queues/" + queue);
            return answer.statusCode() == 200 ? "" : told("queue", answer);
        } catch (UncheckedIOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static String told(String what, HttpResponse<String> answer) {
        return what + ": " + answer.statusCode() + " " + answer.body();
    }

    /** Sends all requests until every answer is as expected. Returns the time, or throws with the last wrong answer. */
    public static Duration awaitRight(RunningBridge bridge, Duration most) {
        long start = System.nanoTime();
        while (true) {
            String wrong = wrong(bridge);
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            log.debug("Every request was sent took={} wrong={}", took, wrong);
            if (wrong.isEmpty()) {
                return took;
            }
            if (took.compareTo(most) > 0) {
                throw new AssertionError("after " + took + " still " + wrong);
            }
        }
    }
}
