package dev.sluice.bridge.api.work;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.JsonShape;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.reflect.RecordComponent;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Works are enqueued over HTTP: all of a request, or none, with one answer for each. */
class EnqueueRouteTest extends WorkFixture {
    @Test
    void aWorkIsStoredWithEveryFieldAndItsPayloadByteForByte() {
        HttpResponse<String> response = bridge.post(PATH, """
                {"type": "full", "payload": { "n" : 1.50 }, "priority": "high", "idempotencyKey": "k-1",
                 "deadline": "2100-01-01T00:00:00Z", "metadata": {"origin": "test"}, "unknown": [1]}""");
        JsonNode json = answer(response, 201);
        assertThat(JsonShape.of(json))
                .isEqualTo("{duplicate: bool, finished: bool, id: uuid, replaced: null, result: null, type: text}");
        HttpResponse<String> detail = bridge.get(PATH + "/" + json.get("id").textValue());
        assertThat(detail.body()).contains("\"payload\":{ \"n\" : 1.50 }");
        JsonNode work = answer(detail, 200);
        assertThat(work.get("state").textValue()).isEqualTo("waiting");
        assertThat(work.get("priority").textValue()).isEqualTo("high");
        assertThat(work.get("idempotencyKey").textValue()).isEqualTo("k-1");
        assertThat(work.get("deadline").textValue()).isEqualTo("2100-01-01T00:00:00.000Z");
        assertThat(work.get("metadata").toString()).isEqualTo("{\"origin\":\"test\"}");
    }

    /** A property that a program can set and a client cannot would be missing for ever. */
    @Test
    void everyPropertyOfAWorkHasAField() {
        Map<String, List<String>> others = Map.of(
                "delay",
                List.of("runAt"),
                "coalescing",
                List.of("debounce", "conflate"),
                "callbacks",
                List.of("replyTo", "failTo"));
        assertThat(Stream.of(Work.class.getRecordComponents())
                        .map(RecordComponent::getName)
                        .flatMap(name -> others.getOrDefault(name, List.of(name)).stream()))
                .isSubsetOf(EnqueueBody.MEMBERS);
    }

    @Test
    void aWorkHasTheLimitKeyThatTheRequestNames() {
        enqueue("{\"type\":\"limited\",\"limitKey\":\"acme\"}");
        enqueue("{\"type\":\"limited\",\"limitKey\":\"acme\",\"key\":\"~@other/k\"}");
        assertThat(postgres.query("select p.name from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                        + " where q.name = 'work.limited' order by p.name"))
                .containsExactlyInAnyOrder("~normal@acme", "~@acme/=~@other/k");
    }

    @Test
    void aWorkNamesWhoIsToldHowItEnds() {
        answer(
                bridge.post(
                        PATH,
                        "{\"works\":[{\"type\":\"told\",\"replyTo\":\"answers\","
                                + "\"failTo\":\"https://example.org/failed\"}]}"),
                201);
        assertThat(postgres.query("select unnest(s.headers)::jsonb->>'sluice.work-reply-to',"
                        + " unnest(s.headers)::jsonb->>'sluice.work-fail-to' from sluice.segments s"
                        + " join sluice.partitions p on p.id = s.partition_id"
                        + " join sluice.queues q on q.id = p.queue_id where q.name = 'work.told'"))
                .containsExactly("answers|https://example.org/failed");
    }

    @Test
    void theLastWorkWithADebounceKeyReplacesTheOneThatWaits() {
        String body = "{\"type\":\"quiet\",\"payload\":%d,\"debounce\":"
                + "{\"key\":\"d\",\"quiet\":\"PT1H\",\"longest\":\"PT2H\"}}";
        JsonNode first = answer(bridge.post(PATH, body.formatted(1)), 201);
        assertThat(first.get("replaced").isNull()).isTrue();
        JsonNode second = answer(bridge.post(PATH, body.formatted(2)), 201);
        assertThat(second.get("replaced")).isEqualTo(first.get("id"));
        JsonNode work = work(second.get("id").textValue());
        assertThat(work.get("state").textValue()).isEqualTo("scheduled");
        assertThat(Instant.parse(work.get("dueAt").textValue()))
                .isBetween(Instant.now().plusSeconds(3_000), Instant.now().plusSeconds(3_700));
    }

    @Test
    void aConflationKeyIsTheKeyOfTheWorkAndKeepsTheLatestValue() {
        String body = "{\"type\":\"latest\",\"payload\":%d,\"conflate\":\"c\"}";
        JsonNode first = answer(bridge.post(PATH, body.formatted(1)), 201);
        assertThat(work(first.get("id").textValue()).get("key").textValue()).isEqualTo("c");
        JsonNode second = answer(bridge.post(PATH, body.formatted(2)), 201);
        assertThat(second.get("replaced").isNull())
                .as("the first one waits in its queue")
                .isTrue();
        JsonNode third = answer(bridge.post(PATH, body.formatted(3)), 201);
        assertThat(third.get("replaced")).isEqualTo(second.get("id"));
    }

    @Test
    void manyWorksAreStoredInOrderOrNotAtAll() {
        JsonNode stored = answer(
                bridge.post(
                        PATH,
                        "{\"works\":[{\"type\":\"many\",\"key\":\"a\",\"payload\":1},"
                                + "{\"type\":\"many\",\"key\":\"a\",\"payload\":2},{\"type\":\"other\"}]}"),
                201);
        assertThat(stored.get("works")).hasSize(3);
        assertThat(work(stored.at("/works/1/id").textValue()).get("payload").intValue())
                .isEqualTo(2);
        assertThat(work(stored.at("/works/2/id").textValue()).get("payload").isNull())
                .isTrue();
        answer(bridge.post(PATH, "{\"works\":[{\"type\":\"all-or-none\"},{\"type\":\"no type\"}]}"), 400);
        assertThat(postgres.query("select 1 from sluice.queues where name = 'work.all-or-none'"))
                .isEmpty();
    }

    @Test
    void aRepetitionIsAnsweredWithTheFirstIdAndItsResult() {
        String body = "{\"type\":\"once\",\"payload\":1,\"idempotencyKey\":\"k\"}";
        String id = enqueue(body);
        JsonNode again = answer(bridge.post(PATH, body), 200);
        assertThat(again.get("id").textValue()).isEqualTo(id);
        assertThat(again.get("duplicate").booleanValue()).isTrue();
        assertThat(again.get("finished").booleanValue()).isFalse();
        try (WorkBuffer unused = engine(
                "once", (work, context) -> Outcome.done("{\"answer\":42}"), HandlerSettings.DEFAULT.keepResults())) {
            until(() -> answer(bridge.post(PATH, body), 200).get("finished").booleanValue());
        }
        assertThat(bridge.post(PATH, body).body()).contains("\"result\":{\"answer\":42}");
        JsonNode both = answer(bridge.post(PATH, "{\"works\":[" + body + ",{\"type\":\"once\",\"payload\":2}]}"), 201);
        assertThat(both.at("/works/0/id").textValue()).isEqualTo(id);
        assertThat(both.at("/works/1/duplicate").booleanValue()).isFalse();
    }

    @Test
    void anotherPayloadWithTheSameKeyIsRefusedWithBothHashes() {
        String id = enqueue("{\"type\":\"conflict\",\"payload\":1,\"idempotencyKey\":\"k\"}");
        String other = "{\"type\":\"conflict\",\"payload\":2,\"idempotencyKey\":\"k\"}";
        JsonNode refusal = answer(bridge.post(PATH, other), 422);
        assertThat(refusal.get("id").textValue()).isEqualTo(id);
        assertThat(refusal.get("storedHash").textValue())
                .isEqualTo("6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
        assertThat(refusal.get("givenHash").textValue())
                .isEqualTo("d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35");
        assertThat(refusal.get("error").textValue()).contains("idempotency key k of type conflict");
        JsonNode problem = answer(bridge.post(PATH, other, "Accept", "application/problem+json"), 422);
        assertThat(problem.get("status").intValue()).isEqualTo(422);
        assertThat(problem.get("givenHash")).isEqualTo(refusal.get("givenHash"));
    }

    @Test
    void aFullTypeIsRefusedWithTheNumbersAndOthersAreNot(@TempDir Path directory) {
        try (var bounded = RunningBridge.start(postgres.url(), directory, Map.of("work.max.queue.size", "2"))) {
            answer(bounded.post(PATH, "{\"works\":[{\"type\":\"bounded\"},{\"type\":\"bounded\"}]}"), 201);
            HttpResponse<String> full = bounded.post(PATH, "{\"type\":\"bounded\"}");
            JsonNode refusal = answer(full, 429);
            assertThat(refusal.get("waiting").intValue()).isEqualTo(2);
            assertThat(refusal.get("most").intValue()).isEqualTo(2);
            assertThat(full.headers().firstValue("Retry-After")).isPresent();
            answer(bounded.post(PATH, "{\"type\":\"unbounded\"}"), 201);
            assertThat(answer(
                                    bounded.post(
                                            PATH, "{\"works\":[{\"type\":\"b\"},{\"type\":\"b\"},{\"type\":\"b\"}]}"),
                                    400)
                            .get("error")
                            .textValue())
                    .contains("at most 2 works of type b may wait, and one call enqueues 3");
        }
    }

    @Test
    void aWorkMayHaveATimeOrADelay() {
        String at = enqueue("{\"type\":\"later\",\"runAt\":\"2099-05-16T10:00:00Z\"}");
        assertThat(work(at).get("dueAt").textValue()).isEqualTo("2099-05-16T10:00:00.000Z");
        assertThat(state(at)).isEqualTo("scheduled");
        String after = enqueue("{\"type\":\"later\",\"runAt\":\"PT2H\"}");
        assertThat(Instant.parse(work(after).get("dueAt").textValue()))
                .isBetween(Instant.now().plusSeconds(7_000), Instant.now().plusSeconds(7_400));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}|type is required",
                "{\"type\":1}|type must be a string",
                "{\"type\":\"a b\"}|type must be 1 to 200 letters",
                "{\"type\":\"a\",\"type\":\"b\"}|type must not be there more than once",
                "{\"type\":\"a\",\"priority\":\"urgent\"}|priority must be critical, high, normal or low",
                "{\"type\":\"a\",\"key\":\"\"}|key must not be empty",
                "{\"type\":\"a\",\"idempotencyKey\":7}|idempotencyKey must be a string",
                "{\"type\":\"a\",\"runAt\":\"soon\"}|runAt must be a time",
                "{\"type\":\"a\",\"runAt\":\"P1Y\"}|a delay: an ISO 8601 duration like PT5M, from PT0S to PT277777H",
                "{\"type\":\"a\",\"runAt\":\"-PT5M\"}|runAt must be a time",
                "{\"type\":\"a\",\"runAt\":true}|runAt must be a time",
                "{\"type\":\"a\",\"deadline\":\"PT5M\"}|deadline must be a time",
                "{\"type\":\"a\",\"limitKey\":\"\"}|limitKey must not be empty",
                "{\"type\":\"a\",\"debounce\":\"x\"}|debounce must be an object with key, quiet and longest",
                "{\"type\":\"a\",\"debounce\":{\"key\":\"d\",\"quiet\":\"PT1S\"}}|debounce.longest is required",
                "{\"type\":\"a\",\"debounce\":{\"key\":1}}|debounce.key must be a string",
                "{\"type\":\"a\",\"debounce\":{\"key\":\"d\",\"key\":\"d\"}}|key must not be there more than once",
                "{\"type\":\"a\",\"debounce\":{\"key\":\"\",\"quiet\":\"PT1S\",\"longest\":\"PT1S\"}}"
                        + "|debounce key must not be empty",
                "{\"type\":\"a\",\"debounce\":{\"key\":\"d\",\"quiet\":\"5\",\"longest\":\"PT1S\"}}"
                        + "|debounce.quiet must be an ISO 8601 duration like PT5M",
                "{\"type\":\"a\",\"debounce\":{\"key\":\"d\",\"quiet\":\"PT2S\",\"longest\":\"PT1S\"}}"
                        + "|quiet must be 0 or more and at most longest",
                "{\"type\":\"a\",\"conflate\":\"c\",\"runAt\":\"PT5M\"}"
                        + "|a debounce key or a conflation key must have no runAt",
                "{\"type\":\"a\",\"conflate\":\"c\",\"debounce\":{\"key\":\"d\",\"quiet\":\"PT1S\",\"longest\":"
                        + "\"PT1S\"}}|debounce and conflate exclude each other",
                "{\"type\":\"a\",\"replyTo\":\"ftp://a/\"}|replyTo must be the name of a queue, or an http"
                        + " or https URL",
                "{\"type\":\"a\",\"failTo\":1}|failTo must be a string",
                "{\"type\":\"a\",\"metadata\":[]}|metadata must be an object of strings",
                "{\"type\":\"a\",\"metadata\":{\"a\":1}}|metadata must be an object of strings",
                "{\"type\":\"a\",\"metadata\":{\"sluice.a\":\"1\"}}|metadata: header sluice.a must not begin with",
                "{\"works\":[]}|works must not be empty",
                "{\"works\":{}}|works must be an array",
                "{\"works\":[1]}|works must be objects, item 0 is not",
                "{\"works\":[{\"type\":\"a\"},{}]}|item 1: type is required",
                "{\"works\":[{\"type\":\"a\"}],\"type\":\"b\"}|works excludes the fields of one work",
                "[]|the body must be a work or an object with a works array",
                "{\"type\":\"a\"|Invalid JSON",
            })
    void aBadInputIsRefusedWithTheNameOfTheField(String body, String error) {
        assertThat(answer(bridge.post(PATH, body), 400).get("error").textValue())
                .contains(error);
    }

    @Test
    void metadataBeyondTheLimitsOfHeadersIsRefusedWithTheNumbers() {
        var many = new StringBuilder();
        for (int i = 0; i < 65; i++) {
            many.append(i == 0 ? "" : ",").append("\"m").append(i).append("\":\"\"");
        }
        assertThat(answer(bridge.post(PATH, "{\"type\":\"a\",\"metadata\":{" + many + "}}"), 400)
                        .get("error")
                        .textValue())
                .contains("metadata must have at most 64 texts (message.headers.max.count), has 65");
        assertThat(answer(
                                bridge.post(
                                        PATH, "{\"type\":\"a\",\"metadata\":{\"m\":\"" + "x".repeat(16 << 10) + "\"}}"),
                                400)
                        .get("error")
                        .textValue())
                .contains("metadata must have at most 16384 bytes")
                .contains("message.headers.max.bytes");
    }

    @Test
    void moreWorksThanOneRequestMayHaveAreRefused(@TempDir Path directory) {
        try (var small = RunningBridge.start(postgres.url(), directory, Map.of("http.max.items", "2"))) {
            String three = "{\"works\":[{\"type\":\"a\"},{\"type\":\"a\"},{\"type\":\"a\"}]}";
            assertThat(answer(small.post(PATH, three), 400).get("error").textValue())
                    .contains("works must be at most 2 (http.max.items)");
        }
    }

    @Test
    void worksOfAnEncryptedTypeAreStoredSealedAndShownInClear(@TempDir Path directory) {
        try (var sealed =
                RunningBridge.start(postgres.url(), directory, Map.of("encryption.keys", "test:" + "0f".repeat(32)))) {
            answer(
                    sealed.post(
                            "/api/v1/configure",
                            "{\"queue\":\"work.secret\",\"options\":{\"encryptionEnabled\":true}}"),
                    200);
            String id = answer(
                            sealed.post(
                                    PATH,
                                    "{\"type\":\"secret\",\"payload\":\"hunter2\",\"metadata\":{\"m\":\"hunter2\"}}"),
                            201)
                    .get("id")
                    .textValue();
            JsonNode work = answer(sealed.get(PATH + "/" + id), 200);
            assertThat(work.get("payload").textValue()).isEqualTo("hunter2");
            assertThat(work.at("/metadata/m").textValue()).isEqualTo("hunter2");
            assertThat(postgres.query("select payloads::text || headers::text from sluice.segments"))
                    .noneMatch(row -> row != null && row.contains("hunter2"));
        }
    }

    @Test
    void whileTheDatabaseIsAwayEveryRouteSaysSo(@TempDir Path directory) throws Exception {
        try (var proxy = new FaultyProxy(postgres.url());
                var away = RunningBridge.start(proxy.url(), directory)) {
            String id = answer(away.post(PATH, "{\"type\":\"away\"}"), 201)
                    .get("id")
                    .textValue();
            proxy.down(true);
            until(() -> away.get(PATH).statusCode() == 503);
            for (HttpResponse<String> response : List.of(
                    away.post(PATH, "{\"type\":\"away\"}"),
                    away.get(PATH),
                    away.get(PATH + "/" + id),
                    away.get(PATH + "/types"),
                    away.get(PATH + "/stats"),
                    away.post(PATH + "/" + id + "/cancel", ""),
                    away.post(PATH + "/" + id + "/retry", ""),
                    away.post(PATH + "/types/away/pause", ""))) {
                assertThat(answer(response, 503).get("error").textValue())
                        .isIn("The database is not available", "outcome_unknown");
                assertThat(response.headers().firstValue("Retry-After")).isPresent();
            }
            proxy.down(false);
            until(() -> away.get(PATH + "/" + id).statusCode() == 200);
            until(() -> away.post(PATH, "{\"type\":\"away\"}").statusCode() == 201);
        }
    }
}
