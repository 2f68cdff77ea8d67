package dev.sluice.bridge.e2e;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Speaks to a bridge as a producer and a consumer do. Keeps payloads as bytes both ways. */
final class BridgeClient {
    private static final Duration TIMEOUT = Duration.ofSeconds(120);
    private static final int MAX_RETRIES = 5;
    private static final long RETRY_PAUSE_MILLIS = 200;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JsonFactory FACTORY = new JsonFactory();

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String base;

    BridgeClient(int port) {
        this.base = "http://127.0.0.1:" + port;
    }

    /** A message to push, its payload JSON as it shall come back. */
    @SuppressWarnings("ArrayRecordComponent") // Nobody compares them.
    record Item(String queue, String partition, String transactionId, byte[] payload) {}

    /** A message as popped, its payload cut out of the answer byte for byte. */
    @SuppressWarnings("ArrayRecordComponent") // Nobody compares them.
    record Popped(String partition, String partitionId, String transactionId, String leaseId, byte[] payload) {}

    /** Pushes and returns the status of each item; throws if the answer is not 201. */
    List<String> push(List<Item> items) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer = send("POST", "/api/v1/push", pushBody(items));
        if (answer.statusCode() != 201) {
            throw new IOException("push answered " + answer.statusCode() + ": " + text(answer));
        }
        var statuses = new ArrayList<String>();
        JSON.readTree(answer.body())
                .forEach(item -> statuses.add(item.get("status").asText()));
        return statuses;
    }

    private static byte[] pushBody(List<Item> items) throws IOException {
        var body = new ByteArrayOutputStream();
        body.write("{\"items\":[".getBytes(StandardCharsets.UTF_8));
        String separator = "";
        for (Item item : items) {
            String head = separator + "{\"queue\":\"" + item.queue() + "\",\"partition\":\"" + item.partition()
                    + "\",\"transactionId\":\"" + item.transactionId() + "\",\"payload\":";
            body.write(head.getBytes(StandardCharsets.UTF_8));
            body.write(item.payload());
            body.write('}');
            separator = ",";
        }
        body.write("]}".getBytes(StandardCharsets.UTF_8));
        return body.toByteArray();
    }

    /** Pops; empty when there is nothing. */
    List<Popped> pop(String queue, String group, String parameters) throws IOException, InterruptedException {
        HttpResponse<byte[]> answer =
                send("GET", "/api/v1/pop/queue/" + queue + "?consumerGroup=" + group + parameters, null);
        if (answer.statusCode() == 204) {
            return List.of();
        }
        if (answer.statusCode() != 200) {
            throw new IOException("pop answered " + answer.statusCode() + ": " + text(answer));
        }
        byte[] body = answer.body();
        List<byte[]> payloads = payloads(body);
        var popped = new ArrayList<Popped>();
        for (JsonNode message : JSON.readTree(body).get("messages")) {
            popped.add(new Popped(
                    message.get("partition").asText(),
                    message.get("partitionId").asText(),
                    message.get("transactionId").asText(),
                    message.get("leaseId").asText(),
                    payloads.get(popped.size())));
        }
        return popped;
    }

    /** Acknowledges as completed and returns, by message, whether that was accepted. */
    List<Boolean> acknowledge(List<Popped> messages, String group) throws IOException, InterruptedException {
        var acknowledgments = JSON.createArrayNode();
        for (Popped message : messages) {
            acknowledgments
                    .addObject()
                    .put("transactionId", message.transactionId())
                    .put("partitionId", message.partitionId())
                    .put("leaseId", message.leaseId())
                    .put("status", "completed");
        }
        var body = JSON.createObjectNode().put("consumerGroup", group);
        body.set("acknowledgments", acknowledgments);
        // As clients do: an answer of 5xx is tried again, a few times.
        HttpResponse<byte[]> answer = send("POST", "/api/v1/ack/batch", JSON.writeValueAsBytes(body));
        for (int retry = 0; answer.statusCode() >= 500 && retry < MAX_RETRIES; retry++) {
            Thread.sleep(RETRY_PAUSE_MILLIS);
            answer = send("POST", "/api/v1/ack/batch", JSON.writeValueAsBytes(body));
        }
        if (answer.statusCode() != 200) {
            throw new IOException("ack answered " + answer.statusCode() + ": " + text(answer));
        }
        var accepted = new ArrayList<Boolean>();
        JSON.readTree(answer.body())
                .forEach(result -> accepted.add(result.get("success").asBoolean()));
        return accepted;
    }

    JsonNode get(String path) throws IOException, InterruptedException {
        return JSON.readTree(send("GET", path, null).body());
    }

    HttpResponse<byte[]> send(String method, String path, byte @org.jspecify.annotations.Nullable [] body)
            throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(URI.create(base + path))
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body))
                .build();
        return http.send(request, BodyHandlers.ofByteArray());
    }

    private static String text(HttpResponse<byte[]> answer) {
        return new String(answer.body(), StandardCharsets.UTF_8);
    }

    /** Cuts the values of all {@code data} fields of the messages out of an answer. */
    private static List<byte[]> payloads(byte[] body) throws IOException {
        var payloads = new ArrayList<byte[]>();
        try (JsonParser parser = FACTORY.createParser(body)) {
            int depth = 0;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token.isStructStart()) {
                    depth++;
                } else if (token.isStructEnd()) {
                    depth--;
                } else if (token == JsonToken.FIELD_NAME
                        && depth == 3
                        && parser.currentName().equals("data")) {
                    parser.nextToken();
                    int from = (int) parser.currentTokenLocation().getByteOffset();
                    parser.skipChildren();
                    parser.finishToken();
                    int to = (int) parser.currentLocation().getByteOffset();
                    payloads.add(Arrays.copyOfRange(body, from, to));
                }
            }
        }
        return payloads;
    }
}
