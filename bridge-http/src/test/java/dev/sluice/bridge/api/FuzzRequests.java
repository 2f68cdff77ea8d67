package dev.sluice.bridge.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.http.Route;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;

/**
 * Makes random requests by mutating the examples of the contract. The same seed makes the same requests, whatever the
 * answers are.
 *
 * <p>Only payloads and other data of clients contain {@link #MARKER}, so that a test can search for it.
 */
final class FuzzRequests {
    static final String MARKER = "pAyLoAdOfTheFuzz";

    private static final ObjectMapper JSON = new ObjectMapper();
    /** Bytes changed at a time: too few to tear the marker out of its string. */
    private static final int LONGEST_CUT = 8;

    private static final List<String> CARRIERS = List.of("payload", "data", "value");
    private static final List<String> NAMES = List.of(
            "orders",
            "q",
            "fuzz",
            "shop.orders.eu",
            ".",
            "..",
            "%",
            "a/b",
            "a b",
            "\u20ac\ud83d\ude00",
            "\0",
            "x".repeat(255),
            "x".repeat(256),
            "'; drop table sluice.queues; --",
            "__QUEUE_MODE__",
            "Default",
            "customer-7",
            "");
    private static final List<String> IDS = List.of(
            "534c5543-4500-8000-8000-000000000001",
            "534c5543-4500-8000-8000-000000000002",
            "534c5543-4500-8003-8000-000000000001",
            "534C5543-4500-8000-BFFF-FFFFFFFFFFFF",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "not-a-uuid",
            "1");
    private static final List<String> VALUES = List.of(
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1",
            "2147483647",
            "2147483648",
            "-9223372036854775808",
            "9223372036854775807",
            "9223372036854775808",
            "1e400",
            "-0.0",
            "1.5",
            "1e-400",
            "[]",
            "{}",
            "[[]]",
            "\"\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "\"2026-05-16T10:00:00Z\"",
            "\"-999999999-01-01T00:00:00Z\"",
            "\"+999999999-12-31T23:59:59Z\"",
            "\"9999-12-31T23:59:59.999999999+18:00\"",
            "\"0001-01-01T00:00:00-18:00\"",
            "\"now\"",
            "\"completed\"",
            "\"failed\"",
            "\"dlq\"",
            "\"retry\"",
            "\"orders\"",
            "[null]",
            "[1,\"a\"]",
            "{\"a\":null}");
    private static final List<String> TEXTS = List.of(
            "",
            "0",
            "1",
            "-1",
            "true",
            "false",
            "2147483647",
            "99999999999999999999",
            "1e3",
            "now",
            "all",
            "new",
            "2026-05-16T10:00:00Z",
            "-999999999-01-01T00:00:00Z",
            "+999999999-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "minute",
            "hour",
            "day",
            "week",
            "pending",
            "completed",
            "processing",
            "dead_letter",
            "\0",
            "\ud83d\ude00",
            "%00",
            "'",
            "orders");
    private static final List<String> PARAMETERS = List.of(
            "batch",
            "wait",
            "timeout",
            "partitions",
            "autoAck",
            "consumerGroup",
            "subscriptionMode",
            "subscriptionFrom",
            "namespace",
            "task",
            "queue",
            "partition",
            "limit",
            "offset",
            "from",
            "to",
            "status",
            "ns",
            "interval",
            "hostname",
            "workerId",
            "minLagSeconds",
            "deleteMetadata",
            "detail",
            "after",
            "id",
            "bucket",
            "group");
    private static final List<String> TYPES = List.of(
            "application/json",
            "application/x-ndjson",
            "application/jsonl",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "text/plain",
            "application/octet-stream",
            "multipart/form-data",
            "x",
            ";");

    private final Random random;
    private final List<Route> routes;
    /** By method and path. */
    private final Map<String, List<String>> examples = new TreeMap<>();

    /** A request. */
    @SuppressWarnings("ArrayRecordComponent") // No code compares it.
    record Request(String method, String path, Map<String, String> headers, byte[] body) {
        @Override
        public String toString() {
            String shown = new String(body, 0, Math.min(body.length, 2000), StandardCharsets.ISO_8859_1);
            return method + " " + path + " " + headers + " " + body.length + " bytes: " + JSON.valueToTree(shown);
        }
    }

    FuzzRequests(long seed, List<Route> routes, JsonNode contract) {
        random = new Random(seed);
        this.routes = routes;
        for (Route route : routes) {
            var bodies = new ArrayList<String>();
            contract.at("/paths/" + route.path().replace("~", "~0").replace("/", "~1") + "/"
                            + route.method().toLowerCase(java.util.Locale.ROOT) + "/requestBody/content")
                    .forEach(content -> content.path("examples").forEach(example -> bodies.add(marked(example))));
            if (bodies.isEmpty()) {
                bodies.add("{}");
            }
            examples.put(route.method() + " " + route.path(), bodies);
        }
    }

    private static String marked(JsonNode example) {
        JsonNode value = example.path("value");
        return value.isTextual() ? value.textValue() : mark(value.deepCopy()).toString();
    }

    /** Puts the marker where clients have data. */
    private static JsonNode mark(JsonNode node) {
        if (node instanceof ObjectNode object) {
            for (String name : CARRIERS) {
                if (object.has(name)) {
                    object.put(name, MARKER);
                }
            }
        }
        node.forEach(FuzzRequests::mark);
        return node;
    }

    private <T> T one(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    private boolean chance(double of) {
        return random.nextDouble() < of;
    }

    Request next() {
        Route route = one(routes);
        byte[] body = route.method().equals("GET") && chance(0.95)
                ? new byte[0]
                : body(one(examples.get(route.method() + " " + route.path())));
        var headers = new TreeMap<String, String>();
        if (chance(0.5)) {
            headers.put(
                    "Content-Type",
                    one(TYPES) + (chance(0.2) ? "; charset=" + one(List.of("utf-8", "utf-16", "x")) : ""));
        }
        if (chance(0.05)) {
            headers.put("Content-Encoding", one(List.of("gzip", "zstd", "identity", "br", "gzip, gzip")));
            if (chance(0.5) && body.length > 0) {
                body = zipped(body);
            }
        }
        if (chance(0.05)) {
            headers.put("Idempotency-Key", one(List.of("k", "\"k\"", "x".repeat(200), "x".repeat(201), " ", "\"")));
        }
        if (chance(0.05)) {
            headers.put("Accept", one(List.of("application/problem+json", "*/*", "text/html", ";;")));
        }
        if (chance(0.05)) {
            headers.put(
                    "traceparent",
                    one(List.of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0-0-0", "ff--")));
        }
        if (chance(0.1)) {
            for (String name : List.of("ce-specversion", "ce-id", "ce-source", "ce-type")) {
                headers.put(name, one(List.of("1.0", "1", "/shop", "%20", "%ff", "\"x\"")));
            }
        }
        return new Request(route.method(), path(route.path()) + query(), headers, body);
    }

    private String path(String pattern) {
        String path = pattern;
        for (int open = path.indexOf('{'); open >= 0; open = path.indexOf('{')) {
            int close = path.indexOf('}', open);
            boolean id = path.substring(open, close).endsWith("Id") && chance(0.8);
            String value = one(id ? IDS : NAMES);
            path = path.substring(0, open) + encoded(value.isEmpty() ? "e" : value) + path.substring(close + 1);
        }
        return chance(0.02) ? path + one(List.of("/", "//", "/..", "/%2e%2e", ";a=b", "%2F", "/%00", "/%C0%80")) : path;
    }

    private String query() {
        var query = new StringBuilder();
        int count = chance(0.5) ? 0 : 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            String value = chance(0.03)
                    ? one(List.of("%ff", "%C3", "%ed%a0%80", "+", "&", "="))
                    : encoded(one(chance(0.7) ? TEXTS : NAMES));
            query.append(i == 0 ? '?' : '&').append(one(PARAMETERS)).append('=').append(value);
        }
        return query.toString();
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private byte[] body(String example) {
        String text = example;
        int changes = random.nextInt(4);
        for (int i = 0; i < changes; i++) {
            text = changed(text);
        }
        byte[] bytes = harmless(text).getBytes(StandardCharsets.UTF_8);
        if (text.contains("\"host\"") || chance(0.7)) {
            return bytes;
        }
        for (int i = random.nextInt(4); i > 0 && bytes.length > 0; i--) {
            bytes = bent(bytes);
        }
        return bytes;
    }

    /** Replaces, adds or removes something, if the text is JSON. */
    private String changed(String text) {
        JsonNode root;
        try {
            root = JSON.readTree(text);
        } catch (IOException e) {
            return text;
        }
        var containers = new ArrayList<JsonNode>();
        collect(root, containers);
        if (containers.isEmpty()) {
            return text;
        }
        JsonNode container = one(containers);
        try {
            JsonNode value = JSON.readTree(one(VALUES));
            if (container instanceof ObjectNode object) {
                var names = new ArrayList<String>();
                object.fieldNames().forEachRemaining(names::add);
                String name = names.isEmpty() ? "queue" : one(names);
                if (chance(0.2)) {
                    object.remove(name);
                } else {
                    object.set(
                            chance(0.1) ? one(NAMES) : name,
                            chance(0.3) ? JSON.valueToTree(one(chance(0.5) ? NAMES : IDS)) : value);
                }
            } else if (container instanceof ArrayNode array) {
                if (array.isEmpty() || chance(0.5)) {
                    array.add(value);
                } else if (chance(0.5)) {
                    array.add(array.get(random.nextInt(array.size())).deepCopy());
                } else {
                    array.remove(random.nextInt(array.size()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return root.toString();
    }

    private static void collect(JsonNode node, List<JsonNode> containers) {
        if (node.isContainerNode()) {
            containers.add(node);
        }
        node.forEach(child -> collect(child, containers));
    }

    /**
     * Replaces every address of another server with a port without a server, and keeps the marker out of fields that
     * are not data of a client.
     */
    private static String harmless(String text) {
        if (!text.contains("\"host\"")) {
            return text;
        }
        try {
            ObjectNode root = (ObjectNode) JSON.readTree(text);
            if (root.path("host").isTextual()) {
                root.put("host", "127.0.0.1").put("port", "1");
            }
            return root.toString();
        } catch (IOException | ClassCastException e) {
            return "{}";
        }
    }

    private byte[] bent(byte[] bytes) {
        int at = random.nextInt(bytes.length);
        int length = Math.min(bytes.length - at, 1 + random.nextInt(LONGEST_CUT));
        switch (random.nextInt(5)) {
            case 0 -> {
                byte[] flipped = bytes.clone();
                flipped[at] ^= (byte) (1 << random.nextInt(8));
                return flipped;
            }
            case 1 -> {
                return Arrays.copyOf(bytes, at);
            }
            case 2 -> {
                return joined(Arrays.copyOf(bytes, at), Arrays.copyOfRange(bytes, at + length, bytes.length));
            }
            case 3 -> {
                return joined(Arrays.copyOf(bytes, at + length), Arrays.copyOfRange(bytes, at, bytes.length));
            }
            default -> {
                byte[] deep = one(List.of(
                                "[".repeat(1000), "{\"a\":".repeat(600), "9".repeat(2000), "\\u0000", "\uFEFF"))
                        .getBytes(StandardCharsets.UTF_8);
                return joined(joined(Arrays.copyOf(bytes, at), deep), Arrays.copyOfRange(bytes, at, bytes.length));
            }
        }
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static byte[] zipped(byte[] bytes) {
        var out = new ByteArrayOutputStream();
        try (var zip = new GZIPOutputStream(out)) {
            zip.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }
}
