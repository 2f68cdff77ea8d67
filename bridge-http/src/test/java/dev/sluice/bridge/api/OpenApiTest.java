package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.SpecificationVersion;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.security.Role;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The service does what openapi.yaml says: its routes, the roles that they need, and the answers to its examples. */
class OpenApiTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> METHODS = Set.of("get", "put", "post", "delete", "patch", "options", "head");
    private static final SchemaRegistry SCHEMAS = SchemaRegistry.withDefaultDialect(
            SpecificationVersion.DRAFT_2020_12,
            registry -> registry.schemaRegistryConfig(
                    SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build()));

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    @AutoClose
    private static final TestPostgres other = TestPostgres.withSchema();

    private static RunningBridge bridge;
    private static JsonNode contract;

    private final HttpClient client = HttpClient.newHttpClient();

    /** A documented operation. */
    private record Operation(String path, String method, JsonNode description) {
        @Override
        public String toString() {
            return method.toUpperCase(Locale.ROOT) + " " + path;
        }
    }

    @BeforeAll
    static void start(@TempDir Path directory) throws IOException {
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of("migration.enabled", "true", "webhook.origins", "eventemitter.example.com"));
        // The examples speak of this message, in the first partition there is.
        String first = "{\"queue\":\"orders\",\"partition\":\"customer-7\",\"transactionId\":\"o-1\",\"payload\":1}";
        assertThat(bridge.push("{\"items\":[" + first + "]}").body()).contains("\"queued\"");
        addWorks();
        addScheduled();
        contract = new YAMLMapper().readTree(bridge.get("/openapi.yaml").body());
    }

    /** The examples speak of these works: one to show, one to cancel and one to retry. */
    private static void addWorks() {
        postgres.execute(
                "insert into sluice.queues (name, namespace, task) values ('work.examples', 'work', 'examples')");
        for (int i = 1; i <= 3; i++) {
            postgres.execute(
                    "insert into sluice.work_items (partition_id, seq, queue_id, partition_name, lane, message_id,"
                            + " transaction_id, payload, headers, created_at, available_at, closes, attempts, errors)"
                            + " select -1, " + i + ", q.id, '~normal.00', 2, '019e3000-0000-7000-8000-00000000000" + i
                            + "', 't',"
                            + " '{}', '{\"a\":\"b\"}', now(), now() + interval '1 hour', false, 1, '[]'"
                            + " from sluice.queues q where q.name = 'work.examples'");
        }
    }

    /** The examples speak of these scheduled messages: one to show, one to cancel and one to move. */
    private static void addScheduled() {
        for (int i = 1; i <= 3; i++) {
            String item = "{\"queue\":\"later\",\"transactionId\":\"" + i + "\",\"payload\":1,\"delayMs\":3600000}";
            assertThat(bridge.push("{\"items\":[" + item + "]}").statusCode()).isEqualTo(201);
        }
        postgres.execute("update sluice.scheduled"
                + " set message_id = ('019e3000-0000-7000-8000-00000000001' || transaction_id)::uuid");
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static List<Operation> operations() {
        var operations = new ArrayList<Operation>();
        contract.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(entry -> {
                    if (METHODS.contains(entry.getKey())) {
                        operations.add(new Operation(path.getKey(), entry.getKey(), entry.getValue()));
                    }
                }));
        return operations;
    }

    @Test
    void itsOperationsAreTheRoutesAndWhoMayUseThem() {
        var served = new TreeSet<String>();
        for (Route route : bridge.routes()) {
            served.add(route.method() + " " + route.path() + " " + security(route.needed()));
        }
        var documented = new TreeSet<String>();
        for (Operation operation : operations()) {
            documented.add(operation + " " + operation.description().path("security"));
        }
        assertThat(documented).isEqualTo(served);
    }

    private static String security(@Nullable Role role) {
        return role == null
                ? "[]"
                : "[{\"token\":[\"" + role.name().toLowerCase(Locale.ROOT).replace('_', '-') + "\"]}]";
    }

    @Test
    void itsOperationsHaveDifferentIdsAndTheParametersOfTheirPaths() {
        assertThat(operations().stream()
                        .map(each -> each.description().path("operationId").asText()))
                .doesNotHaveDuplicates()
                .doesNotContain("");
        for (Operation operation : operations()) {
            var inPath = new TreeSet<String>();
            Matcher name = Pattern.compile("\\{([^}]*)}").matcher(operation.path());
            while (name.find()) {
                inPath.add(name.group(1));
            }
            var described = new TreeSet<String>();
            for (JsonNode parameter : parameters(operation, "path")) {
                described.add(parameter.path("name").asText());
            }
            assertThat(described).as(operation.toString()).isEqualTo(inPath);
        }
    }

    @Test
    void itsReferencesLeadSomewhere() {
        for (JsonNode reference : contract.findValues("$ref")) {
            assertThatCode(() -> resolve(reference.asText())).doesNotThrowAnyException();
        }
    }

    private static JsonNode resolve(String reference) {
        JsonNode found = contract.at(reference.substring(1));
        assertThat(found.isMissingNode()).as(reference).isFalse();
        return found;
    }

    private static JsonNode follow(JsonNode node) {
        return node.has("$ref") ? resolve(node.path("$ref").asText()) : node;
    }

    private static List<JsonNode> parameters(Operation operation, String place) {
        var found = new ArrayList<JsonNode>();
        for (JsonNode parameter : operation.description().path("parameters")) {
            JsonNode followed = follow(parameter);
            if (followed.path("in").asText().equals(place)) {
                found.add(followed);
            }
        }
        return found;
    }

    /** In the order of the document, so pushes come before pops. */
    @TestFactory
    Stream<DynamicTest> itsExamplesAreAnsweredAsItSays() {
        var tests = new ArrayList<DynamicTest>();
        for (Operation operation : operations()) {
            JsonNode content = operation.description().at("/requestBody/content");
            if (content.isMissingNode()) {
                tests.add(DynamicTest.dynamicTest(operation.toString(), () -> check(operation, null, null, content)));
                continue;
            }
            content.properties().forEach(type -> {
                assertThat(type.getValue().path("examples"))
                        .as(operation + " " + type.getKey())
                        .isNotEmpty();
                type.getValue()
                        .path("examples")
                        .properties()
                        .forEach(example -> tests.add(DynamicTest.dynamicTest(
                                operation + " " + type.getKey() + " " + example.getKey(),
                                () -> check(
                                        operation,
                                        type.getKey(),
                                        example.getValue().path("value"),
                                        type.getValue().path("schema")))));
            });
        }
        return tests.stream();
    }

    private void check(Operation operation, @Nullable String type, @Nullable JsonNode example, JsonNode schema)
            throws IOException, InterruptedException {
        if (example != null) {
            assertThat(violations(schema, example)).as("the example").isEmpty();
        }
        HttpResponse<String> response = send(operation, type, example);
        assertThat(response.statusCode() / 100).as(response.body()).isEqualTo(2);
        JsonNode described =
                follow(operation.description().path("responses").path(String.valueOf(response.statusCode())));
        assertThat(described.isMissingNode())
                .as("status " + response.statusCode())
                .isFalse();
        String answered =
                response.headers().firstValue("Content-Type").orElse("").split(";", 2)[0];
        if (!described.has("content")) {
            assertThat(response.body()).isEmpty();
            return;
        }
        JsonNode content = described.path("content").path(answered);
        assertThat(content.isMissingNode()).as("content type " + answered).isFalse();
        if (answered.equals("application/json")) {
            assertThat(violations(content.path("schema"), RunningBridge.json(response.body())))
                    .as(response.body())
                    .isEmpty();
        }
    }

    /** Returns the faults of a value. An object must have no undescribed field. */
    private static List<?> violations(JsonNode schema, JsonNode value) throws IOException {
        ObjectNode whole = (ObjectNode) JSON.readTree(schema.toString());
        whole.set("components", JSON.readTree(contract.path("components").toString()));
        close(whole);
        return SCHEMAS.getSchema(whole).validate(value);
    }

    private static void close(JsonNode schema) {
        if (schema instanceof ObjectNode object && object.path("properties").isObject() && object.has("type")) {
            if (!object.has("additionalProperties")) {
                object.put("additionalProperties", false);
            }
        }
        schema.forEach(OpenApiTest::close);
    }

    private HttpResponse<String> send(Operation operation, @Nullable String type, @Nullable JsonNode example)
            throws IOException, InterruptedException {
        String path = operation.path();
        for (JsonNode parameter : parameters(operation, "path")) {
            path = path.replace(
                    "{" + parameter.path("name").asText() + "}",
                    encoded(parameter.path("example").asText()));
        }
        String separator = "?";
        for (JsonNode parameter : parameters(operation, "query")) {
            if (parameter.has("example")) {
                path += separator + parameter.path("name").asText() + "="
                        + encoded(parameter.path("example").asText());
                separator = "&";
            }
        }
        var request = HttpRequest.newBuilder(URI.create(bridge.url() + path));
        for (JsonNode parameter : parameters(operation, "header")) {
            if (parameter.has("example")) {
                request.header(
                        parameter.path("name").asText(),
                        parameter.path("example").asText());
            }
        }
        if (type != null && example != null) {
            request.header("Content-Type", type);
            String body = example.isTextual()
                    ? example.textValue()
                    : withOtherDatabase(example).toString();
            request.method(operation.method().toUpperCase(Locale.ROOT), BodyPublishers.ofString(body));
        } else {
            request.method(operation.method().toUpperCase(Locale.ROOT), BodyPublishers.noBody());
        }
        return client.send(request.build(), OpenApiTest::text);
    }

    /** Reads a text; of a stream without an end, only the headers. */
    private static BodySubscriber<String> text(ResponseInfo answer) {
        boolean isStream =
                answer.headers().firstValue("Content-Type").orElse("").startsWith("text/event-stream");
        return isStream ? new Cancelling() : BodySubscribers.ofString(StandardCharsets.UTF_8);
    }

    /** Reads nothing. */
    private static final class Cancelling implements BodySubscriber<String> {
        @Override
        public CompletionStage<String> getBody() {
            return CompletableFuture.completedStage("");
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.cancel();
        }

        @Override
        public void onNext(List<ByteBuffer> bytes) {}

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }

    /** Replaces the other database of the examples with one of the test. */
    private static JsonNode withOtherDatabase(JsonNode example) {
        if (!example.path("host").asText().equals("db2.example.com")) {
            return example;
        }
        URI address = URI.create(other.url().substring("jdbc:".length()));
        return ((ObjectNode) example.deepCopy())
                .put("host", address.getHost())
                .put("port", String.valueOf(address.getPort()))
                .put("database", address.getPath().substring(1))
                .put("user", "postgres");
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Test
    void thePageLoadsWhatItNeedsFromHereOnly() {
        HttpResponse<String> page = bridge.get("/docs");
        assertThat(page.headers().firstValue("Content-Security-Policy").orElse(""))
                .startsWith("default-src 'self'");
        assertThat(page.body()).doesNotContain("http:", "https:", "//");
        Matcher link = Pattern.compile("(?:src|href)=\"([^\"]*)\"").matcher(page.body());
        var types = new ArrayList<String>();
        while (link.find()) {
            HttpResponse<String> asset = bridge.get("/" + link.group(1));
            assertThat(asset.statusCode()).as(link.group(1)).isEqualTo(200);
            assertThat(asset.body()).isNotEmpty();
            types.add(asset.headers().firstValue("Content-Type").orElse(""));
        }
        assertThat(types)
                .containsExactlyInAnyOrder(
                        "text/css; charset=utf-8",
                        "application/yaml",
                        "text/javascript; charset=utf-8",
                        "text/javascript; charset=utf-8");
        assertThat(bridge.get("/docs/nothing.js").body()).isEqualTo("{\"error\":\"Not found: GET /docs/nothing.js\"}");
        assertThat(bridge.get("/docs/nothing.js").statusCode()).isEqualTo(404);
    }
}
