package dev.sluice.bridge.e2e;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.github.luben.zstd.Zstd;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Requests that cost the most memory for their size, found by the fuzzer and by looking for what each route keeps of a
 * body.
 *
 * <p>{@link #ALL} is the list. A body is made when it is sent, because all of them together are larger than a test may
 * be.
 */
final class WorstRequests {
    /** The largest body there may be by default. */
    private static final int BODY_BYTES = 16 << 20;

    private static final int ITEMS = 100_000;
    private static final String UUID = "534c5543-4500-8000-8000-000000000001";
    private static final String JSON = "application/json";
    private static final String LINES = "application/x-ndjson";

    /** A request, without its body. */
    record Request(String name, String method, String path, Map<String, String> headers, Supplier<byte[]> body) {}

    static final Request SMALL_ITEMS =
            post("small items", "/api/v1/push", JSON, () -> array("items", "{\"queue\":\"w\"}", ITEMS));
    static final Request LARGE_TEXT =
            post("one large text", "/api/v1/push?queue=w", LINES, () -> wrap("\"", text(BODY_BYTES - 2), "\""));

    /** All of them. */
    static final List<Request> ALL = List.of(
            SMALL_ITEMS,
            LARGE_TEXT,
            post("small items, direct", "/api/v1/push-legacy", JSON, () -> array("items", "{\"queue\":\"w\"}", ITEMS)),
            post("small lines", "/api/v1/push?queue=w", LINES, () -> repeat("{}\n", ITEMS)),
            post("lines to a long name", "/api/v1/push?queue=" + "w".repeat(255), LINES, () -> repeat("1\n", ITEMS)),
            post("small elements", "/api/v1/push?queue=w", JSON, () -> wrap("[1", repeat(",1", ITEMS - 1), "]")),
            post("one large number", "/api/v1/push?queue=w", LINES, () -> repeat("9", BODY_BYTES)),
            post("one large payload", "/api/v1/push", JSON, () -> payload(repeat("[],", (BODY_BYTES - 100) / 3))),
            post("one large name", "/api/v1/push", JSON, () -> payload(wrap("{\"", text(BODY_BYTES - 100), "\":1},"))),
            post("many names", "/api/v1/push", JSON, () -> payload(names(1_000_000))),
            post(
                    "a large queue name",
                    "/api/v1/push",
                    JSON,
                    () -> wrap("{\"items\":[{\"queue\":\"", text(BODY_BYTES - 100), "\"}]}")),
            new Request(
                    "zeros, compressed",
                    "POST",
                    "/api/v1/push?queue=w",
                    Map.of("Content-Type", LINES, "Content-Encoding", "zstd"),
                    () -> Zstd.compress(repeat("1\n", ITEMS))),
            post("events", "/api/v1/push/w", "application/cloudevents-batch+json", () -> events(50_000)),
            binary("an event of text", "text/plain"),
            binary("an event of bytes", "application/octet-stream"),
            post(
                    "acknowledgements",
                    "/api/v1/ack/batch",
                    JSON,
                    () -> array("acknowledgments", acknowledgement(""), ITEMS)),
            post(
                    "acknowledgements with errors",
                    "/api/v1/ack/batch",
                    JSON,
                    () -> array(
                            "acknowledgments",
                            acknowledgement(",\"status\":\"failed\",\"error\":\"" + "e".repeat(9000) + "\""),
                            1500)),
            post(
                    "operations",
                    "/api/v1/transaction",
                    JSON,
                    () -> array("operations", acknowledgement(",\"type\":\"ack\""), ITEMS)),
            post(
                    "a transaction of small items",
                    "/api/v1/transaction",
                    JSON,
                    () -> wrap(
                            "{\"operations\":[{\"type\":\"push\",\"items\":[{\"queue\":\"w\"}",
                            repeat(",{\"queue\":\"w\"}", ITEMS - 1),
                            "]}]}")),
            post("unknown operations", "/api/v1/transaction", JSON, () -> array("operations", "{}", 99_999)),
            post(
                    "changes of state",
                    "/streams/v1/cycle",
                    JSON,
                    () -> cycle("{\"type\":\"upsert\",\"key\":\"k\",\"value\":{}}", ITEMS)),
            post(
                    "keys of state",
                    "/streams/v1/state/get",
                    JSON,
                    () -> wrap(
                            "{\"query_id\":\"" + UUID + "\",\"partition_id\":\"" + UUID + "\",\"keys\":[\"k\"",
                            repeat(",\"k\"", ITEMS - 1),
                            "]}")),
            post(
                    "a large trace",
                    "/api/v1/traces",
                    JSON,
                    () -> wrap(
                            "{\"transactionId\":\"t\",\"partitionId\":\"" + UUID + "\",\"data\":\"",
                            text(BODY_BYTES - 200),
                            "\"}")),
            post(
                    "lines of a log",
                    "/api/v1/buffers/requeue",
                    LINES,
                    () -> repeat("{\"queue\":\"w\",\"transactionId\":\"t\",\"payload\":1}\n", ITEMS)),
            post("ids of failed records", "/api/v1/buffers/failed/retry", JSON, () -> array("ids", "1", ITEMS)),
            post("empty objects", "/api/v1/configure", JSON, () -> tree("{}")),
            post("empty arrays", "/api/v1/dlq/redrive", JSON, () -> tree("[]")),
            post("numbers", "/api/v1/system/maintenance", JSON, () -> tree("1")),
            post("fields", "/api/v1/migration/test-connection", JSON, () -> names(1_000_000)),
            post("texts", "/internal/api/notify", JSON, () -> tree("\"\"")),
            post("objects to a group", "/api/v1/consumer-groups/g/queues/w/seek", JSON, () -> tree("{\"\":0}")),
            post("objects to a lease", "/api/v1/lease/" + UUID + "/extend", JSON, () -> tree("{}")),
            post("objects to a query", "/streams/v1/queries", JSON, () -> tree("{}")),
            get("/api/v1/pop/queue/w?batch=10000&autoAck=true"),
            get("/api/v1/pop/queue/w?batch=10000&partitions=100&consumerGroup=all"),
            get("/api/v1/messages?limit=1000"),
            get("/api/v1/dlq?limit=1000"),
            get("/metrics/prometheus"));

    private WorstRequests() {}

    private static Request post(String name, String path, String type, Supplier<byte[]> body) {
        return new Request(name, "POST", path, Map.of("Content-Type", type), body);
    }

    private static Request get(String path) {
        return new Request(path, "GET", path, Map.of(), () -> new byte[0]);
    }

    private static Request binary(String name, String type) {
        var headers =
                Map.of("Content-Type", type, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "/w", "ce-type", "w");
        return new Request(name, "POST", "/api/v1/push/w", headers, () -> text(BODY_BYTES));
    }

    private static String acknowledgement(String more) {
        return "{\"transactionId\":\"t\",\"partitionId\":\"" + UUID + "\"" + more + "}";
    }

    private static byte[] array(String name, String element, int count) {
        return wrap("{\"" + name + "\":[" + element, repeat("," + element, count - 1), "]}");
    }

    private static byte[] cycle(String change, int count) {
        return wrap(
                "{\"query_id\":\"" + UUID + "\",\"partition_id\":\"" + UUID + "\",\"state_ops\":[" + change,
                repeat("," + change, count - 1),
                "]}");
    }

    /** An object with an array that nobody asked for, as large as a body may be. */
    private static byte[] tree(String element) {
        return wrap(
                "{\"queue\":\"w\",\"x\":[" + element,
                repeat("," + element, (BODY_BYTES - 100) / (element.length() + 1)),
                "]}");
    }

    private static byte[] payload(byte[] elements) {
        return wrap("{\"items\":[{\"queue\":\"w\",\"payload\":[", elements, "1]}]}");
    }

    private static byte[] names(int count) {
        var names = new StringBuilder("{");
        for (int i = 0; i < count; i++) {
            names.append("\"n").append(i).append("\":1,");
        }
        return names.append("\"n\":1}").toString().getBytes(UTF_8);
    }

    private static byte[] events(int count) {
        var events = new StringBuilder("[");
        for (int i = 0; i < count; i++) {
            events.append(i == 0 ? "" : ",")
                    .append("{\"specversion\":\"1.0\",\"id\":\"")
                    .append(i)
                    .append("\",\"source\":\"/w\",\"type\":\"w\"}");
        }
        return events.append("]").toString().getBytes(UTF_8);
    }

    private static byte[] text(int bytes) {
        return repeat("x", bytes);
    }

    private static byte[] repeat(String text, int count) {
        byte[] one = text.getBytes(UTF_8);
        byte[] all = new byte[one.length * count];
        for (int i = 0; i < all.length; i++) {
            all[i] = one[i % one.length];
        }
        return all;
    }

    private static byte[] wrap(String before, byte[] middle, String after) {
        byte[] head = before.getBytes(UTF_8);
        byte[] tail = after.getBytes(UTF_8);
        byte[] all = new byte[head.length + middle.length + tail.length];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(middle, 0, all, head.length, middle.length);
        System.arraycopy(tail, 0, all, head.length + middle.length, tail.length);
        return all;
    }
}
