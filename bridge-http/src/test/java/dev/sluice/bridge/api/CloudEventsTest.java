package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** CloudEvents 1.0.2 in the three modes of its HTTP binding. */
class CloudEventsTest {
    private static final String STRUCTURED = "application/cloudevents+json; charset=utf-8";
    private static final String BATCH = "application/cloudevents-batch+json";

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static HttpResponse<String> push(String queue, String contentType, String body) {
        return bridge.post("/api/v1/push/" + queue, body, "Content-Type", contentType);
    }

    private static JsonNode taken(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
        return RunningBridge.json(response.body());
    }

    private static void assertRefused(HttpResponse<String> response, String error) {
        assertThat(RunningBridge.json(response.body()).path("error").asText()).isEqualTo(error);
        assertThat(response.statusCode()).isEqualTo(400);
    }

    private static String popText(String queueAndPartition) {
        String path = "/api/v1/pop/queue/" + queueAndPartition + "?autoAck=true&wait=true&timeout=30000";
        return bridge.get(path).body();
    }

    @Nested
    class Structured {
        @Test
        void theEventIsThePayloadAsItCame() {
            String event = "{\"specversion\":\"1.0\", \"id\":\"42\",\"source\":\"/shop\",\"type\":\"order.paid\","
                    + "\"time\":\"2026-05-16T10:00:00Z\",\"partitionkey\":\"customer-7\",\"count\":3,\"late\":false,"
                    + "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\","
                    + "\"data\":{\"total\":  12.50}}";
            JsonNode results = taken(push("structured", STRUCTURED, "  " + event + "\n"));
            assertThat(results).hasSize(1);
            assertThat(results.at("/0/transaction_id").asText()).isEqualTo("/shop 42");
            assertThat(results.at("/0/status").asText()).isEqualTo("queued");
            assertThat(results.at("/0/trace_id").asText()).isEqualTo("0af76519-16cd-43dd-8448-eb211c80319c");
            assertThat(results.at("/0/queueName").asText()).isEqualTo("structured");
            assertThat(popText("structured/partition/customer-7")).contains("\"data\":" + event + ",");
        }

        @Test
        void theSameIdOfTheSameSourceIsADuplicate() {
            String event = "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"t\"}";
            String queue = "identity";
            assertThat(status(push(queue, STRUCTURED, event.formatted("1", "/a"))))
                    .isEqualTo("queued");
            assertThat(status(push(queue, STRUCTURED, event.formatted("1", "/a"))))
                    .isEqualTo("duplicate");
            assertThat(status(push(queue, STRUCTURED, event.formatted("2", "/a"))))
                    .isEqualTo("queued");
            assertThat(status(push(queue, STRUCTURED, event.formatted("1", "/b"))))
                    .isEqualTo("queued");
            String longest = "i".repeat(255 - "/a ".length());
            assertThat(taken(push(queue, STRUCTURED, event.formatted(longest, "/a")))
                            .at("/0/transaction_id")
                            .asText())
                    .isEqualTo("/a " + longest);
            String tooLong = longest + "i";
            assertThat(taken(push(queue, STRUCTURED, event.formatted(tooLong, "/a")))
                            .at("/0/transaction_id")
                            .asText())
                    .matches("sha256 [0-9a-f]{64}");
            assertThat(status(push(queue, STRUCTURED, event.formatted(tooLong, "/a"))))
                    .isEqualTo("duplicate");
        }

        private String status(HttpResponse<String> response) {
            return taken(response).at("/0/status").asText();
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "{}|specversion is required",
                    "[]|an event must be an object",
                    "{\"specversion\":\"1.0\",\"source\":\"s\",\"type\":\"t\"}|id is required",
                    "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}|id is required",
                    "{\"specversion\":\"1.0\",\"id\":null,\"source\":\"s\",\"type\":\"t\"}|id is required",
                    "{\"specversion\":\"1.0\",\"id\":1,\"source\":\"s\",\"type\":\"t\"}|id must be a string",
                    "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}|source is required",
                    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"a b\",\"type\":\"t\"}|source must be a URI",
                    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\"}|type is required",
                    "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}|specversion must be 1.0",
                })
        void whatIsRequiredIsNamed(String event, String error) {
            assertRefused(push("bad", STRUCTURED, event), error);
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "\"Name\":\"x\"|names of attributes have lower-case letters and digits only, not Name",
                    "\"a\":1.5|a must be a string, a whole number, true or false",
                    "\"a\":{}|a must be a string, a whole number, true or false",
                    "\"time\":\"today\"|time must be a time: RFC 3339 like 2026-05-16T10:00:00Z (with T or a space; "
                            + "without an offset it is UTC), a date like 2026-05-16 (its midnight UTC), or milliseconds since "
                            + "1970; in the years 1 to 9999",
                    "\"subject\":\"\"|subject must not be empty",
                    "\"partitionkey\":\"\"|partitionkey must not be empty",
                    "\"dataschema\":\"a b\"|dataschema must be a URI",
                    "\"data_base64\":\"*\"|data_base64 must be a string in base64",
                    "\"data_base64\":1|data_base64 must be a string in base64",
                    "\"data\":1,\"data_base64\":\"AA==\"|an event has data or data_base64, not both",
                })
        void whatAnAttributeMustBeIsSaid(String attribute, String error) {
            String event = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"," + attribute + "}";
            assertRefused(push("bad", STRUCTURED, event), error);
        }
    }

    @Nested
    class Batched {
        @Test
        void eachEventIsAMessage() {
            JsonNode results = taken(push(
                    "batch",
                    BATCH,
                    "[{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":1},\n"
                            + "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"s\",\"type\":\"t\","
                            + "\"data_base64\":\"AAE=\"}]"));
            assertThat(results.findValuesAsText("transaction_id")).containsExactly("s 1", "s 2");
            assertThat(results.findValuesAsText("status")).containsExactly("queued", "queued");
            JsonNode popped = bridge.pop("batch?batch=2&wait=true&timeout=30000");
            assertThat(popped.at("/messages/1/data/data_base64").asText()).isEqualTo("AAE=");
        }

        @Test
        void oneBadEventRefusesAllAndIsNamed() {
            String good = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}";
            assertRefused(push("batch-bad", BATCH, "[" + good + ",{}]"), "event 1: specversion is required");
            assertRefused(push("batch-bad", BATCH, good), "a batch of events must be an array");
            assertThat(bridge.pop("batch-bad").path("messages")).isEmpty();
        }

        @Test
        void mayBeEmpty() {
            assertThat(taken(push("batch", BATCH, "[]"))).isEmpty();
        }
    }

    @Nested
    class Binary {
        private final Map<String, String> attributes = new TreeMap<>(
                Map.of("ce-specversion", "1.0", "ce-id", "42", "ce-source", "/shop", "ce-type", "order.paid"));

        private HttpResponse<String> push(String queue, byte[] body) {
            var headers = new ArrayList<String>();
            attributes.forEach((name, value) -> headers.addAll(List.of(name, value)));
            return bridge.post("/api/v1/push/" + queue, body, headers.toArray(String[]::new));
        }

        private String stored(String queue, byte[] body) {
            taken(push(queue, body));
            String answer = popText(queue);
            int from = answer.indexOf("\"data\":") + "\"data\":".length();
            return answer.substring(from, answer.indexOf(",\"producerSub\""));
        }

        private static final String CORE =
                "{\"id\":\"42\",\"source\":\"/shop\",\"specversion\":\"1.0\",\"type\":\"order.paid\"";

        @Test
        void dataInJsonStaysAsItIs() {
            attributes.put("Content-Type", "application/json");
            assertThat(stored("b-json", " {\"total\":  12.50} ".getBytes(UTF_8)))
                    .isEqualTo(CORE + ",\"datacontenttype\":\"application/json\",\"data\":{\"total\":  12.50}}");
            attributes.put("Content-Type", "application/vnd.shop+json");
            assertThat(stored("b-plus-json", "null".getBytes(UTF_8)))
                    .isEqualTo(CORE + ",\"datacontenttype\":\"application/vnd.shop+json\",\"data\":null}");
        }

        @Test
        void dataThatIsTextIsAString() {
            attributes.put("Content-Type", "text/plain; charset=utf-8");
            assertThat(stored("b-text", "grüße\n".getBytes(UTF_8)))
                    .isEqualTo(CORE + ",\"datacontenttype\":\"text/plain; charset=utf-8\",\"data\":\"grüße\\u000a\"}");
        }

        @Test
        void otherDataIsBase64() {
            assertThat(stored("b-none", new byte[] {1, 2})).isEqualTo(CORE + ",\"data_base64\":\"AQI=\"}");
            attributes.put("Content-Type", "application/octet-stream");
            assertThat(stored("b-bytes", new byte[] {'1'}))
                    .isEqualTo(CORE + ",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"MQ==\"}");
            attributes.put("Content-Type", "text/plain; charset=iso-8859-1");
            assertThat(stored("b-latin", new byte[] {(byte) 0xfc})).contains("\"data_base64\":\"/A==\"}");
            attributes.put("Content-Type", "text/plain");
            assertThat(stored("b-not-utf8", new byte[] {(byte) 0xfc})).contains("\"data_base64\":\"/A==\"}");
        }

        @Test
        void anEventMayHaveNoData() {
            assertThat(stored("b-empty", new byte[0])).isEqualTo(CORE + "}");
        }

        @Test
        void headersArePercentEncoded() {
            attributes.put("ce-subject", "gr%C3%BC%C3%9Fe 100%25");
            attributes.put("CE-Partitionkey", "\"a \\\"b\\\"\"");
            taken(push("b-encoded", new byte[0]));
            JsonNode popped = bridge.pop("b-encoded?wait=true&timeout=30000");
            assertThat(popped.at("/messages/0/data/subject").asText()).isEqualTo("grüße 100%");
            assertThat(popped.at("/messages/0/partition").asText()).isEqualTo("a \"b\"");
            for (String value : List.of("%", "%C3", "%GG", "%FF")) {
                attributes.put("ce-subject", value);
                assertRefused(push("b-encoded", new byte[0]), "ce-subject must be percent-encoded UTF-8");
            }
        }

        @ParameterizedTest
        @ValueSource(strings = {"specversion", "id", "source", "type"})
        void headersThatAreRequiredAreNamed(String name) {
            attributes.remove("ce-" + name);
            assertRefused(push("bad", new byte[0]), "ce-" + name + " is required");
        }

        @ParameterizedTest
        @ValueSource(strings = {"data", "datacontenttype"})
        void whatIsNoAttributeIsRefused(String name) {
            attributes.put("ce-" + name, "x");
            assertRefused(push("bad", new byte[0]), "ce-" + name + " is not an attribute of the binary mode");
        }

        @Test
        void dataMustBeWhatItsTypeSays() {
            attributes.put("Content-Type", "application/json");
            HttpResponse<String> response = push("bad", "{".getBytes(UTF_8));
            assertThat(response.statusCode()).isEqualTo(400);
            assertThat(response.body()).contains("Invalid JSON");
        }
    }

    @Nested
    class Headers {
        private static final String EVENT = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"%s}";

        private JsonNode headers(String queue) {
            return bridge.pop(queue + "?batch=2&wait=true&timeout=30000").at("/messages/0/headers");
        }

        @Test
        void areAllAttributesOfAStructuredEvent() {
            taken(push(
                    "ce-structured",
                    STRUCTURED,
                    EVENT.formatted(
                            ",\"subject\":\"Ærø \\\"7\\\"\",\"flag\":true,\"count\":9007199254740993,\"off\":null,"
                                    + "\"datacontenttype\":\"application/json\",\"data\":{\"total\":12.50}")));
            assertThat(headers("ce-structured"))
                    .isEqualTo(RunningBridge.json(
                            "{\"ce-count\":\"9007199254740993\",\"ce-datacontenttype\":\"application/json\","
                                    + "\"ce-flag\":\"true\",\"ce-id\":\"1\",\"ce-source\":\"/s\",\"ce-specversion\":\"1.0\","
                                    + "\"ce-subject\":\"Ærø \\\"7\\\"\",\"ce-type\":\"t\"}"));
        }

        @Test
        void areAllAttributesOfABinaryEvent() {
            taken(bridge.post(
                    "/api/v1/push/ce-binary",
                    "{}",
                    "Content-Type",
                    "application/json",
                    "ce-specversion",
                    "1.0",
                    "ce-id",
                    "1",
                    "CE-Source",
                    "/s",
                    "ce-type",
                    "t",
                    "ce-subject",
                    "gr%C3%BC%C3%9Fe"));
            assertThat(headers("ce-binary"))
                    .isEqualTo(RunningBridge.json(
                            "{\"ce-datacontenttype\":\"application/json\",\"ce-id\":\"1\",\"ce-source\":\"/s\","
                                    + "\"ce-specversion\":\"1.0\",\"ce-subject\":\"grüße\",\"ce-type\":\"t\"}"));
        }

        @Test
        void ofABatchBelongToTheirEvents() {
            taken(push("ce-batch", BATCH, "[" + EVENT.formatted(",\"a\":\"1\"") + "]"));
            assertThat(headers("ce-batch").path("ce-a").asText()).isEqualTo("1");
        }

        @Test
        void haveTheTraceOfTheEventAndThatOfTheRequest() {
            String ofEvent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            String ofRequest = "00-11111111111111111111111111111111-b7ad6b7169203331-01";
            taken(bridge.post(
                    "/api/v1/push/ce-trace",
                    EVENT.formatted(",\"traceparent\":\"" + ofEvent + "\""),
                    "Content-Type",
                    STRUCTURED,
                    "traceparent",
                    ofRequest));
            JsonNode message = bridge.pop("ce-trace?wait=true&timeout=30000").at("/messages/0");
            assertThat(message.at("/headers/ce-traceparent").asText()).isEqualTo(ofEvent);
            assertThat(message.at("/headers/traceparent").asText()).isEqualTo(ofRequest);
            assertThat(message.path("traceId").asText()).isEqualTo("0af76519-16cd-43dd-8448-eb211c80319c");
        }

        @Test
        void haveTheLimitsOfHeaders() {
            var many = new StringBuilder();
            for (int i = 0; i < 60; i++) {
                many.append(",\"x").append(i).append("\":\"\"");
            }
            taken(push("ce-many", STRUCTURED, EVENT.formatted(many)));
            assertRefused(
                    push("ce-many", BATCH, "[" + EVENT.formatted(many + ",\"y\":\"\"") + "]"),
                    "event 0: headers must be at most 64 (message.headers.max.count), are 65");
        }

        @ParameterizedTest
        @CsvSource(
                delimiter = '|',
                quoteCharacter = '`',
                value = {
                    "\\u0000|0000",
                    "\\n|000A",
                    "\\t|0009",
                    "\\u0085|0085",
                    "\\ud800|D800",
                    "\\ufffe|FFFE",
                    "\\ufdd0|FDD0",
                    "\\ud83f\\udfff|1FFFF"
                })
        void areRefusedIfTheEventHasCharactersThatNoneMayHave(String escape, String code) {
            assertRefused(
                    push("ce-bad", STRUCTURED, EVENT.formatted(",\"subject\":\"a" + escape + "\"")),
                    "subject must not contain U+" + code + ", has it at index 1");
        }
    }

    @Test
    void formatsOtherThanJsonAreNotSupported() {
        HttpResponse<String> response = push("bad", "application/cloudevents+avro", "x");
        assertThat(response.statusCode()).isEqualTo(415);
        assertThat(response.body()).contains("Content-Type must be application/cloudevents+json");
    }

    /** The log holds the attributes of an event twice: in the payload and as headers. */
    @Nested
    class AsLargeAsABodyMayBe {
        private static final int BODY_BYTES = 200_000;

        @TempDir
        Path data;

        private static String event(int id, int attributeBytes) {
            return "{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"/s\",\"id\":\"" + id + "\",\"ext\":\""
                    + "x".repeat(attributeBytes) + "\",\"data\":\"\"}";
        }

        private String padded(String event) {
            return event.replace("\"data\":\"\"", "\"data\":\"" + "d".repeat(BODY_BYTES - event.length()) + "\"");
        }

        private void assertTaken(Map<String, String> settings, String contentType, String body) {
            var all = new TreeMap<>(settings);
            all.put("http.max.body.bytes", String.valueOf(BODY_BYTES));
            all.put("http.max.items", "12");
            try (RunningBridge small = RunningBridge.start(postgres.url(), data, all)) {
                taken(small.post("/api/v1/push/large", body, "Content-Type", contentType));
            }
        }

        @Test
        void aBatchOfAttributesFitsIntoTheLog() {
            var events = new ArrayList<String>();
            for (int i = 0; i < 12; i++) {
                events.add(event(i, 16_300));
            }
            assertTaken(Map.of(), BATCH, events.toString());
        }

        @Test
        void anEventWithTheLargestHeadersThatTheSettingsAllowFitsIntoTheLog() {
            assertTaken(Map.of("message.headers.max.bytes", "131072"), STRUCTURED, padded(event(100, 131_000)));
        }
    }
}
