package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;

/** Requests that have no route, or are not HTTP. */
class HttpServiceTest extends HttpServiceFixture {
    @Test
    void isNotFound() {
        assertError(get("/api/v1/nothing"), 404, "Not found: GET /api/v1/nothing");
        assertError(post("/", "x"), 404, "Not found: POST /");
        assertThat(get("/api/v1/pop/queue/").statusCode()).isEqualTo(404);
    }

    @Test
    void isTheWrongMethod() {
        HttpResponse<String> response = get("/api/v1/push");
        assertError(response, 405, "Method not allowed: GET /api/v1/push");
        assertThat(response.headers().firstValue("Allow")).hasValue("POST, OPTIONS");
        assertThat(post("/health", "x").statusCode()).isEqualTo(405);
        assertThat(send("DELETE", "/api/v1/ack", BodyPublishers.noBody()).statusCode())
                .isEqualTo(405);
    }

    @Test
    void isAProblemOfRfc9457ForWhoAsksForIt() {
        HttpResponse<String> response = post("/api/v1/push", "{}", "Accept", "application/problem+json, */*");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(response.body())
                .isEqualTo(
                        "{'type':'about:blank','title':'Bad Request','status':400,'detail':'items array is required','error':'items array is required'}"
                                .replace('\'', '"'));
    }

    @Test
    void isAnsweredInJsonEvenWhenItIsNotHttp() throws IOException {
        assertThat(raw("GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 400 ")
                .contains("{\"error\":");
        assertThat(raw("nonsense\r\n\r\n")).startsWith("HTTP/1.1 400 ").contains("{\"error\":");
        assertThat(raw("GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + "y".repeat(40_000) + "\r\n\r\n"))
                .startsWith("HTTP/1.1 431 ");
        assertThat(get("/live").statusCode()).isEqualTo(200);
    }
}
