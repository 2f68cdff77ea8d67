package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.api.JsonShape;
import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.WorkBuffer;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Works are shown, listed, cancelled and retried over HTTP, whichever process handles them. */
class WorkRoutesTest extends WorkFixture {
    private static final HandlerSettings RETRIES_IN_AN_HOUR =
            HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofHours(1)));

    private static String unique(String type) {
        return type + "-" + UUID.randomUUID();
    }

    @Test
    void aWorkIsShownWithEveryFieldWhateverItsState() {
        String type = unique("shown");
        String id = enqueue("{\"type\":\"" + type + "\",\"payload\":{},\"key\":\"customer-7\"}");
        assertThat(JsonShape.of(work(id)))
                .isEqualTo("{attempts: int, cancelRequested: bool, crashes: int, createdAt: time, deadline: null,"
                        + " dueAt: null, endedAt: null, engine: null, errors: null, id: uuid, idempotencyKey: null,"
                        + " key: text, leaseUntil: null, metadata: {}, payload: {}, priority: text, producerSub: null,"
                        + " progress: null, reason: null, replayedAs: null, result: null, snoozes: int, state: text,"
                        + " type: text}");
        assertThat(answer(bridge.get(PATH + "/" + id + "?type=" + type + "&key=customer-7"), 200))
                .isEqualTo(work(id));
        assertThat(answer(bridge.get(PATH + "/" + id + "?type=other"), 404)
                        .get("error")
                        .textValue())
                .isEqualTo("Work not found");
    }

    @Test
    void whatDoesNotExistIsNotFoundAndABadIdIsRefused() {
        String absent = PATH + "/" + UUID.randomUUID();
        answer(bridge.get(absent), 404);
        answer(bridge.post(absent + "/cancel", ""), 404);
        answer(bridge.post(absent + "/retry", ""), 404);
        assertThat(answer(bridge.get(PATH + "/17"), 400).get("error").textValue())
                .isEqualTo("id must be a UUID");
        assertThat(answer(bridge.get(PATH + "?type=a%20b"), 400).get("error").textValue())
                .startsWith("type must be");
    }

    @Test
    void theListIsFilteredByTypeAndStateAndHasPages() {
        String type = unique("listed");
        var ids = new ArrayList<String>();
        for (int i = 0; i < 5; i++) {
            ids.add(enqueue("{\"type\":\"" + type + "\"}"));
            ids.add(enqueue("{\"type\":\"" + type + "\",\"runAt\":\"PT1H\"}"));
        }
        var found = new ArrayList<String>();
        String cursor = "";
        int pages = 0;
        while (cursor != null) {
            HttpResponse<String> response = bridge.get(PATH + "?type=" + type + "&limit=3" + cursor);
            JsonNode page = answer(response, 200);
            found.addAll(page.get("works").findValuesAsText("id"));
            assertThat(response.headers().firstValue("Link").isPresent()).isEqualTo(page.has("nextCursor"));
            cursor = page.has("nextCursor")
                    ? "&cursor=" + URLEncoder.encode(page.get("nextCursor").textValue(), StandardCharsets.UTF_8)
                    : null;
            pages++;
        }
        assertThat(found).containsExactlyInAnyOrderElementsOf(ids);
        assertThat(pages).isGreaterThanOrEqualTo(4);
        JsonNode scheduled = answer(bridge.get(PATH + "?state=scheduled&type=" + type), 200);
        assertThat(scheduled.get("works")).hasSize(5);
        assertThat(JsonShape.of(scheduled.at("/works/0")))
                .isEqualTo("{attempts: int, crashes: int, createdAt: time, dueAt: time, endedAt: null, id: uuid,"
                        + " key: null, leaseUntil: null, priority: text, snoozes: int, state: text,"
                        + " type: text}");
        assertThat(answer(bridge.get(PATH + "?state=waiting,scheduled&type=" + type), 200)
                        .get("works"))
                .hasSize(10);
        assertThat(answer(bridge.get(PATH + "?state=dead&type=" + type), 200).get("works"))
                .isEmpty();
    }

    @Test
    void aBadFilterOrCursorIsRefused() {
        assertThat(answer(bridge.get(PATH + "?state=lost"), 400).get("error").textValue())
                .isEqualTo("state must be one of waiting, scheduled, running, retrying, snoozed, done, cancelled, dead,"
                        + " replayed, was lost");
        assertThat(answer(bridge.get(PATH + "?state=done"), 400).get("error").textValue())
                .contains("a work that is done leaves no row");
        assertThat(answer(bridge.get(PATH + "?cursor=x"), 400).get("error").textValue())
                .contains("nextCursor of the same list");
        assertThat(answer(bridge.get(PATH + "?offset=5"), 400).get("error").textValue())
                .contains("take the cursor");
    }

    @Test
    void aWorkThatIsNotDueIsCancelledAtOnceAndOnlyOnce() {
        String type = unique("cancelled");
        String id = enqueue("{\"type\":\"" + type + "\",\"runAt\":\"PT1H\",\"idempotencyKey\":\"k\"}");
        JsonNode cancelled = answer(bridge.post(PATH + "/" + id + "/cancel", ""), 200);
        assertThat(cancelled.toString())
                .isEqualTo("{\"id\":\"" + id + "\",\"type\":\"" + type + "\",\"cancelled\":true}");
        assertThat(state(id)).isEqualTo("cancelled");
        JsonNode again = answer(bridge.post(PATH + "/" + id + "/cancel", ""), 409);
        assertThat(again.get("state").textValue()).isEqualTo("cancelled");
    }

    @Test
    void aWorkThatRunsIsInterruptedAndItsCancellationIsSeen() throws Exception {
        String type = unique("running");
        var began = new CountDownLatch(1);
        try (WorkBuffer unused = engine(
                type,
                (work, context) -> {
                    context.progress(40, "half way");
                    began.countDown();
                    Thread.sleep(300_000);
                    return Outcome.done();
                },
                HandlerSettings.DEFAULT)) {
            String id = enqueue("{\"type\":\"" + type + "\"}");
            began.await();
            until(() -> work(id).at("/progress/percent").intValue() == 40);
            assertThat(state(id)).isEqualTo("running");
            assertThat(work(id).get("engine").isNull()).isFalse();
            JsonNode asked = answer(bridge.post(PATH + "/" + id + "/cancel", ""), 202);
            assertThat(asked.get("cancelled").booleanValue()).isFalse();
            untilState(id, "cancelled");
        }
    }

    @Test
    void aWorkThatWaitsForItsRetryIsDueAtOnce() {
        String type = unique("retried");
        var fails = new AtomicBoolean(true);
        try (WorkBuffer unused = engine(
                type,
                (work, context) -> {
                    if (fails.get()) {
                        throw new IllegalStateException("no luck");
                    }
                    return Outcome.done();
                },
                RETRIES_IN_AN_HOUR)) {
            String id = enqueue("{\"type\":\"" + type + "\"}");
            untilState(id, "retrying");
            JsonNode failed = work(id);
            assertThat(failed.get("attempts").intValue()).isEqualTo(1);
            assertThat(failed.at("/errors/0/message").textValue()).isEqualTo("no luck");
            fails.set(false);
            JsonNode retried = answer(bridge.post(PATH + "/" + id + "/retry", ""), 200);
            assertThat(retried.toString())
                    .isEqualTo(
                            "{\"id\":\"" + id + "\",\"type\":\"" + type + "\",\"retry\":\"due\",\"replayedAs\":null}");
            untilState(id, "done");
            JsonNode again = answer(bridge.post(PATH + "/" + id + "/retry", ""), 409);
            assertThat(again.get("state").textValue()).isEqualTo("done");
        }
    }

    @Test
    void aDeadLetterIsReplayedUnderItsId() {
        String type = unique("replayed");
        var fails = new AtomicBoolean(true);
        try (WorkBuffer unused = engine(
                type,
                (work, context) -> fails.get() ? Outcome.deadLetter("no") : Outcome.done(),
                HandlerSettings.DEFAULT)) {
            String id = enqueue("{\"type\":\"" + type + "\",\"payload\":7}");
            untilState(id, "dead");
            assertThat(work(id).get("reason").textValue()).isEqualTo("no");
            assertThat(answer(bridge.get(PATH + "?state=dead&type=" + type), 200)
                            .get("works"))
                    .hasSize(1);
            fails.set(false);
            JsonNode retried = answer(bridge.post(PATH + "/" + id + "/retry", ""), 200);
            assertThat(retried.get("retry").textValue()).isEqualTo("replayed");
            assertThat(retried.get("replayedAs").textValue()).isEqualTo(id);
            untilState(id, "done");
            assertThat(work(id).get("payload").intValue()).isEqualTo(7);
        }
    }

    @Test
    void typesArePausedResumedAndChangedForAllEngines() {
        String type = unique("type");
        try (WorkBuffer unused = engine(type, (work, context) -> Outcome.done(), HandlerSettings.DEFAULT)) {
            String path = PATH + "/types/" + type;
            assertThat(answer(bridge.post(path + "/pause", ""), 200).toString())
                    .isEqualTo("{\"type\":\"" + type + "\",\"paused\":true}");
            answer(bridge.post(path + "/concurrency", "{\"concurrency\":3}"), 200);
            JsonNode shown = type(type);
            assertThat(JsonShape.of(shown))
                    .isEqualTo("{breaker: null, breakerForced: bool, concurrency: int, encrypted: bool, handler: null,"
                            + " limits: {eachKey: null, key: null, type: null}, paused: bool, pausedSince: time,"
                            + " queue: text, type: text}");
            assertThat(shown.get("paused").booleanValue()).isTrue();
            assertThat(shown.get("concurrency").intValue()).isEqualTo(3);
            assertThat(shown.get("queue").textValue()).isEqualTo("work." + type);
            String id = enqueue("{\"type\":\"" + type + "\"}");
            answer(bridge.post(path + "/resume", ""), 200);
            untilState(id, "done");
            answer(bridge.post(path + "/concurrency", "{\"concurrency\":null}"), 200);
            assertThat(type(type).get("concurrency").isNull()).isTrue();
            assertThat(type(type).get("paused").booleanValue()).isFalse();
            assertThat(answer(bridge.post(path + "/concurrency", "{\"concurrency\":0}"), 400)
                            .get("error")
                            .textValue())
                    .isEqualTo("concurrency must be a whole number from 1 to 10000");
            answer(bridge.post(path + "/concurrency", "{\"concurrency\":10001}"), 400);
            assertThat(answer(bridge.post(path + "/concurrency", "{}"), 400)
                            .get("error")
                            .textValue())
                    .isEqualTo("concurrency is required");
            answer(bridge.post(PATH + "/types/a%20b/pause", ""), 400);
        }
    }

    @Test
    void breakersAreForcedAndResetForAllEngines() {
        String type = unique("breaker");
        String path = PATH + "/types/" + type + "/breaker";
        HandlerSettings settings = HandlerSettings.DEFAULT.breaker(BreakerSettings.DEFAULT);
        try (WorkBuffer engine = engine(type, (work, context) -> Outcome.done(), settings)) {
            assertThat(answer(bridge.post(path, "{\"action\":\"force-open\"}"), 200)
                            .toString())
                    .isEqualTo("{\"type\":\"" + type + "\",\"action\":\"force-open\"}");
            until(() -> engine.stats().breakers().get(type).state() == BreakerState.FORCED_OPEN);
            String id = enqueue("{\"type\":\"" + type + "\"}");
            assertThat(state(id)).isEqualTo("waiting");
            answer(bridge.post(path, "{\"action\":\"reset\"}"), 200);
            untilState(id, "done");
        }
        assertThat(answer(bridge.post(path, "{\"action\":\"half\"}"), 400)
                        .get("error")
                        .textValue())
                .isEqualTo("action must be force-open, force-closed or reset");
        assertThat(answer(bridge.post(path, "{}"), 400).get("error").textValue())
                .isEqualTo("action is required");
        assertThat(answer(bridge.get(PATH + "/stats"), 200).get("breakers").isObject())
                .isTrue();
    }

    private static JsonNode type(String type) {
        for (JsonNode each : answer(bridge.get(PATH + "/types"), 200).get("types")) {
            if (each.get("type").textValue().equals(type)) {
                return each;
            }
        }
        throw new AssertionError("no type " + type);
    }

    @Test
    void theNumbersOfAllEnginesAreShownByTypeAndInTotal() {
        String type = unique("counted");
        try (WorkBuffer unused = engine(
                type,
                (work, context) -> {
                    Thread.sleep(2);
                    return Outcome.done();
                },
                HandlerSettings.DEFAULT)) {
            List<String> ids = List.of(enqueue("{\"type\":\"" + type + "\"}"), enqueue("{\"type\":\"" + type + "\"}"));
            ids.forEach(id -> untilState(id, "done"));
        }
        enqueue("{\"type\":\"" + type + "\"}");
        enqueue("{\"type\":\"" + type + "\",\"runAt\":\"PT1H\"}");
        JsonNode stats = answer(bridge.get(PATH + "/stats"), 200);
        JsonNode numbers = stats.get("types").get(type);
        assertThat(JsonShape.of(numbers))
                .isEqualTo("{activeWorkers: int, averageMs: number, completed: int, deadLettered: int, dlq: int,"
                        + " failed: int, p95Ms: number, pending: int, processing: int, retrying: int, scheduled: int,"
                        + " snoozed: int}");
        assertThat(numbers.get("completed").intValue()).isEqualTo(2);
        assertThat(numbers.get("pending").intValue()).isEqualTo(1);
        assertThat(numbers.get("scheduled").intValue()).isEqualTo(1);
        assertThat(numbers.get("averageMs").doubleValue()).isBetween(2.0, 10_000.0);
        assertThat(stats.at("/total/completed").intValue()).isGreaterThanOrEqualTo(2);
        assertThat(stats.get("minutes").intValue()).isEqualTo(60);
        assertThat(answer(bridge.get(PATH + "/stats?minutes=9999"), 200)
                        .get("minutes")
                        .intValue())
                .isEqualTo(1440);
    }
}
