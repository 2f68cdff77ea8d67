package dev.sluice.bridge.workflow;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The operations of the client library of the contract (its JavaScript form), with what it sends by default and what it
 * reads of the answers: a push must be answered by an array, of whose elements {@code failed} is an error; a pop that
 * fails is an empty one; of a single ack only an {@code error} outside of an array is noticed.
 */
final class LibraryClient {
    static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(30);
    private static final Duration POP_MARGIN = Duration.ofSeconds(5);
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final Transport transport;

    LibraryClient(Transport transport) {
        this.transport = transport;
    }

    /** A client of one server, which does not wait long before it tries again. */
    static LibraryClient of(String url) {
        return new LibraryClient(new Transport(List.of(url), Duration.ofMillis(100), null));
    }

    static ObjectNode object() {
        return NODES.objectNode();
    }

    /** Returns a name as it stands in a path of administration, or in a query. */
    static String encoded(String name) {
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Nullable
    JsonNode get(String path) throws ClientException, InterruptedException {
        return transport.send("GET", path, null, REQUEST_TIMEOUT, path);
    }

    @Nullable
    JsonNode post(String path, JsonNode body) throws ClientException, InterruptedException {
        return transport.send("POST", path, body, REQUEST_TIMEOUT, path);
    }

    @Nullable
    JsonNode delete(String path) throws ClientException, InterruptedException {
        return transport.send("DELETE", path, null, REQUEST_TIMEOUT, path);
    }

    /** Creates a queue, with the options the library sends by default where {@code options} has no others. */
    JsonNode create(String queue, Consumer<ObjectNode> options) throws ClientException, InterruptedException {
        ObjectNode body = object().put("queue", queue).putNull("namespace").putNull("task");
        ObjectNode all = body.putObject("options")
                .put("leaseTime", 300)
                .put("retryLimit", 3)
                .put("priority", 0)
                .put("delayedProcessing", 0)
                .put("windowBuffer", 0)
                .put("maxSize", 0)
                .put("retentionSeconds", 0)
                .put("completedRetentionSeconds", 0)
                .put("encryptionEnabled", false);
        options.accept(all);
        for (String label : List.of("namespace", "task")) {
            if (all.has(label)) {
                body.set(label, all.remove(label));
            }
        }
        return withoutError(post("/api/v1/configure", body));
    }

    JsonNode create(String queue) throws ClientException, InterruptedException {
        return create(queue, options -> {});
    }

    JsonNode drop(String queue) throws ClientException, InterruptedException {
        return withoutError(delete("/api/v1/resources/queues/" + encoded(queue)));
    }

    private static JsonNode withoutError(@Nullable JsonNode answer) throws ClientException {
        if (answer == null) {
            throw new ClientException(200, "no body");
        }
        String error = answer.path("error").asText();
        if (answer.isObject() && !error.isEmpty() && !answer.get("error").isNull()) {
            throw new ClientException(200, error);
        }
        return answer;
    }

    /** Returns an item as the library makes it: with a transaction id, the default partition if there is none. */
    static ObjectNode item(String queue, @Nullable String partition, @Nullable String transactionId, JsonNode payload) {
        ObjectNode item = object().put("queue", queue)
                .put("partition", partition == null ? "Default" : partition)
                .put("transactionId", transactionId == null ? UUID.randomUUID().toString() : transactionId);
        item.set("payload", payload);
        return item;
    }

    /** Pushes whole numbers to a partition. */
    ArrayNode pushNumbers(String queue, @Nullable String partition, int from, int to)
            throws ClientException, InterruptedException {
        var items = new ArrayList<ObjectNode>();
        for (int i = from; i < to; i++) {
            items.add(item(queue, partition, null, NODES.numberNode(i)));
        }
        return push(items);
    }

    ArrayNode push(List<ObjectNode> items) throws ClientException, InterruptedException {
        ObjectNode body = object();
        items.forEach(body.putArray("items")::add);
        JsonNode answer = transport.send(
                "POST",
                "/api/v1/push",
                body,
                REQUEST_TIMEOUT,
                items.get(0).path("queue").asText());
        if (!(answer instanceof ArrayNode results)) {
            withoutError(answer);
            throw new ClientException(200, "a push is answered by an array");
        }
        for (JsonNode result : results) {
            if (result.path("status").asText().equals("failed")) {
                throw new ClientException(201, result.path("error").asText());
            }
        }
        return results;
    }

    /** What a pop asks for: parameters that are set, and those the library always sends. */
    static final class PopQuery {
        private final String path;
        private final Map<String, String> parameters = new HashMap<>();
        private Duration timeout = Duration.ofSeconds(30);

        private PopQuery(String path) {
            this.path = path;
            parameters.put("batch", "1");
            parameters.put("wait", "true");
        }

        /** Names stand in these paths as they are, the default partition stands for any. */
        static PopQuery of(String queue, @Nullable String partition) {
            return new PopQuery("/api/v1/pop/queue/" + queue
                    + (partition == null || partition.equals("Default") ? "" : "/partition/" + partition));
        }

        static PopQuery of(String queue) {
            return of(queue, null);
        }

        /** Of all queues of a namespace or task. */
        static PopQuery across() {
            return new PopQuery("/api/v1/pop");
        }

        PopQuery with(String parameter, Object value) {
            parameters.put(parameter, value.toString());
            return this;
        }

        PopQuery batch(int messages) {
            return with("batch", messages);
        }

        PopQuery group(String group) {
            return with("consumerGroup", group);
        }

        PopQuery once() {
            return with("wait", false);
        }

        PopQuery timeout(Duration time) {
            timeout = time;
            return this;
        }

        boolean waits() {
            return "true".equals(parameters.get("wait"));
        }

        @Nullable
        String groupName() {
            return parameters.get("consumerGroup");
        }

        private String address() {
            var text = new StringBuilder(path).append("?timeout=").append(timeout.toMillis());
            parameters.forEach(
                    (name, value) -> text.append('&').append(name).append('=').append(encoded(value)));
            return text.toString();
        }
    }

    /** Pops; what fails gives nothing. */
    List<JsonNode> pop(PopQuery query) throws InterruptedException {
        try {
            return popOrFail(query);
        } catch (ClientException e) {
            return List.of();
        }
    }

    /** Pops as a consumer's loop does, which wants to know. */
    List<JsonNode> popOrFail(PopQuery query) throws ClientException, InterruptedException {
        Duration limit = query.waits() ? query.timeout.plus(POP_MARGIN) : REQUEST_TIMEOUT;
        JsonNode answer = transport.send("GET", query.address(), null, limit, query.path + ":" + query.groupName());
        var messages = new ArrayList<JsonNode>();
        if (answer != null && answer.path("messages").isArray()) {
            answer.get("messages").forEach(messages::add);
        }
        return messages;
    }

    private static ObjectNode acknowledgment(JsonNode message, String status, @Nullable String error) {
        ObjectNode one = object();
        one.set("transactionId", message.get("transactionId"));
        one.set("partitionId", message.get("partitionId"));
        one.put("status", status).put("error", error);
        if (!message.path("leaseId").asText().isEmpty()) {
            one.set("leaseId", message.get("leaseId"));
        }
        return one;
    }

    /** Acknowledges one message: {@code completed}, {@code failed}, or another status. */
    JsonNode acknowledge(JsonNode message, String status, @Nullable String group, @Nullable String error)
            throws ClientException, InterruptedException {
        ObjectNode body = acknowledgment(message, status, error).put("consumerGroup", group);
        return withoutError(post("/api/v1/ack", body));
    }

    JsonNode complete(JsonNode message, @Nullable String group) throws ClientException, InterruptedException {
        return acknowledge(message, "completed", group, null);
    }

    /** Acknowledges messages together; none is no request. */
    JsonNode acknowledge(List<JsonNode> messages, String status, @Nullable String group, @Nullable String error)
            throws ClientException, InterruptedException {
        if (messages.isEmpty()) {
            return NODES.arrayNode();
        }
        ObjectNode body = object().put("consumerGroup", group);
        ArrayNode list = body.putArray("acknowledgments");
        messages.forEach(message -> list.add(acknowledgment(message, status, error)));
        return withoutError(post("/api/v1/ack/batch", body));
    }

    /** Lengthens the leases of messages, each lease once. Any answer with a body is a success. */
    List<JsonNode> renew(List<JsonNode> messages) throws ClientException, InterruptedException {
        var answers = new ArrayList<JsonNode>();
        for (String lease : messages.stream()
                .map(message -> message.path("leaseId").asText())
                .distinct()
                .toList()) {
            answers.add(withoutError(post("/api/v1/lease/" + lease + "/extend", object())));
        }
        return answers;
    }

    /** Collects pushes and acks, which happen together or not at all. */
    final class Transaction {
        private final ObjectNode body = object();
        private final ArrayNode operations = body.putArray("operations");
        private final ArrayNode leases = body.putArray("requiredLeases");

        Transaction push(ObjectNode... items) {
            ArrayNode list = operations.addObject().put("type", "push").putArray("items");
            for (ObjectNode item : items) {
                list.add(item);
            }
            return this;
        }

        /** The lease is told beside the operations, not in them. */
        Transaction acknowledge(JsonNode message, String status, @Nullable String group) {
            ObjectNode one = acknowledgment(message, status, null);
            one.remove(List.of("leaseId", "error"));
            one.put("type", "ack");
            if (group != null) {
                one.put("consumerGroup", group);
            }
            operations.add(one);
            leases.add(message.get("leaseId"));
            return this;
        }

        JsonNode commit() throws ClientException, InterruptedException {
            JsonNode answer = withoutError(post("/api/v1/transaction", body));
            if (!answer.path("success").booleanValue()) {
                throw new ClientException(200, answer.path("error").asText("Transaction failed"));
            }
            return answer;
        }
    }

    Transaction transaction() {
        return new Transaction();
    }

    /** Notes something about a message; what fails is of no consequence. */
    void trace(JsonNode message, JsonNode data, String... names) throws InterruptedException {
        ObjectNode body = object();
        body.set("transactionId", message.get("transactionId"));
        body.set("partitionId", message.get("partitionId"));
        body.set("data", data);
        ArrayNode list = body.putArray("traceNames");
        for (String name : names) {
            list.add(name);
        }
        try {
            JsonNode unused = post("/api/v1/traces", body);
        } catch (ClientException e) {
            // As the library does.
        }
    }

    /** Returns the dead letters of a queue; what fails gives none. */
    List<JsonNode> deadLetters(String queue, @Nullable String group) throws InterruptedException {
        var letters = new ArrayList<JsonNode>();
        try {
            JsonNode answer = get("/api/v1/dlq?queue=" + encoded(queue)
                    + (group == null ? "" : "&consumerGroup=" + encoded(group)) + "&limit=100&offset=0");
            if (answer != null) {
                answer.path("messages").forEach(letters::add);
            }
        } catch (ClientException e) {
            // As the library does.
        }
        return letters;
    }
}
