package dev.sluice.bridge.webhook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CustomHeadersTest {
    @Test
    void usualHeadersPassInLowerCase() {
        assertThat(CustomHeaders.checked(Map.of("Authorization", "Bearer x")))
                .containsExactly(Map.entry("authorization", "Bearer x"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Host",
                "Connection",
                "Content-Length",
                "Transfer-Encoding",
                "TE",
                "Trailer",
                "Upgrade",
                "Expect",
                "Proxy-Authorization",
                "Keep-Alive",
                "Content-Encoding",
                "Content-Type",
                "webhook-id",
                "Webhook-Signature",
                "ce-id",
                "traceparent"
            })
    void headersOfTheConnectionAndOfTheStandardAreRefused(String name) {
        assertThatThrownBy(() -> CustomHeaders.checked(Map.of(name, "x")))
                .hasMessageContaining("header " + name + " cannot be set");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\r\nb: c", "a\nb", "ä", "\u0000", "\u007f"})
    void aValueThatWouldBreakTheRequestIsRefusedWithoutShowingIt(String value) {
        assertThatThrownBy(() -> CustomHeaders.checked(Map.of("x-a", value)))
                .hasMessageContaining("header x-a must have")
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain(value));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a:b", "ä", "a\n"})
    void aNameThatIsNoTokenIsRefused(String name) {
        assertThatThrownBy(() -> CustomHeaders.checked(Map.of(name, "x"))).hasMessageContaining("names of headers");
    }

    @Test
    void thereAreBounds() {
        var most = new TreeMap<String, String>();
        for (int i = 0; i < CustomHeaders.MAX; i++) {
            most.put("x-" + i, "x".repeat(CustomHeaders.MAX_VALUE));
        }
        assertThat(CustomHeaders.checked(most)).hasSize(50);
        most.put("y", "");
        assertThatThrownBy(() -> CustomHeaders.checked(most)).hasMessage("there must be at most 50 headers, are 51");
        assertThatThrownBy(() -> CustomHeaders.checked(Map.of("x", "x".repeat(4097))))
                .hasMessageContaining("at most 4096 characters");
        assertThatThrownBy(() -> CustomHeaders.checked(Map.of("x-a", "1", "X-A", "2")))
                .hasMessageContaining("twice");
    }
}
