package dev.sluice.bridge.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.RawRequest.Response;
import dev.sluice.bridge.http.Route;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** An address means the queue that it names, and never another one or all of them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AddressesTest {
    private static final String ID = "00000000-0000-4000-8000-000000000001";
    private static final String QUEUES = "/api/v1/resources/queues/";
    private static final String SLASH_ENDS_NAME = "; a path ends behind a name, and a slash in a name is %2F";
    private static final String EMPTY_NAME = "; a name in a path must not be empty, and a slash in a name is %2F";

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private RunningBridge bridge;

    @BeforeAll
    void start(@TempDir Path directory) {
        bridge = RunningBridge.start(postgres.url(), directory);
    }

    @AfterAll
    void stop() {
        bridge.close();
    }

    private Response send(String method, String address) {
        String body = method.equals("POST") ? "{}" : "";
        // OPTIONS has a route only for a source of events.
        return RawRequest.send(bridge.port(), method, address, body, "WebHook-Request-Origin: emitter.example.com");
    }

    private void create(String queue) {
        assertThat(bridge.push("{\"items\":[{\"queue\":\"" + queue + "\",\"payload\":1}]}")
                        .statusCode())
                .isEqualTo(201);
    }

    private String queues() {
        return bridge.get("/api/v1/resources/queues").body();
    }

    private static String withNames(String path) {
        return path.replaceAll("\\{[^}]*[iI]d\\}", ID).replaceAll("\\{[^}]*}", "slashed");
    }

    private static String error(String error) {
        return "{\"error\":\"" + error + "\"}";
    }

    @Test
    void aSlashBehindANameIsNotIgnoredOnAnyRoute() {
        create("slashed");
        var wrong = new ArrayList<String>();
        int checked = 0;
        for (Route route : bridge.routes()) {
            if (route.path().endsWith("}")) {
                String address = withNames(route.path()) + "/";
                Response answer = send(route.method(), address);
                String expected = error("Not found: " + route.method() + " " + address + SLASH_ENDS_NAME);
                if (answer.status() != 404 || !answer.body().equals(expected)) {
                    wrong.add(route + ": " + answer);
                }
                checked++;
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(checked).isGreaterThan(10);
        assertThat(queues()).contains("\"slashed\"");
        assertThat(bridge.pop("slashed?autoAck=true").path("messages")).hasSize(1);
    }

    @Test
    void aSlashBehindAWordIsIgnoredOnEveryRoute() {
        var wrong = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            if (!route.path().endsWith("}") && !route.path().contains("/maintenance")) {
                String address = withNames(route.path());
                Response without = send(route.method(), address);
                Response with = send(route.method(), address + "/");
                if (with.status() != without.status() || with.body().startsWith("{\"error\":\"Not found: ")) {
                    wrong.add(route + ": " + without + " but " + with);
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(send("HEAD", "/live/").status()).isEqualTo(200);
        assertThat(send("HEAD", "/api/v1/pop/").status()).isEqualTo(405);
        assertThat(send("PUT", "/live/").headers().get("Allow")).isEqualTo("GET, HEAD");
    }

    @Test
    void anEmptyNameIsNotFoundOnAnyRoute() {
        create("whole");
        var wrong = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            for (int at = route.path().indexOf('{'); at >= 0; at = route.path().indexOf('{', at + 1)) {
                int end = route.path().indexOf('}', at) + 1;
                String address = withNames(route.path().substring(0, at))
                        + withNames(route.path().substring(end));
                if (address.contains("//")) {
                    Response answer = send(route.method(), address);
                    String expected = error("Not found: " + route.method() + " " + address + EMPTY_NAME);
                    if (answer.status() != 404 || !answer.body().equals(expected)) {
                        wrong.add(route + ": " + answer);
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        for (String address : List.of(QUEUES, "/api/v1/consumer-groups/", "/api/v1/consumer-groups/g/queues/")) {
            assertThat(send("DELETE", address).status()).as(address).isIn(400, 404, 405);
        }
        assertThat(queues()).contains("\"whole\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/live//",
                "//live",
                "/api//v1/push",
                "/api/v1/resources/queues//slashes",
                "/api/v1/resources/queues/slashes//",
                "/api/v1/resources/queues/slash/es"
            })
    void doubleSlashesAndSlashesInNamesAreNotFound(String address) {
        create("slashes");
        for (String method : List.of("GET", "DELETE", "POST")) {
            assertThat(send(method, address).status()).as(method).isEqualTo(404);
        }
        assertThat(queues()).contains("\"slashes\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/v1/resources/queues/..",
                "/api/v1/resources/queues/.",
                "/api/v1/resources/queues/x/../dots",
                "/api/v1/resources/./queues/dots",
                "/api/v1/consumer-groups/../resources/queues/dots",
                "/api/v1/resources/queues/dots/.",
                "/x/../live",
                "/live/.."
            })
    void aSegmentOfDotsIsRefused(String address) {
        for (String name : List.of("dots", ".", "..")) {
            create(name);
        }
        for (String method : List.of("GET", "DELETE", "POST")) {
            Response answer = send(method, address);
            assertThat(answer.status()).as(answer.body()).isEqualTo(400);
            assertThat(answer.body()).contains("The path must not have the segment .");
        }
        assertThat(queues()).contains("\"dots\"", "\".\"", "\"..\"");
    }

    @ParameterizedTest
    @CsvSource({
        "..., ...",
        ".hidden, .hidden",
        "a..b, a..b",
        "%2E%2E, ..",
        "%2e, .",
        "a%2Fb, a/b",
        "a%2fb%2F, a/b/",
        "a;b=c, a;b=c",
        "..;, ..;",
        "a%3Bb, a;b",
        "a+b, a+b",
        "a%20b, a b",
        "%252F, %2F",
        "a:b@c, a:b@c",
        "%C3%BC, \u00fc"
    })
    void anEncodedNameIsTheQueueOfThatName(String encoded, String name) {
        create(name);
        Response found = send("GET", QUEUES + encoded);
        assertThat(RunningBridge.json(found.body()).path("name").textValue()).isEqualTo(name);
        assertThat(send("DELETE", QUEUES + encoded).status()).isEqualTo(200);
        assertThat(send("GET", QUEUES + encoded).status()).isEqualTo(404);
    }

    @Test
    void aParameterBehindAWordIsNotIgnored() {
        for (String address : List.of("/live;a=b", "/live/;a=b", "/;a/live", "/api/v1;a/resources/queues", "/%6Cive")) {
            assertThat(send("GET", address).status()).as(address).isEqualTo(404);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"%", "%2", "%zz", "%FF", "%C0%AF", "%ED%A0%80", "%E2%82", "%u0061", "a%", "\u00e9"})
    void aParameterThatCannotBeDecodedIsRefusedOnEveryRoute(String value) {
        var wrong = new ArrayList<String>();
        for (Route route : bridge.routes()) {
            for (String query : List.of("?queue=" + value, "?a=b&queue=" + value + "&c=d")) {
                Response answer = send(route.method(), withNames(route.path()) + query);
                boolean refused = answer.status() == 400
                        && answer.body().equals(error("The parameter queue of the query is not percent-encoded UTF-8"));
                if (!refused) {
                    wrong.add(route + query + ": " + answer);
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void aFilterThatCannotBeDecodedDeletesNothing() {
        create("filtered");
        JsonNode message = bridge.pop("filtered").at("/messages/0");
        String path = "/api/v1/messages/" + message.path("partitionId").asText() + "/"
                + message.path("transactionId").asText() + "/dlq";
        assertThat(bridge.post(path, "{}").statusCode()).isEqualTo(200);
        String before = bridge.get("/api/v1/dlq?queue=filtered").body();
        assertThat(RunningBridge.json(before).path("total").asInt()).isEqualTo(1);
        for (String query :
                List.of("?queue=filtered&consumerGroup=%zz", "?queue=filtered&partition=%FF", "?%zz=1&all=true")) {
            assertThat(send("DELETE", "/api/v1/dlq" + query).status()).as(query).isEqualTo(400);
        }
        assertThat(bridge.get("/api/v1/dlq?queue=filtered").body()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({
        "queue=%C3%BC, \u00fc",
        "queue=\u00c3\u00bc, \u00fc", // Bytes of UTF-8 without escapes, as some clients send them.
        "queue=a+b, a b",
        "queue=%F0%9F%98%80, \ud83d\ude00",
        "queue=%EF%BF%BD, \ufffd",
        "queue=100%25, 100%",
        "queue=a%26b%3Dc, a&b=c",
        "queue=a=b, a=b",
        "&&=&=x&queue=plain, plain",
        "queue=plain&queue=%20, plain"
    })
    void aQueryThatCanBeDecodedNamesTheQueue(String query, String name) {
        create(name);
        Response answer = send("GET", "/api/v1/messages?" + query);
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(RunningBridge.json(answer.body()).at("/messages/0/queue").textValue())
                .isEqualTo(name);
    }
}
