package dev.sluice.bridge.webhook;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CloudEventsTest {
    private static final WebhookTarget.Event EVENT = new WebhookTarget.Event("/shop", "shop.event");
    private static final String PAYLOAD = "{\"n\":12345678901234567890, \"t\":\"\\u0000ä\"}";

    private static WebhookMessage message(String type, String subject) {
        return new WebhookMessage(
                "id-1", PAYLOAD.getBytes(UTF_8), Instant.parse("2026-12-01T12:00:00.123Z"), type, subject, Map.of());
    }

    @Test
    void theBinaryModeHasTheAttributesInHeaders() {
        var headers = new LinkedHashMap<String, String>();
        CloudEvents.addHeaders(message("order.paid", "Käse \"%\""), EVENT, headers);
        assertThat(headers)
                .containsExactly(
                        Map.entry("ce-specversion", "1.0"),
                        Map.entry("ce-id", "id-1"),
                        Map.entry("ce-source", "/shop"),
                        Map.entry("ce-type", "order.paid"),
                        Map.entry("ce-time", "2026-12-01T12:00:00.123Z"),
                        Map.entry("ce-subject", "K%C3%A4se%20%22%25%22"));
    }

    @Test
    void theStructuredModeHasThePayloadByteForByte() throws Exception {
        String body = new String(CloudEvents.structured(message(null, null), EVENT), UTF_8);
        assertThat(body).contains("\"data\":" + PAYLOAD);
        JsonNode json = new ObjectMapper().readTree(body);
        assertThat(json.path("specversion").asText()).isEqualTo("1.0");
        assertThat(json.path("id").asText()).isEqualTo("id-1");
        assertThat(json.path("source").asText()).isEqualTo("/shop");
        assertThat(json.path("type").asText()).isEqualTo("shop.event");
        assertThat(json.path("time").asText()).isEqualTo("2026-12-01T12:00:00.123Z");
        assertThat(json.path("datacontenttype").asText()).isEqualTo("application/json");
        assertThat(json.has("subject")).isFalse();
    }

    @Test
    void aBatchIsAnArrayOfThem() throws Exception {
        JsonNode json =
                new ObjectMapper().readTree(CloudEvents.batch(List.of(message(null, null), message("x", "y")), EVENT));
        assertThat(json).hasSize(2);
        assertThat(json.get(1).path("subject").asText()).isEqualTo("y");
        assertThat(json.get(1).path("data").path("t").asText()).isEqualTo("\u0000ä");
    }
}
