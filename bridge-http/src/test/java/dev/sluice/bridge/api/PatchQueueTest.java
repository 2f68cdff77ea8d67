package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code PATCH} of a queue changes what is given, resets what is null, and keeps the rest. */
class PatchQueueTest {
    private static final String ALL = """
            {"leaseTime":1,"retryLimit":2,"retryDelay":3,"priority":-4,"maxSize":5,"ttl":6,"deadLetterQueue":true,
             "dlqAfterMaxRetries":true,"delayedProcessing":7,"windowBuffer":8,"retentionEnabled":true,
             "retentionSeconds":9,"completedRetentionSeconds":10,"maxWaitTimeSeconds":11,"encryptionEnabled":false,
             "redeliveryLimit":12,"dedupWindowMs":13,"itemPriority":true}""";
    private static final String OTHER = """
            {"leaseTime":21,"retryLimit":22,"retryDelay":23,"priority":24,"maxSize":25,"ttl":26,"deadLetterQueue":false,
             "dlqAfterMaxRetries":false,"delayedProcessing":27,"windowBuffer":28,"retentionEnabled":false,
             "retentionSeconds":29,"completedRetentionSeconds":30,"maxWaitTimeSeconds":31,"encryptionEnabled":false,
             "redeliveryLimit":32,"dedupWindowMs":33,"itemPriority":false}""";

    @AutoClose
    private static final TestPostgres postgres = TestPostgres.empty();

    private static final HttpClient client = HttpClient.newHttpClient();
    private static RunningBridge bridge;

    @BeforeAll
    static void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    static void stop() {
        bridge.close();
    }

    private static HttpResponse<String> patch(String queue, String body) {
        try {
            var request = HttpRequest.newBuilder(URI.create(bridge.url() + "/api/v1/resources/queues/" + queue))
                    .header("Content-Type", "application/merge-patch+json")
                    .method("PATCH", BodyPublishers.ofString(body.replace('\'', '"')));
            return client.send(request.build(), BodyHandlers.ofString());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static JsonNode ok(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return RunningBridge.json(answer.body());
    }

    private static JsonNode configure(String queue, String options) {
        return ok(bridge.post(
                "/api/v1/configure",
                "{\"queue\":\"" + queue + "\",\"namespace\":\"ns\",\"task\":\"t\",\"options\":" + options + "}"));
    }

    @Test
    void eachOptionChangesAloneAndIsResetAloneByNull() {
        JsonNode defaults = configure("defaults", "{}").get("options");
        JsonNode other = RunningBridge.json(OTHER);
        JsonNode before = configure("each", ALL).get("options");
        for (var names = before.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            ObjectNode expected = before.deepCopy();
            JsonNode changed = ok(patch("each", "{'options':{'" + name + "':" + other.get(name) + "}}"))
                    .get("options");
            assertThat(changed).as(name).isEqualTo(expected.set(name, other.get(name)));
            JsonNode reset =
                    ok(patch("each", "{'options':{'" + name + "':null}}")).get("options");
            assertThat(reset).as(name).isEqualTo(expected.set(name, defaults.get(name)));
            ok(patch("each", "{'options':{'" + name + "':" + before.get(name) + "}}"));
        }
        assertThat(ok(patch("each", "{}")).get("options")).isEqualTo(before);
        assertThat(ok(patch("each", "{'options':null}")).get("options")).isEqualTo(defaults);
    }

    @Test
    void anOptionThatWasNeverSetHasNoEffectAfterAChangeOfAnother() {
        configure("unset", "{}");
        ok(patch("unset", "{'options':{'leaseTime':5}}"));
        assertThat(postgres.query("select coalesce(retry_delay_ms::text, 'unset'), coalesce(ttl_s::text, 'unset'),"
                        + " lease_time_s from sluice.queues where name = 'unset'"))
                .containsExactly("unset|unset|5");
    }

    @Test
    void namespaceAndTaskStayChangeAndAreReset() {
        JsonNode before = configure("named", "{'leaseTime':5}".replace('\'', '"'));
        JsonNode changed = ok(patch("named", "{'queue':'named','task':'u','options':{}}"));
        assertThat(changed.get("namespace").textValue()).isEqualTo("ns");
        assertThat(changed.get("task").textValue()).isEqualTo("u");
        assertThat(changed.get("queueId")).isEqualTo(before.get("queueId"));
        assertThat(changed.get("partitionId")).isEqualTo(before.get("partitionId"));
        assertThat(JsonShape.of(changed)).isEqualTo(JsonShape.of(before));
        JsonNode reset = ok(patch("named", "{'namespace':null}"));
        assertThat(reset.get("namespace").textValue()).isEmpty();
        assertThat(reset.get("task").textValue()).isEqualTo("u");
        assertThat(reset.at("/options/leaseTime").intValue()).isEqualTo(5);
    }

    @Test
    void aMissingQueueIsNotFoundAndIsNotCreated() {
        HttpResponse<String> missing = patch("missing", "{'options':{'leaseTime':5}}");
        assertThat(missing.statusCode()).isEqualTo(404);
        assertThat(missing.body()).isEqualTo("{\"error\":\"Queue not found\"}");
        assertThat(bridge.get("/api/v1/resources/queues/missing").statusCode()).isEqualTo(404);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{'leaseTime':5}|unknown field leaseTime; there are queue, namespace, task, options",
                "{'options':{'leaseTmie':5}}|unknown field options.leaseTmie; there are ",
                "{'options':{'leaseTmie':null}}|unknown field options.leaseTmie",
                "{'queue':'other'}|queue must be absent, or the queue in the path",
                "{'options':[]}|options must be an object",
                "{'options':{'leaseTime':'5'}}|leaseTime must be a whole number from 0 to 2147483647",
                "{'options':{'leaseTime':2147483648}}|leaseTime must be a whole number from 0 to 2147483647",
                "{'options':{'retentionEnabled':1}}|retentionEnabled must be true or false",
                "{'namespace':1}|namespace must be a string",
                "{'options':{'leaseTime':5},'options':{}}|Invalid JSON: Duplicate field 'options' at byte ",
                "[]|the body must be a JSON object",
                "null|the body must be a JSON object",
                "~~|Empty request body"
            })
    void whatIsWrongIsNamedAndChangesNothing(String body, String error) {
        JsonNode before = configure("wrong", ALL).get("options");
        HttpResponse<String> refused = patch("wrong", body);
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(refused.body()).contains(error);
        assertThat(ok(patch("wrong", "{}")).get("options")).isEqualTo(before);
    }

    @Test
    void concurrentChangesOfDifferentOptionsAreAllKept() {
        configure("busy", "{}");
        List<String> options =
                List.of("leaseTime", "retryLimit", "retryDelay", "redeliveryLimit", "ttl", "windowBuffer");
        for (int round = 1; round <= 5; round++) {
            var running = new ArrayList<CompletableFuture<HttpResponse<String>>>();
            for (String option : options) {
                String body = "{'options':{'" + option + "':" + round + "}}";
                running.add(CompletableFuture.supplyAsync(() -> patch("busy", body)));
            }
            running.forEach(each -> ok(each.join()));
            JsonNode after = ok(patch("busy", "{}")).get("options");
            for (String option : options) {
                assertThat(after.get(option).intValue()).as(option).isEqualTo(round);
            }
        }
    }

    @Test
    void encryptionWithoutAKeyIsRefused() {
        configure("keyless", "{}");
        HttpResponse<String> refused = patch("keyless", "{'options':{'encryptionEnabled':true}}");
        assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
        assertThat(refused.body())
                .isEqualTo("{\"error\":\"encryptionEnabled needs a key to encrypt with: set encryption.keys\"}");
        HttpResponse<String> configured =
                bridge.post("/api/v1/configure", "{\"queue\":\"keyless\",\"options\":{\"encryptionEnabled\":true}}");
        assertThat(configured.statusCode()).isEqualTo(400);
        assertThat(configured.body()).isEqualTo(refused.body());
    }

    @Test
    void aPriorityMovesThePartitions() {
        configure("urgent", "{}");
        bridge.push("{\"items\":[{\"queue\":\"urgent\",\"payload\":1}]}");
        ok(patch("urgent", "{'options':{'priority':10}}"));
        assertThat(postgres.query("select distinct p.lane from sluice.partitions p join sluice.queues q"
                        + " on q.id = p.queue_id where q.name = 'urgent'"))
                .containsExactly("0");
    }
}
