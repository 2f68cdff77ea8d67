package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.work.SseClient;
import dev.sluice.bridge.api.work.SseClient.Event;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A bridge that emits what is pushed to browsers, by its configuration alone: {@code subscribe.properties}. */
class SocketInBridgeTest {
    private static final Path EXAMPLE = Path.of("..", "config-examples", "subscribe.properties");
    private static final Path PAGE = Path.of("..", "docs", "subscribe.md");

    /** What a page finds in a browser, for Node: a list that prints its items, and a source of events. */
    private static final String BROWSER = """
            const document = {
              createElement: () => ({}),
              getElementById: (id) => ({ append: (item) => console.log(id + " " + item.textContent) }),
            };
            class EventSource {
              constructor(path) {
                this.read(process.argv[2] + path);
              }
              async read(url) {
                const answer = await fetch(url, { headers: { Accept: "text/event-stream" } });
                let text = "";
                for await (const bytes of answer.body.pipeThrough(new TextDecoderStream())) {
                  text += bytes;
                  const events = text.split("\\n\\n");
                  text = events.pop();
                  for (const event of events) {
                    const fields = event.split("\\n").map((line) => line.split(/: (.*)/s));
                    const data = fields.filter((field) => field[0] === "data").map((field) => field[1]);
                    if (fields.some((field) => field[0] === "event" && field[1] === "message")) {
                      this.onmessage({ data: data.join("\\n") });
                    } else if (data.length > 0) {
                      console.log("other " + data[0]);
                    }
                  }
                }
              }
            }
            """;

    @TempDir
    private static Path directory;

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    /** Starts the example. */
    @BeforeAll
    static void start() throws IOException {
        var example = new Properties();
        try (Reader file = Files.newBufferedReader(EXAMPLE)) {
            example.load(file);
        }
        var all = new HashMap<String, String>();
        example.stringPropertyNames().forEach(name -> all.put(name, example.getProperty(name)));
        all.keySet().removeAll(List.of("data.dir", "http.port"));
        all.put("work.handlers", "news,old");
        all.putAll(Map.of("work.handlers.old.type", "sse", "work.handlers.old.config.channel", "old"));
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(postgres.url(), directory.resolve("data"), all);
    }

    @AfterAll
    static void stop() {
        bridge.close();
        postgres.close();
    }

    private static void push(String item) {
        assertThat(bridge.push("{\"items\":[" + item + "]}").statusCode()).isEqualTo(201);
    }

    private static String ttl(String queue) {
        return postgres.query("select coalesce(ttl_s::text, 'none') from sluice.queues where name = '" + queue + "'")
                .get(0);
    }

    @Test
    void aWorkIsEmittedToTheChannelWhichKeepsItForAClientThatWasAway() {
        push("{\"queue\":\"work.news\",\"partition\":\"k\",\"payload\":{\"n\": 1.50},\"headers\":{\"x-a\":\"b\"}}");
        try (var client = new SseClient(bridge.port(), "/api/v1/subscribe/news?from=beginning")) {
            Event first = client.until("message");
            assertThat(first.data())
                    .contains("\"data\":{\"n\": 1.50}")
                    .contains("\"x-a\":\"b\"")
                    .contains("\"partition\":\"k\"");
            push("{\"queue\":\"work.news\",\"payload\":2}");
            try (var again = new SseClient(bridge.port(), "/api/v1/subscribe/news", "Last-Event-ID: " + first.id())) {
                assertThat(again.until("message").data()).contains("\"data\":2");
            }
        }
        assertThat(ttl("news")).isEqualTo("600");
    }

    @Test
    void aQueueThatExistsKeepsItsOptions() {
        push("{\"queue\":\"old\",\"payload\":0}");
        try (var client = new SseClient(bridge.port(), "/api/v1/subscribe/old?from=beginning")) {
            client.until("message");
            push("{\"queue\":\"work.old\",\"payload\":1}");
            assertThat(client.until("message").data()).contains("\"data\":1");
        }
        assertThat(ttl("old")).isEqualTo("none");
    }

    @Test
    void thePageOfTheDocumentationShowsMessages() throws Exception {
        Matcher script = Pattern.compile("(?s)<script>\n(.*?)</script>").matcher(Files.readString(PAGE));
        assertThat(script.find()).isTrue();
        Path file = directory.resolve("page.mjs");
        Files.writeString(file, BROWSER + script.group(1));
        Path output = directory.resolve("output");
        Process node;
        try {
            node = new ProcessBuilder("node", file.toString(), "http://127.0.0.1:" + bridge.port())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
        } catch (IOException e) {
            Assumptions.abort("node is not on this machine");
            return;
        }
        try {
            awaitLine(node, output, "other \\{\"state\":\"(open|absent)\"}");
            push("{\"queue\":\"orders\",\"payload\":{\"order\":17,\"text\":\"é\"}}");
            awaitLine(node, output, "list 20\\S+Z \\{\"order\":17,\"text\":\"é\"}");
        } finally {
            node.destroyForcibly();
        }
    }

    private static void awaitLine(Process node, Path output, String line) throws Exception {
        Pattern wanted = Pattern.compile("(?m)^" + line + "$");
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!wanted.matcher(Files.readString(output)).find()) {
            assertThat(node.isAlive() && System.nanoTime() < end)
                    .as(Files.readString(output))
                    .isTrue();
            node.waitFor(20, TimeUnit.MILLISECONDS);
        }
    }
}
