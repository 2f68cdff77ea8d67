package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest.Response;
import dev.sluice.bridge.http.Route;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A page of another web site cannot make a browser change anything. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ForeignPagesTest {
    private static final String PUSH = "/api/v1/push";
    private static final String APP = "https://app.example.com";

    private Path directory;
    private TestPostgres postgres;
    private RunningBridge bridge;
    private RunningBridge trusting;
    private RunningBridge everywhere;

    @BeforeAll
    void start(@TempDir Path temporary) {
        directory = temporary;
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(postgres.url(), directory.resolve("plain"));
        trusting = RunningBridge.start(
                postgres.url(),
                directory.resolve("trusting"),
                Map.of("cors.origins", APP + ",http://localhost:3000", "http.host", "localhost"));
        everywhere = RunningBridge.start(
                postgres.url(),
                directory.resolve("everywhere"),
                Map.of("http.host", "0.0.0.0", "cors.origins", "*", "cors.max.age.ms", "600000"));
    }

    @AfterAll
    void stop() {
        everywhere.close();
        trusting.close();
        bridge.close();
        postgres.close();
    }

    private static String item(String queue) {
        return "{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":1}]}";
    }

    private String host() {
        return "127.0.0.1:" + bridge.port();
    }

    private static String withDummies(String path) {
        return path.replaceAll("\\{[^}]*[iI]d\\}", "00000000-0000-4000-8000-000000000001")
                .replaceAll("\\{[^}]*}", "nobody");
    }

    /** A page may open WebSockets to any address without a preflight. */
    @Test
    void itGetsNothingByAWebSocket() {
        for (String path : List.of("/api/v1/pop/queue/socket", "/api/v1/pop?namespace=socket", "/live", "/nowhere")) {
            var answer = RawRequest.send(
                    bridge.port(),
                    "GET",
                    path,
                    "",
                    "Host: " + host(),
                    "Origin: https://evil.example",
                    "Connection: Upgrade",
                    "Upgrade: websocket",
                    "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
            int plain = path.equals("/nowhere") ? 404 : 403;
            assertThat(answer.status()).as(path).isEqualTo(plain);
            assertThat(answer.headers()).as("the service keeps nothing of it").doesNotContainKey("Set-Cookie");
        }
    }

    @Test
    void itCanNeitherChangeNorPopAnything() {
        var wrong = new ArrayList<String>();
        int refusing = 0;
        for (Route route : bridge.routes()) {
            boolean reads = route.method().equals("OPTIONS")
                    || (route.method().equals("GET") && !route.path().startsWith("/api/v1/pop"));
            refusing += reads ? 0 : 1;
            for (String header : List.of(
                    "Sec-Fetch-Site: cross-site",
                    "Sec-Fetch-Site: same-site",
                    "Origin: https://evil.example",
                    "Origin: null",
                    "Origin: http://127.0.0.1:1",
                    "Origin: https://" + host() + ".evil.example")) {
                String body = route.method().equals("POST") ? "{}" : "";
                Response answer = RawRequest.send(
                        bridge.port(),
                        route.method(),
                        withDummies(route.path()),
                        body,
                        "Host: " + host(),
                        header,
                        "Content-Type: text/plain");
                boolean refused = answer.status() == 403 && answer.body().contains("cors.origins");
                if (refused == reads || answer.headers().containsKey("Access-Control-Allow-Origin")) {
                    wrong.add(route + " " + header + ": " + answer);
                }
            }
        }
        assertThat(refusing).isGreaterThan(25);
        assertThat(wrong).isEmpty();
    }

    @Test
    void itsPushIsNotStoredAndItsPopTakesNothing() {
        assertThat(bridge.push(item("kept")).statusCode()).isEqualTo(201);
        String pop = "/api/v1/pop/queue/kept?autoAck=true";
        assertThat(RawRequest.send(bridge.port(), "GET", pop, "", "Sec-Fetch-Site: cross-site")
                        .status())
                .isEqualTo(403);
        assertThat(RawRequest.send(bridge.port(), "POST", PUSH, item("kept"), "Origin: https://evil.example")
                        .status())
                .isEqualTo(403);
        assertThat(bridge.pop("kept?autoAck=true&batch=10").path("messages")).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Origin: http://<host>"})
    void aPageOfTheServiceItselfMay(String header) {
        Response answer = RawRequest.send(
                bridge.port(), "POST", PUSH, item("own"), "Host: " + host(), header.replace("<host>", host()));
        assertThat(answer.status()).as(answer.body()).isEqualTo(201);
    }

    @ParameterizedTest
    @ValueSource(strings = {APP, "HTTPS://App.Example.com:443", "http://localhost:3000"})
    void aPageThatIsListedMayAndReadsTheAnswer(String origin) {
        Response answer = RawRequest.send(
                trusting.port(), "POST", PUSH, item("listed"), "Origin: " + origin, "Sec-Fetch-Site: same-site");
        assertThat(answer.status()).as(answer.body()).isEqualTo(201);
        assertThat(answer.headers())
                .containsEntry("Access-Control-Allow-Origin", origin)
                .containsEntry("Vary", "Origin");
        assertThat(names(answer, "Access-Control-Expose-Headers"))
                .contains("Retry-After", "Link", "Sluice-Next-Cursor", "Sluice-Truncated", "Allow", "Accept-Encoding")
                .contains("WWW-Authenticate", "Content-Encoding", "Idempotency-Key", "traceparent", "tracestate")
                .contains("ce-id", "ce-source", "ce-specversion", "ce-type", "ce-subject", "ce-time", "ce-dataschema");
        assertThat(answer.headers()).doesNotContainKey("Access-Control-Max-Age");
    }

    private static List<String> names(Response answer, String header) {
        return List.of(answer.headers().get(header).split(", ", -1));
    }

    @Test
    void aPageThatIsListedReadsErrorsToo() {
        for (String path : List.of("/nowhere", "/%FF", "/live?a=%zz", "/api/v1/pop", "/live/..")) {
            Response answer = RawRequest.send(trusting.port(), "GET", path, "", "Origin: " + APP);
            assertThat(answer.status()).as(path).isIn(400, 404);
            assertThat(answer.headers())
                    .containsEntry("Access-Control-Allow-Origin", APP)
                    .containsEntry("Vary", "Origin");
            assertThat(names(answer, "Access-Control-Expose-Headers")).contains("Retry-After");
            Response foreign = RawRequest.send(trusting.port(), "GET", path, "", "Origin: https://evil.example");
            assertThat(foreign.headers()).doesNotContainKey("Access-Control-Allow-Origin");
        }
        assertThat(RawRequest.send(everywhere.port(), "POST", PUSH, "", "Content-Length: many")
                        .headers())
                .containsEntry("Access-Control-Allow-Origin", "*");
    }

    @Test
    void aPageThatIsNotListedMayNotThoughOthersAre() {
        for (String origin : List.of("http://app.example.com", APP + ":444", "http://localhost:3001", "null")) {
            Response answer = RawRequest.send(trusting.port(), "POST", PUSH, item("listed"), "Origin: " + origin);
            assertThat(answer.status()).as(origin).isEqualTo(403);
            assertThat(answer.headers()).doesNotContainKey("Access-Control-Allow-Origin");
        }
        assertThat(RawRequest.send(trusting.port(), "POST", PUSH, item("q"), "Sec-Fetch-Site: cross-site")
                        .status())
                .isEqualTo(403);
    }

    @Test
    void aPreflightTellsListedPagesWhatTheyMaySend() {
        Response listed = RawRequest.send(
                trusting.port(),
                "OPTIONS",
                "/any/path",
                "",
                "Origin: " + APP,
                "Access-Control-Request-Method: POST",
                "Access-Control-Request-Headers: ce-id,CE-Type,x-other,ce-bad header, CE-Region,ce-region");
        assertThat(listed.status()).isEqualTo(204);
        assertThat(listed.headers())
                .containsEntry("Access-Control-Allow-Origin", APP)
                .containsEntry("Access-Control-Max-Age", "3600");
        assertThat(names(listed, "Access-Control-Allow-Methods"))
                .contains("GET", "POST", "PUT", "DELETE", "OPTIONS")
                .containsAll(bridge.routes().stream().map(Route::method).toList())
                .doesNotHaveDuplicates();
        assertThat(names(listed, "Access-Control-Allow-Headers"))
                .containsExactly(
                        "Content-Type",
                        "Authorization",
                        "Content-Encoding",
                        "Idempotency-Key",
                        "traceparent",
                        "tracestate",
                        "ce-specversion",
                        "ce-id",
                        "ce-source",
                        "ce-type",
                        "ce-subject",
                        "ce-time",
                        "ce-dataschema",
                        "CE-Region");
        for (RunningBridge each : List.of(bridge, trusting)) {
            Response other = RawRequest.send(each.port(), "OPTIONS", PUSH, "", "Origin: https://evil.example");
            assertThat(other.status()).isEqualTo(204);
            assertThat(other.headers().keySet()).noneMatch(name -> name.startsWith("access-control"));
        }
    }

    @Test
    void everyPageMayWhereTheListIsAStar() {
        Response answer = RawRequest.send(
                everywhere.port(),
                "POST",
                PUSH,
                item("star"),
                "Host: whatever.example",
                "Origin: https://evil.example",
                "Sec-Fetch-Site: cross-site");
        assertThat(answer.status()).as(answer.body()).isEqualTo(201);
        assertThat(answer.headers()).containsEntry("Access-Control-Allow-Origin", "*");
        for (String path : List.of("/health", "/none")) {
            assertThat(RawRequest.send(everywhere.port(), "GET", path, "").headers())
                    .containsEntry("Access-Control-Allow-Origin", "*");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "evil.example",
                "evil.example:6632",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "localhost:evil",
                "127.0.0.1@evil.example",
                "192.168.1.1",
                "[::2]",
                "0.0.0.0",
                ""
            })
    void aNameThatPointsToTheLoopbackAddressIsRefusedEverywhere(String host) {
        for (Route route : bridge.routes()) {
            Response answer = RawRequest.send(
                    bridge.port(),
                    route.method(),
                    withDummies(route.path()),
                    "",
                    "Host: " + host,
                    "WebHook-Request-Origin: example.com");
            assertThat(answer.status()).as(route + " " + answer).isIn(400, 403);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:7000", "[::1]", "[::1]:6632"})
    void theNamesOfThisMachineAreAnswered(String host) {
        assertThat(RawRequest.send(bridge.port(), "GET", "/health", "", "Host: " + host)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void aHostOfAListedOriginIsAnsweredBehindAProxyOnThisMachine() {
        assertThat(RawRequest.send(trusting.port(), "POST", PUSH, item("p"), "Host: app.example.com", "Origin: " + APP)
                        .status())
                .isEqualTo(201);
        assertThat(RawRequest.send(trusting.port(), "GET", "/health", "", "Host: app.example.com:81")
                        .status())
                .isEqualTo(403);
    }

    @Test
    void aBrowserMayRememberAPreflightForTheTimeOfTheSettings() {
        Response preflight = RawRequest.send(
                everywhere.port(), "OPTIONS", PUSH, "", "Origin: " + APP, "Access-Control-Request-Method: POST");
        assertThat(preflight.headers())
                .containsEntry("Access-Control-Max-Age", "600")
                .containsEntry("Access-Control-Allow-Origin", "*");
    }

    @Test
    void behindAProxyPagesOfThePublicUrlAreItsOwn() {
        try (var proxied = RunningBridge.start(
                postgres.url(),
                directory.resolve("proxied"),
                Map.of("http.public.url", "https://Queue.example.com/sluice/"))) {
            String page = "Origin: https://queue.example.com";
            for (String host : List.of("Host: localhost", "Host: queue.example.com", "Host: queue.example.com:443")) {
                Response own = RawRequest.send(
                        proxied.port(), "POST", PUSH, item("own"), host, page, "Sec-Fetch-Site: same-origin");
                assertThat(own.status()).as(own.body()).isEqualTo(201);
                assertThat(own.headers()).doesNotContainKey("Access-Control-Allow-Origin");
            }
            for (String other :
                    List.of("https://queue.example.com:444", "http://queue.example.com", "https://example.com")) {
                assertThat(RawRequest.send(proxied.port(), "POST", PUSH, item("own"), "Origin: " + other)
                                .status())
                        .as(other)
                        .isEqualTo(403);
            }
            assertThat(RawRequest.send(proxied.port(), "POST", PUSH, item("own"), page, "Sec-Fetch-Site: cross-site")
                            .status())
                    .isEqualTo(403);
            assertThat(RawRequest.send(proxied.port(), "GET", "/live", "", "Host: queue.example.com:81")
                            .body())
                    .contains("http.public.url");
        }
    }

    @Test
    void aListenerOnAllAddressesAnswersToAnyHost() {
        try (var open =
                RunningBridge.start(postgres.url(), directory.resolve("open"), Map.of("http.host", "0.0.0.0"))) {
            assertThat(RawRequest.send(open.port(), "POST", PUSH, item("any"), "Host: queue.example.com")
                            .status())
                    .isEqualTo(201);
            assertThat(RawRequest.send(
                                    open.port(),
                                    "POST",
                                    PUSH,
                                    item("any"),
                                    "Host: queue.example.com",
                                    "Origin: https://evil.example")
                            .status())
                    .isEqualTo(403);
        }
    }

    @Test
    void aClientOfHttp10WithoutAHostIsAnswered() throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), bridge.port())) {
            socket.setSoTimeout(60_000);
            socket.getOutputStream().write("GET /live HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .contains(" 200 ");
        }
    }

    /** The program of another language, run with an argument for the address of the service; prints {@code 201 200}. */
    private void works(String file, String program, String... command) throws Exception {
        Path script = directory.resolve(file);
        Files.writeString(script, program);
        var words = new ArrayList<>(List.of(command));
        words.add(script.toString());
        words.add(bridge.url());
        assertThat(run(words)).isEqualTo("201 200");
    }

    private static String run(List<String> words) throws Exception {
        Process process;
        try {
            process = new ProcessBuilder(words).redirectErrorStream(true).start();
        } catch (IOException e) {
            assumeTrue(false, words.get(0) + " is not installed");
            throw e;
        }
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return output;
    }

    @Test
    void fetchOfNodeIsNoPage() throws Exception {
        works("client.mjs", """
                const url = process.argv[2];
                const body = JSON.stringify({items: [{queue: "node", payload: 1}]});
                const pushed = await fetch(url + "/api/v1/push", {method: "POST", body,
                    headers: {"Content-Type": "application/json"}});
                await pushed.text();
                const popped = await fetch(url + "/api/v1/pop/queue/node?autoAck=true&wait=true&timeout=30000");
                await popped.text();
                console.log(pushed.status + " " + popped.status);
                """, "node");
    }

    @Test
    void pythonIsNoPage() throws Exception {
        works("client.py", """
                import sys
                from urllib.request import Request, urlopen
                url = sys.argv[1]
                body = b'{"items": [{"queue": "python", "payload": 1}]}'
                pushed = urlopen(Request(url + "/api/v1/push", data=body)).status
                popped = urlopen(url + "/api/v1/pop/queue/python?autoAck=true&wait=true&timeout=30000").status
                print(pushed, popped)
                """, "python3");
    }

    @Test
    void goIsNoPage() throws Exception {
        works("client.go", """
                package main

                import ("fmt"; "net/http"; "os"; "strings")

                func main() {
                    url := os.Args[1]
                    body := strings.NewReader(`{"items": [{"queue": "go", "payload": 1}]}`)
                    pushed, err := http.Post(url + "/api/v1/push", "application/json", body)
                    if err != nil { panic(err) }
                    popped, err := http.Get(url + "/api/v1/pop/queue/go?autoAck=true&wait=true&timeout=30000")
                    if err != nil { panic(err) }
                    fmt.Println(pushed.StatusCode, popped.StatusCode)
                }
                """, "go", "run");
    }

    @Test
    void curlIsNoPage() throws Exception {
        String format = "%{http_code}";
        assertThat(run(List.of("curl", "-s", "-o", "-", "-w", format, bridge.url() + PUSH, "-d", item("curl"))))
                .endsWith("201");
        assertThat(run(List.of(
                        "curl",
                        "-s",
                        "-w",
                        format,
                        bridge.url() + "/api/v1/pop/queue/curl?autoAck=true&wait=true&timeout=30000")))
                .endsWith("200");
    }
}
