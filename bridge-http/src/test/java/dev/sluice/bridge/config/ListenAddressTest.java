package dev.sluice.bridge.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.system.StartException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ListenAddressTest {
    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, http://127.0.0.1:80",
        "localhost, http://localhost:80",
        "0.0.0.0, http://127.0.0.1:80",
        "::1, http://[::1]:80",
        "[::1], http://[::1]:80",
        "::, http://[::1]:80",
        "[::], http://[::1]:80",
        "0:0:0:0:0:0:0:0, http://[::1]:80",
        "fe80::a%eth0, http://[fe80::a%25eth0]:80",
        "[fe80::a%eth0], http://[fe80::a%25eth0]:80",
        "::ffff:127.0.0.1, http://[::ffff:127.0.0.1]:80",
        "my-host.example, http://my-host.example:80"
    })
    void isPrintedAsAnAddressThatAClientUnderstands(String host, String url) {
        ListenAddress.check(host);
        assertThat(new ListenAddress(host, 0).url(80)).isEqualTo(url);
        assertThat(URI.create(url).getHost()).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"0.0.0.0:80", "localhost:6632", "http://localhost", "a b", "a/b", "u:p@h", "[::1]:80", "*", "["})
    void isRefusedWhereItIsNoHost(String host) {
        assertThatThrownBy(() -> ListenAddress.check(host))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("must ")
                .hasMessageMatching("must not hold a port; the port is http.port|must be an address or a name.*");
    }

    /** 192.0.2.1 is reserved for documentation (RFC 5737), so no machine has it. */
    @ParameterizedTest
    @CsvSource({
        "192.0.2.1, cannot be used: ",
        "224.0.0.1, cannot be used: ",
        "255.255.255.255, cannot be used: ",
        "no-such-host.invalid, is not a known name or address",
        "fe80::1%nosuchzone, is not a known name or address"
    })
    void thatCannotBeBoundIsBlamedOnTheHost(String host, String reason) {
        assertThatThrownBy(() -> new ListenAddress(host, 0).refuseUnusable())
                .isInstanceOf(StartException.class)
                .hasMessageStartingWith("http.host " + host + " " + reason)
                .hasMessageContaining("set http.host to an address of this machine")
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("http.port"));
    }

    @Test
    void isBlamedOnThePortWhereThePortIsTaken() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            var address = new ListenAddress("127.0.0.1", taken.getLocalPort());
            assertThatThrownBy(address::refuseUnusable)
                    .isInstanceOf(StartException.class)
                    .hasMessageStartingWith("http.port " + taken.getLocalPort() + " on 127.0.0.1 cannot be used")
                    .hasMessageEndingWith("stop what uses it, or set another http.port");
        }
        assertThatCode(() -> new ListenAddress("localhost", 0).refuseUnusable()).doesNotThrowAnyException();
    }
}
