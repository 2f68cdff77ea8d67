package dev.sluice.bridge.api;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.http.Route;
import dev.sluice.bridge.ingest.IntakeFullException;
import dev.sluice.bridge.ingest.PushResult;
import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.metrics.Metrics;
import dev.sluice.queue.AcknowledgeOutcome;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A hot route that the server serves without servlets gives, byte for byte, the answers that it gives with servlets.
 */
class CoreRoutesTest extends HttpServiceFixture {
    private static final String ITEM = "{\"items\":[{\"queue\":\"q\",\"payload\":1,\"transactionId\":\"t\"}]}";
    private static final String ACK = "{\"transactionId\":\"t\",\"partitionId\":\"" + MESSAGE + "\"}";
    private static final List<String> HOT = List.of(
            "/api/v1/push",
            "/api/v1/ack",
            "/api/v1/ack/batch",
            "/api/v1/pop",
            "/api/v1/pop/queue/q",
            "/api/v1/pop/queue/q/partition/p");

    private final List<String> different = new ArrayList<>();
    private HttpService servlets;
    private Metrics ofCore;
    private int compared;

    @BeforeEach
    void startWithoutCore() throws IOException {
        executor.close(); // The second service makes its own.
        ofCore = metrics;
        servlets = service(LONG, LONG, route -> false);
        servlets.start();
        pushAnswer = CompletableFuture.completedFuture(List.of(new PushResult.Queued(MESSAGE, 7)));
        popAnswer = CompletableFuture.completedFuture(found("[1]"));
        acknowledgeAnswer =
                CompletableFuture.completedFuture(List.of(new AcknowledgeOutcome.Acknowledged("q", "p", true, false)));
    }

    @AfterEach
    void stopWithoutCore() {
        servlets.close();
    }

    private static PopResult found(String payload) {
        return new PopResult(PopResult.Status.MESSAGES, LEASE, List.of(message(payload)), 1, null);
    }

    /** Sends the same bytes to both, and remembers the request if the answers differ. */
    private void compare(String request) throws IOException {
        compare(request.getBytes(ISO_8859_1));
    }

    private void compare(byte[] request) throws IOException {
        compare(request, false);
    }

    /** Compares the answers to a client that sends no more than these bytes, although it announced more. */
    private void compareCutOff(String request) throws IOException {
        compare(request.getBytes(ISO_8859_1), true);
    }

    private void compare(byte[] request, boolean cutOff) throws IOException {
        String core = answer(service, request, cutOff);
        String servlet = answer(servlets, request, cutOff);
        compared++;
        if (!core.equals(servlet)) {
            different.add("request: " + start(new String(request, ISO_8859_1)) + "\ncore: " + start(core)
                    + "\nservlets: " + start(servlet));
        }
    }

    private static String start(String text) {
        return text.substring(0, Math.min(text.length(), 600));
    }

    private static String answer(HttpService service, byte[] request, boolean cutOff) throws IOException {
        var answer = new ByteArrayOutputStream();
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), service.port())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write(request);
            if (cutOff) {
                socket.shutdownOutput();
            }
            socket.getInputStream().transferTo(answer);
        } catch (SocketTimeoutException e) {
            throw new AssertionError("no answer to " + start(new String(request, ISO_8859_1)), e);
        } catch (IOException reset) {
            // A request that is refused unread ends in a reset, after the answer.
        }
        return answer.toString(UTF_8).replaceAll("(?m)^Date: .*\r\n", "");
    }

    private static String request(String method, String address, String headers, String body) {
        return method + " " + address + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n"
                + body;
    }

    private static String withBody(String method, String address, String headers, String body) {
        return request(method, address, headers + "Content-Length: " + body.length() + "\r\n", body);
    }

    /** Compares the answer of every hot route to a request with these headers and a body that suits the route. */
    private void everywhere(String headers) throws IOException {
        for (String path : HOT) {
            compare(usual(path, headers));
        }
    }

    private static String usual(String path, String headers) {
        if (path.startsWith("/api/v1/pop")) {
            return request("GET", path + (path.endsWith("pop") ? "?queue=q" : ""), headers, "");
        }
        String body = path.endsWith("push") ? ITEM : path.endsWith("batch") ? batch() : ACK;
        return withBody("POST", path, headers, body);
    }

    private static String batch() {
        return "{\"acknowledgments\":[" + ACK + "]}";
    }

    private void assertSame() {
        assertThat(compared).isPositive();
        assertThat(different).isEmpty();
    }

    @Test
    void theHotRoutesAreThoseOfPushPopAndAck() {
        assertThat(service.routes().stream().filter(Route::hot).map(Route::path))
                .containsExactlyInAnyOrder(
                        "/api/v1/push",
                        "/api/v1/pop",
                        "/api/v1/pop/queue/{queue}",
                        "/api/v1/pop/queue/{queue}/partition/{partition}",
                        "/api/v1/ack",
                        "/api/v1/ack/batch");
    }

    @Test
    void aUsualRequestGetsTheSameAnswer() throws IOException {
        everywhere("");
        assertThat(answer(service, usual("/api/v1/push", "").getBytes(ISO_8859_1), false))
                .startsWith("HTTP/1.1 201 Created\r\n");
        assertSame();
    }

    @Test
    void everyMethodGetsTheSameAnswer() throws IOException {
        for (String path : HOT) {
            for (String method : List.of("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get")) {
                compare(request(method, path, "", ""));
                compare(withBody(method, path + "?queue=q", "", ITEM));
            }
        }
        assertSame();
    }

    @Test
    void oddHeadersGetTheSameAnswer() throws IOException {
        for (String headers : List.of(
                "Host: other\r\n",
                "Origin: http://evil.example\r\n",
                "Origin: http://localhost\r\n",
                "Origin: null\r\n",
                "Sec-Fetch-Site: cross-site\r\n",
                "Accept: application/problem+json\r\nOrigin: http://evil.example\r\n",
                "Accept: text/html\r\n",
                "Accept-Encoding: gzip\r\n",
                "Expect: 100-continue\r\n",
                "Expect: more\r\n",
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n",
                "Upgrade: h2c\r\n",
                "Content-Encoding: br\r\n",
                "Content-Encoding: gzip\r\n",
                "Content-Type: application/x-ndjson\r\n",
                "Content-Type: text/plain; charset=iso-8859-1\r\n",
                "Idempotency-Key: a b\r\n",
                "Idempotency-Key: a\r\n",
                "traceparent: x\r\n",
                "Authorization: Bearer x\r\n",
                "Cookie: JSESSIONID=1\r\n",
                "Transfer-Encoding: gzip\r\n",
                "Access-Control-Request-Method: POST\r\n")) {
            everywhere(headers);
        }
        assertSame();
    }

    @Test
    void oddHostsGetTheSameAnswer() throws IOException {
        for (String path : HOT) {
            for (String host : List.of("evil.example", "127.0.0.1:1", "[::1]", "LOCALHOST", "", "a b")) {
                compare(usual(path, "").replace("Host: localhost", "Host: " + host));
                compare(usual(path, "").replace(" /api", " http://" + host + "/api"));
            }
            compare(usual(path, "").replace("Host: localhost\r\n", ""));
            compare(usual(path, "").replace("HTTP/1.1\r\nHost: localhost\r\n", "HTTP/1.0\r\n"));
            compare(usual(path, "").replace("HTTP/1.1", "HTTP/2.0"));
        }
        assertSame();
    }

    @Test
    void oddPathsGetTheSameAnswer() throws IOException {
        for (String path : HOT) {
            for (String end : List.of(
                    "/", "//", "/x", "/..", "/.", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e", ";a=b", "%", "%zz", "%00", "%ff")) {
                compare(usual(path, "").replace(" " + path, " " + path + end));
            }
            compare(usual(path, "").replace(" /api", " //api"));
            compare(usual(path, "").replace("/v1/", "/V1/"));
            compare(usual(path, "").replace("/v1/", "/%76%31/"));
        }
        for (String name : List.of(
                "a%2Fb", "a+b", "a%2Bb", "%E4%BD%A0", "%20", "a.b", "..a", "%2E%2E", "a;b", "x".repeat(300), "")) {
            compare(request("GET", "/api/v1/pop/queue/" + name, "", ""));
            compare(request("GET", "/api/v1/pop/queue/" + name + "/partition/" + name, "", ""));
            compare(request("GET", "/api/v1/pop/queue/" + name + "/", "", ""));
        }
        assertThat(pops).hasSizeGreaterThan(20);
        for (int i = 0; i < pops.size(); i += 2) {
            assertThat(pops.get(i)).isEqualTo(pops.get(i + 1));
        }
        assertSame();
    }

    @Test
    void oddQueriesGetTheSameAnswer() throws IOException {
        for (String query : List.of(
                "?queue=q&batch=3&wait=true&timeout=5",
                "?queue=a%20b+c&queue=d",
                "?queue=%ff",
                "?queue=%",
                "?queue",
                "?queue=",
                "?",
                "?&&=&a",
                "?%71ueue=q",
                "?as=event",
                "?as=x&queue=q",
                "?queue=q%00",
                "?namespace=n&task=t",
                "?queue=q&batch=-1&partitions=x&autoAck=1",
                "?queue=q&subscriptionFrom=x")) {
            for (String path : HOT) {
                String usual = usual(path, "").replace("?queue=q", "");
                compare(usual.replace(path + " ", path + query + " "));
            }
        }
        assertSame();
    }

    @Test
    void oddBodiesGetTheSameAnswer() throws IOException {
        var compressed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(compressed)) {
            gzip.write(ITEM.getBytes(UTF_8));
        }
        for (String path : HOT) {
            for (String body : List.of(
                    "",
                    "{}",
                    "[]",
                    "{\"items\":[]}",
                    "{\"items\":[1]}",
                    ITEM + " ",
                    ITEM + "x",
                    "\u00ff",
                    "x".repeat(BODY_LIMIT),
                    "x".repeat(BODY_LIMIT + 1),
                    "[".repeat(2000))) {
                compare(withBody("POST", path, "", body));
                compare(withBody("GET", path + "?queue=q", "", body));
                compare(withBody("POST", path, "Expect: 100-continue\r\n", body));
                compare(withBody("POST", path, "Origin: http://evil.example\r\n", body));
                compare(request("POST", path, "Transfer-Encoding: chunked\r\n", chunked(body)));
                compare(request("POST", path, "Transfer-Encoding: chunked\r\n", "zz\r\n"));
                compareCutOff(request(
                        "POST", path, "Content-Length: 9999\r\n", body.substring(0, Math.min(9, body.length()))));
            }
            var request = new ByteArrayOutputStream();
            request.writeBytes(
                    request("POST", path, "Content-Encoding: gzip\r\nContent-Length: " + compressed.size() + "\r\n", "")
                            .getBytes(ISO_8859_1));
            compressed.writeTo(request);
            compare(request.toByteArray());
        }
        assertSame();
    }

    private static String chunked(String body) {
        int half = body.length() / 2;
        String last = "0\r\n\r\n";
        return body.isEmpty() ? last : chunk(body.substring(0, half)) + chunk(body.substring(half)) + last;
    }

    private static String chunk(String part) {
        return part.isEmpty() ? "" : Integer.toHexString(part.getBytes(ISO_8859_1).length) + "\r\n" + part + "\r\n";
    }

    @Test
    void severalRequestsOfAConnectionGetTheSameAnswers() throws IOException {
        var pipelined = new StringBuilder();
        for (String path : HOT) {
            pipelined.append(usual(path, "").replace("Connection: close\r\n", ""));
            pipelined.append(request("GET", "/nowhere", "", "").replace("Connection: close\r\n", ""));
        }
        String requests = pipelined + usual("/api/v1/pop", "");
        compare(requests);
        assertThat(answer(service, requests.getBytes(ISO_8859_1), false).split("HTTP/1.1 ", -1))
                .hasSize(2 * HOT.size() + 2);
        assertSame();
    }

    @Test
    void failuresGetTheSameAnswer() throws IOException {
        for (Exception failure : List.of(
                new IntakeFullException(1, 2),
                new OverloadedException("much"),
                new IOException("disk"),
                new IllegalStateException("a mistake"),
                new QueueException("away", new SQLException("away", "08006")),
                new OutcomeUnknownException("unknown", null, null))) {
            pushAnswer = CompletableFuture.failedFuture(failure);
            popAnswer = CompletableFuture.failedFuture(failure);
            acknowledgeAnswer = CompletableFuture.failedFuture(failure);
            everywhere("");
            everywhere("Accept: application/problem+json\r\n");
        }
        popAnswer = CompletableFuture.completedFuture(PopResult.nothing(PopResult.Status.EMPTY, null));
        everywhere("");
        assertSame();
    }

    @Test
    void longAnswersAreTheSame() throws IOException {
        for (int size : List.of(100, 128 << 10, (128 << 10) + 1, 300_000, 1 << 20, 3 << 20)) {
            popAnswer = CompletableFuture.completedFuture(found("\"" + "x".repeat(size) + "\""));
            compare(usual("/api/v1/pop/queue/q", ""));
        }
        assertSame();
    }

    @Test
    void aClientThatSendsWithoutPauseDoesNotHoldUpOthers() throws Exception {
        byte[] requests = withBody("POST", "/api/v1/ack/batch", "", "{\"acknowledgments\":[]}")
                .replace("Connection: close\r\n", "")
                .repeat(100)
                .getBytes(ISO_8859_1);
        try (Socket busy = connect()) {
            var writer = new Thread(() -> writeUntilClosed(busy, requests));
            var reader = new Thread(() -> readUntilClosed(busy));
            writer.start();
            reader.start();
            for (int i = 0; i < 20; i++) { // Neighbours in every selector.
                assertThat(answer(service, usual("/api/v1/push", "").getBytes(ISO_8859_1), false))
                        .startsWith("HTTP/1.1 201 ");
            }
            assertThat(writer.isAlive()).isTrue();
            busy.close();
            writer.join();
            reader.join();
        }
    }

    private static void writeUntilClosed(Socket socket, byte[] bytes) {
        try {
            while (true) {
                socket.getOutputStream().write(bytes);
            }
        } catch (IOException closed) {
            // The test has ended.
        }
    }

    private static void readUntilClosed(Socket socket) {
        try {
            socket.getInputStream().transferTo(OutputStream.nullOutputStream());
        } catch (IOException closed) {
            // The test has ended.
        }
    }

    @Test
    void aRequestIsCountedOnceByWhicheverApiItCame() throws IOException {
        everywhere("");
        everywhere("Origin: http://evil.example\r\n");
        everywhere("Expect: 100-continue\r\n");
        await().untilAsserted(() -> {
            assertThat(counts(metrics)).contains("POST /api/v1/push 2xx 2");
            assertThat(counts(ofCore)).isEqualTo(counts(metrics));
        });
    }

    private static List<String> counts(Metrics metrics) {
        return metrics.requestTimes().getDataPoints().stream()
                .map(each -> each.getLabels().get("method") + " "
                        + each.getLabels().get("route") + " "
                        + each.getLabels().get("status") + " " + each.getCount())
                .sorted()
                .toList();
    }
}
