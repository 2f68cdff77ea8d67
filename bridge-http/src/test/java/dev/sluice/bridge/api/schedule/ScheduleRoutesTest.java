package dev.sluice.bridge.api.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Schedules over HTTP: made, shown, changed, paused, run and deleted. */
class ScheduleRoutesTest {
    private static final String PATH = "/api/v1/schedules";
    private static final AtomicInteger NUMBER = new AtomicInteger();

    private static TestPostgres postgres;
    private static RunningBridge bridge;

    @BeforeAll
    static void startBridge(@TempDir Path directory) {
        postgres = TestPostgres.empty();
        bridge = RunningBridge.start(
                postgres.url(),
                directory,
                Map.of(
                        "schedules", "declared",
                        "schedules.declared.every", "PT1H",
                        "schedules.declared.type", "report",
                        "schedules.declared.payload", "{\"kind\": \"hourly\"}"));
    }

    @AfterAll
    static void stopBridge() {
        bridge.close();
        postgres.close();
    }

    private static String unique(String beginning) {
        return beginning + "-" + NUMBER.incrementAndGet();
    }

    private static JsonNode answer(HttpResponse<String> response, int status) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        return RunningBridge.json(response.body());
    }

    private static JsonNode create(String body) {
        return answer(bridge.post(PATH, body), 201);
    }

    private static JsonNode pop(String queue) {
        return answer(bridge.get("/api/v1/pop/queue/" + queue + "?autoAck=true&wait=true&timeout=20000"), 200)
                .get("messages");
    }

    @Test
    void aScheduleThatIsMadePushesItsMessage() {
        String name = unique("tick");
        JsonNode made = create("{\"name\":\"" + name + "\",\"every\":\"PT1S\",\"queue\":\"" + name
                + "\",\"partition\":\"p\",\"payload\":{\"a\":1},\"headers\":{\"x-a\":\"b\"},\"missed\":\"skip\"}");
        assertThat(made.get("words").textValue()).isEqualTo("every 1 second");
        assertThat(made.get("nextAt").textValue()).isNotEmpty();
        JsonNode message = pop(name).get(0);
        assertThat(message.get("data").toString()).isEqualTo("{\"a\":1}");
        assertThat(message.get("partition").textValue()).isEqualTo("p");
        assertThat(message.get("transactionId").textValue()).startsWith("schedule:" + name + ":20");
        assertThat(answer(bridge.delete(PATH + "/" + name), 200).get("deleted").booleanValue())
                .isTrue();
        answer(bridge.get(PATH + "/" + name), 404);
        answer(bridge.delete(PATH + "/" + name), 404);
    }

    @Test
    void aScheduleIsShownListedAndSaidInWordsAndTimes() {
        String name = unique("shown");
        create("{\"name\":\"" + name + "\",\"cron\":\"30 3 * * 1-5\",\"zone\":\"Europe/Berlin\",\"type\":\"report\","
                + "\"key\":\"k\",\"priority\":\"high\",\"payload\":[1,2]}");
        JsonNode shown = answer(bridge.get(PATH + "/" + name), 200);
        assertThat(shown.get("payload").toString()).isEqualTo("[1,2]");
        assertThat(shown.get("queue").textValue()).isEqualTo("work.report");
        assertThat(shown.get("type").textValue()).isEqualTo("report");
        assertThat(shown.get("key").textValue()).isEqualTo("k");
        assertThat(shown.get("priority").textValue()).isEqualTo("high");
        JsonNode listed = answer(bridge.get(PATH + "?limit=1000"), 200).get("schedules");
        assertThat(listed.findValuesAsText("name")).contains(name, "declared").isSorted();
        assertThat(listed.get(0).has("payload")).as("lists have no payloads").isFalse();
        JsonNode next = answer(bridge.get(PATH + "/" + name + "/next?count=3"), 200);
        assertThat(next.get("ticks")).hasSize(3);
        assertThat(next.get("words").textValue()).contains("03:30").contains("Europe/Berlin");
        assertThat(answer(bridge.get(PATH + "/" + name + "/next?count=101"), 200)
                        .get("ticks"))
                .hasSize(100);
        answer(bridge.get(PATH + "/none/next"), 404);
    }

    @Test
    void aScheduleIsPausedResumedRunAndChanged() {
        String name = unique("changed");
        create("{\"name\":\"" + name + "\",\"every\":\"PT1H\",\"queue\":\"" + name + "\"}");
        assertThat(answer(bridge.post(PATH + "/" + name + "/pause", ""), 200)
                        .get("paused")
                        .booleanValue())
                .isTrue();
        JsonNode message = answer(bridge.post(PATH + "/" + name + "/run", ""), 200);
        assertThat(pop(name).get(0).get("transactionId")).isEqualTo(message.get("transactionId"));
        assertThat(answer(bridge.post(PATH + "/" + name + "/resume", ""), 200)
                        .get("paused")
                        .booleanValue())
                .isFalse();
        JsonNode changed = answer(
                bridge.patch(PATH + "/" + name, "{\"cron\":\"@daily\",\"description\":\"d\",\"payload\":7}"), 200);
        assertThat(changed.get("every").isNull()).isTrue();
        assertThat(changed.get("cron").textValue()).isEqualTo("@daily");
        assertThat(changed.get("zone").textValue()).isEqualTo("UTC");
        assertThat(changed.get("queue").textValue()).isEqualTo(name);
        assertThat(changed.get("payload").intValue()).isEqualTo(7);
        for (String what : new String[] {"/pause", "/resume", "/run"}) {
            answer(bridge.post(PATH + "/none" + what, ""), 404);
        }
        answer(bridge.patch(PATH + "/none", "{}"), 404);
    }

    @Test
    void aScheduleOfTheConfigurationIsChangedThereOnly() {
        await().atMost(Duration.ofSeconds(30))
                .until(() -> bridge.get(PATH + "/declared").statusCode() == 200);
        JsonNode declared = answer(bridge.get(PATH + "/declared"), 200);
        assertThat(declared.get("declared").booleanValue()).isTrue();
        assertThat(declared.get("payload").toString()).isEqualTo("{\"kind\":\"hourly\"}");
        assertThat(answer(bridge.patch(PATH + "/declared", "{\"every\":\"PT2H\"}"), 409)
                        .get("error")
                        .textValue())
                .contains("configuration");
        answer(bridge.delete(PATH + "/declared"), 409);
        answer(bridge.post(PATH, "{\"name\":\"declared\",\"every\":\"PT1H\",\"queue\":\"q\"}"), 409);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{} | cron, every and at",
                "{\"name\":\"a\",\"every\":\"PT1H\"} | queue and type",
                "{\"name\":\"a/b\",\"every\":\"PT1H\",\"queue\":\"q\"} | name of a schedule",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"cron\":\"@daily\",\"queue\":\"q\"} | only one",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"zone\":\"UTC\",\"queue\":\"q\"} | zone",
                "{\"name\":\"a\",\"cron\":\"0 0 * *\",\"queue\":\"q\"} | five fields",
                "{\"name\":\"a\",\"cron\":\"0 0 31 2 *\",\"queue\":\"q\"} | never fire",
                "{\"name\":\"a\",\"at\":\"2020-01-01T00:00:00Z\",\"queue\":\"q\"} | never fire",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"queue\":\"q\",\"type\":\"t\"} | only one of queue",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"queue\":\"q\",\"key\":\"k\"} | of a work",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"type\":\"t\",\"partition\":\"p\"} | partition",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"type\":\"t t\"} | type must be",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"queue\":\"q\",\"missed\":\"some\"} | skip, once or all",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"queue\":\"q\",\"headers\":{\"a\":1}} | headers",
                "{\"name\":\"a\",\"every\":\"PT1H\",\"queue\":\"q\",\"pay\":1} | unknown field pay"
            })
    void whatIsNotValidIsRefusedWithItsReason(String body, String reason) {
        assertThat(answer(bridge.post(PATH, body), 400).get("error").textValue())
                .contains(reason);
    }
}
