package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Who is named when a work is enqueued is told how it has ended, once. */
class CallbackTest extends WorkFixture {
    private static final HandlerSettings ONCE = HandlerSettings.DEFAULT.retry(RetryPolicy.never());

    private static String payloads(String queue) {
        return "select unnest(s.payloads) from sluice.queues q join sluice.partitions p on p.queue_id = q.id"
                + " join sluice.segments s on s.partition_id = p.id where q.name = '" + queue + "'"
                + " order by s.created_at, p.id";
    }

    @Test
    void aResultIsToldToAQueue() throws Exception {
        WorkBuffer work = start(builder().handler("sum", (each, context) -> Outcome.done("{\"sum\":3}")));
        WorkId id = work.enqueue(Work.of("sum", "[1,2]")
                        .key("k")
                        .idempotencyKey("once")
                        .metadata("conversation", "17")
                        .replyTo("answers")
                        .failTo("failures"))
                .id();
        untilRows(
                payloads("answers"),
                "{\"id\":\"" + id + "\",\"type\":\"sum\",\"outcome\":\"completed\",\"attempts\":1,"
                        + "\"result\":{\"sum\":3},\"key\":\"k\",\"idempotencyKey\":\"once\","
                        + "\"metadata\":{\"conversation\":\"17\"}}");
        untilNothingIsLeft();
        assertThat(postgres.query(payloads("failures"))).isEmpty();
        assertThat(postgres.query("select result from sluice.work_keys where result is not null"))
                .isEmpty(); // The handler keeps no results.
    }

    @Test
    void aFinalFailureIsToldAfterTheLastAttemptAndAgainAfterARedrive() throws Exception {
        var fails = new AtomicBoolean(true);
        var seen = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder()
                .handler(
                        "fails",
                        (each, context) -> {
                            seen.add(each.callbacks().replyTo() + " "
                                    + each.callbacks().failTo());
                            return fails.get() ? Outcome.retry(Duration.ZERO, "no") : Outcome.done("1");
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ZERO))));
        WorkId id = work.enqueue(Work.of("fails", "1").replyTo("answers").failTo("failures"))
                .id();
        String failure = "{\"id\":\"" + id + "\",\"type\":\"fails\",\"outcome\":\"dead_lettered\",\"attempts\":2,"
                + "\"reason\":\"failed 2 times: Retry: no\",\"key\":null,\"idempotencyKey\":null,\"metadata\":{}}";
        untilRows(payloads("failures"), failure);
        work.admin().retry("fails", id);
        untilRows(payloads("failures"), failure, failure);
        fails.set(false);
        work.admin().retry("fails", id);
        untilRows(
                payloads("answers"),
                failure.replace("dead_lettered", "completed")
                        .replace(
                                "\"attempts\":2,\"reason\":\"failed 2 times: Retry: no\"",
                                "\"attempts\":1,\"result\":1"));
        assertThat(seen).hasSize(5).containsOnly("answers failures");
    }

    @Test
    void aUrlIsToldByAWorkOfTypeWebhook() throws Exception {
        var calls = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(builder().handler("sum", (each, context) -> Outcome.done("3")));
        WorkId id = work.enqueue(Work.of("sum", "1").replyTo("https://example.org/done?a=b"))
                .id();
        untilNothingIsLeft();
        until(() -> work.waiting("webhook") == 1); // Nobody handles it yet.
        work.add(
                "webhook",
                (each, context) -> {
                    calls.add(each.metadata().get("url") + " " + each.payloadText());
                    return Outcome.done();
                },
                HandlerSettings.DEFAULT);
        until(() -> !calls.isEmpty());
        assertThat(calls.get(0))
                .startsWith("https://example.org/done?a=b {\"id\":\"" + id + "\",\"type\":\"sum\",")
                .contains("\"result\":3");
    }

    @Test
    void aDeadlineIsAFinalFailure() throws Exception {
        WorkBuffer work = start(builder().handler("late", (each, context) -> Outcome.done()));
        work.enqueue(Work.of("late", "1")
                .deadline(Instant.parse("2020-01-01T00:00:00Z"))
                .failTo("failures"));
        until(() -> postgres.query(payloads("failures")).size() == 1);
        assertThat(postgres.query(payloads("failures")).get(0))
                .contains("\"outcome\":\"dead_lettered\",\"attempts\":0,\"reason\":\"deadline: it was 2020-01-01");
    }

    @Test
    void aCancelIsToldWhetherTheWorkWaitsOrRuns() throws Exception {
        var began = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .pollInterval(Duration.ofMillis(100))
                .handler(
                        "runs",
                        (each, context) -> {
                            began.countDown();
                            Thread.sleep(60_000);
                            return Outcome.done();
                        },
                        ONCE));
        WorkId runs = work.enqueue(Work.of("runs", "1").failTo("failures")).id();
        WorkId waits = work.enqueue(Work.of("runs", "2")
                        .delay(Duration.ofHours(1))
                        .metadata("a", "b")
                        .failTo("failures"))
                .id();
        began.await();
        assertThat(work.cancel("runs", waits)).isTrue();
        assertThat(work.cancel("runs", runs)).isFalse();
        until(() -> postgres.query(payloads("failures")).size() == 2);
        assertThat(postgres.query(payloads("failures")))
                .anyMatch(each -> each.startsWith("{\"id\":\"" + runs + "\"") && each.contains("\"cancelled\""))
                .anyMatch(each -> each.startsWith("{\"id\":\"" + waits + "\"")
                        && each.contains("\"cancelled\"")
                        && each.contains("{\"a\":\"b\"}"));
    }

    @Test
    void callbacksOfTheTransactionOfAProgramCountToo() throws Exception {
        WorkBuffer work = start(builder().handler("sum", (each, context) -> Outcome.done("3")));
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            work.enqueue(connection, Work.of("sum", "1").replyTo("answers"));
            connection.commit();
        }
        until(() -> postgres.query(payloads("answers")).size() == 1);
    }

    @Test
    void targetsThatAreNoneAreRefused() {
        for (String target :
                List.of("", "ftp://example.org/", "https://", "http:// x/", "https://a/" + "b".repeat(2_048))) {
            assertThatThrownBy(() -> Work.of("sum", "1").replyTo(target))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("replyTo");
        }
        assertThat(Work.of("sum", "1").failTo("HTTPS://example.org").callbacks().failTo())
                .isEqualTo("HTTPS://example.org");
    }
}
