package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The headers of a push that give its items values: {@code Idempotency-Key} and {@code traceparent}. */
class PushHeadersTest {
    private static final String TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

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

    private static JsonNode push(String body, String... headers) {
        HttpResponse<String> response = bridge.post("/api/v1/push", body, headers);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(201);
        return RunningBridge.json(response.body());
    }

    private static String[] texts(JsonNode results, String field) {
        var texts = new String[results.size()];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = results.get(i).path(field).asText();
        }
        return texts;
    }

    @Test
    void aRequestSentAgainWithItsKeyStoresNothingTwice() {
        String body = "{\"items\":[{\"queue\":\"idem\",\"payload\":1},"
                + "{\"queue\":\"idem\",\"payload\":2,\"transactionId\":\"own\"},{\"queue\":\"idem\",\"partition\":\"p\"}]}";
        JsonNode first = push(body, "Idempotency-Key", "order-42");
        assertThat(texts(first, "status")).containsExactly("queued", "queued", "queued");
        assertThat(texts(first, "transaction_id")).containsExactly("order-42:0", "own", "order-42:2");

        JsonNode again = push(body, "Idempotency-Key", "\"order-42\"");
        assertThat(texts(again, "status")).containsExactly("duplicate", "duplicate", "duplicate");
        assertThat(texts(again, "message_id")).containsExactly(texts(first, "message_id"));

        assertThat(texts(push(body, "Idempotency-Key", "order-43"), "status"))
                .containsExactly("queued", "duplicate", "queued");
    }

    @Test
    void aKeyHasALengthAndCharacters() {
        String body = "{\"items\":[{\"queue\":\"idem-bounds\"}]}";
        assertThat(texts(push(body, "Idempotency-Key", "k".repeat(200)), "status"))
                .containsExactly("queued");
        for (String key : new String[] {"", "\"\"", "a b", "k".repeat(201)}) {
            HttpResponse<String> refused = bridge.post("/api/v1/push", body, "Idempotency-Key", key);
            assertThat(refused.statusCode()).as(key).isEqualTo(400);
            assertThat(refused.body())
                    .isEqualTo("{\"error\":\"Idempotency-Key must be 1 to 200 visible ASCII characters\"}");
        }
    }

    @Test
    void itemsBelongToTheTraceOfTheirRequestUnlessTheySayOtherwise() {
        String own = "11111111-2222-4333-8444-555555555555";
        String body = "{\"items\":[{\"queue\":\"traced\"},{\"queue\":\"traced\",\"traceId\":\"" + own + "\"}]}";
        assertThat(texts(push(body, "traceparent", TRACEPARENT), "trace_id"))
                .containsExactly("0af76519-16cd-43dd-8448-eb211c80319c", own);
        JsonNode popped = bridge.pop("traced?batch=2&wait=true&timeout=30000");
        assertThat(popped.at("/messages/0/traceId").asText()).isEqualTo("0af76519-16cd-43dd-8448-eb211c80319c");
        assertThat(popped.at("/messages/1/traceId").asText()).isEqualTo(own);
    }

    @Test
    void aTraceparentThatIsNoneOrTwoIsIgnored() {
        String body = "{\"items\":[{\"queue\":\"untraced\"}]}";
        assertThat(texts(push(body, "traceparent", "00-1"), "trace_id")).containsExactly("null");
        assertThat(texts(push(body, "traceparent", TRACEPARENT, "traceparent", TRACEPARENT), "trace_id"))
                .containsExactly("null");
    }
}
