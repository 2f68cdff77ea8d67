package dev.sluice.bridge.outbound;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OutboundUrlTest {
    @ParameterizedTest
    @CsvSource({
        "https://Example.COM, https, example.com, 443, /",
        "http://example.com/a/b?c=d&e=%20, http, example.com, 80, /a/b?c=d&e=%20",
        "HTTPS://example.com:8443?x, https, example.com, 8443, /?x",
        "https://[2001:db8::1]:99/x, https, [2001:db8::1], 99, /x",
        "https://example.com/ä, https, example.com, 443, /%C3%A4"
    })
    void partsAreThoseOfTheUrl(String text, String scheme, String host, int port, String path) {
        assertThat(OutboundUrl.parse(text)).isEqualTo(new OutboundUrl(scheme, host, port, path));
    }

    @ParameterizedTest
    @CsvSource({
        "ftp://example.com/, must begin with https:// or http://",
        "example.com, must begin with",
        "file:///etc/passwd, must begin with",
        "https:///x, a URL must have a host",
        "http://127.1/, this is no URL",
        "https://user:pw@example.com/, must have no user",
        "https://example.com/#x, must have no fragment",
        "https://example.com:0/, a port must be 1 to 65535",
        "https://example.com:65536/, a port must be 1 to 65535",
        "https://exa mple.com/, this is no URL",
        "https://example.com/a b, this is no URL"
    })
    void whatCannotBeCalledIsRefused(String text, String reason) {
        assertThatThrownBy(() -> OutboundUrl.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(reason);
    }

    @Test
    void aUrlHasABound() {
        String longest = "https://example.com/" + "x".repeat(OutboundUrl.MAX_LENGTH - 20);
        assertThat(OutboundUrl.parse(longest).toString()).isEqualTo(longest);
        assertThatThrownBy(() -> OutboundUrl.parse(longest + "x")).hasMessageContaining("at most 2048 characters");
    }

    @Test
    void aProblemAndWhatIsShownHaveNoQuery() {
        assertThatThrownBy(() -> OutboundUrl.parse("https://example.com/a b?token=secret"))
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("secret"));
        assertThat(OutboundUrl.parse("https://example.com/a?token=secret").shown())
                .isEqualTo("https://example.com:443/a?…");
    }
}
