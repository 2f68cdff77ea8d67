package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An address is a path, a URL, or a star. In a URL the host counts, and the header {@code Host} does not. */
class RequestTargetsTest extends HttpServiceFixture {
    private String answer(String address, String host) throws IOException {
        return raw("GET " + address + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    }

    @Test
    void theHostOfAUrlCountsAndTheHeaderDoesNot() throws IOException {
        for (String address : List.of(
                "http://localhost/live",
                "http://LOCALHOST:80/live",
                "HTTP://127.0.0.1:" + service.port() + "/live",
                "https://localhost/live",
                "http://[::1]:7/live?a=b")) {
            for (String host : List.of("localhost", "127.0.0.1:6632", "evil.example")) {
                assertThat(answer(address, host)).as(address + " " + host).startsWith("HTTP/1.1 200 ");
            }
        }
        for (String host : List.of("localhost", "evil.example")) {
            assertThat(answer("http://evil.example/live", host))
                    .startsWith("HTTP/1.1 403 ")
                    .contains("was evil.example");
        }
    }

    @Test
    void thePathOfAUrlIsThatOfTheRoute() throws IOException {
        assertThat(answer("http://localhost/api/v1/pop?x=1", "localhost")).contains("namespace or task is required");
        assertThat(answer("http://localhost", "localhost")).contains("{\"error\":\"Not found: GET /\"}");
        assertThat(answer("//localhost/live", "localhost")).contains("{\"error\":\"Not found: GET //localhost/live");
    }

    @Test
    void aUrlThatTheServiceCannotHaveIsRefused() throws IOException {
        assertThat(answer("ftp://localhost/live", "localhost"))
                .startsWith("HTTP/1.1 400 ")
                .endsWith("{\"error\":\"The address must be a path or a URL of http, was one of ftp\"}");
        assertThat(answer("http:///live", "localhost"))
                .startsWith("HTTP/1.1 400 ")
                .endsWith("{\"error\":\"The address must have a host behind http://\"}");
        assertThat(answer("http://localhost:abc/live", "localhost"))
                .startsWith("HTTP/1.1 400 ")
                .endsWith("{\"error\":\"The port of the address must be a number\"}");
    }

    @Test
    void optionsOfTheWholeServerAreAnswered() throws IOException {
        assertThat(raw("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 204 ");
    }
}
