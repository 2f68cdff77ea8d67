package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** What a handler reports is stored with its work while it runs, and goes where the work goes. */
class ProgressTest extends WorkFixture {
    private static final Duration OFTEN = Duration.ofMillis(20);
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(10), Duration.ofMillis(20))
            .maxAttempts(2));

    private static JsonNode json(String text) throws Exception {
        return new ObjectMapper().readTree(text);
    }

    @Test
    void whatAHandlerReportsIsSeenWhileItRunsAndGoneWhenItIsDone() throws Exception {
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().progressInterval(OFTEN).handler("slow", (each, context) -> {
            context.progress(40, "half \"way\"\n");
            context.log("first");
            context.log("second");
            release.await();
            return Outcome.done();
        }));
        Enqueued enqueued = work.enqueue(Work.of("slow", "1"));
        until(() -> work.progress("slow", enqueued.id()).isPresent());
        until(() -> json(work.progress("slow", enqueued.id()).orElseThrow())
                        .get("log")
                        .size()
                == 2);
        JsonNode report = json(work.progress("slow", enqueued.id()).orElseThrow());
        assertThat(report.get("percent").intValue()).isEqualTo(40);
        assertThat(report.get("text").textValue()).isEqualTo("half \"way\"\n");
        assertThat(report.get("log").get(0).get("text").textValue()).isEqualTo("first");
        assertThat(report.get("log").get(1).get("attempt").intValue()).isEqualTo(1);
        release.countDown();
        untilNothingIsLeft();
        assertThat(count("work_progress")).isZero();
        assertThat(work.progress("slow", enqueued.id())).isEmpty();
    }

    @Test
    void aFurtherAttemptAddsToTheLogAndTheDeadLetterHasAll() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "fails",
                        (each, context) -> {
                            context.log("attempt " + context.attempt());
                            if (context.attempt() == 1) {
                                context.progress(10, "began");
                            }
                            throw new IllegalStateException("no");
                        },
                        FAST));
        work.enqueue(Work.of("fails", "1"));
        untilRows("select count(*) from sluice.dead_letters", "1");
        JsonNode report =
                json(postgres.query("select progress from sluice.dead_letters").get(0));
        assertThat(report.get("percent").intValue()).isEqualTo(10);
        assertThat(report.get("log").findValuesAsText("text")).containsExactly("attempt 1", "attempt 2");
        assertThat(report.get("log").findValuesAsText("attempt")).containsExactly("1", "2");
        assertThat(postgres.query("select (progress::json->'log'->0->>'at')::timestamptz > now() - interval '1 minute'"
                        + " from sluice.dead_letters"))
                .containsExactly("t");
        assertThat(count("work_progress")).isZero();
    }

    @Test
    void theNewestLinesAreKeptAndLongOnesAreCut() throws Exception {
        WorkBuffer work = start(builder().handler("chatty", (each, context) -> {
            for (int i = 1; i <= 101; i++) {
                context.log(i + " " + "x".repeat(i == 101 ? 498 : 496));
            }
            context.progress(100, "\u0000");
            assertThatThrownBy(() -> context.progress(101, ""))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("percent must be 0 to 100, was 101");
            assertThatThrownBy(() -> context.progress(-1, "")).isInstanceOf(IllegalArgumentException.class);
            return Outcome.deadLetter("look");
        }));
        work.enqueue(Work.of("chatty", "1"));
        untilRows("select count(*) from sluice.dead_letters", "1");
        JsonNode report =
                json(postgres.query("select progress from sluice.dead_letters").get(0));
        List<String> texts = report.get("log").findValuesAsText("text");
        assertThat(texts).hasSize(100);
        assertThat(texts.get(0)).isEqualTo("2 " + "x".repeat(496));
        assertThat(texts.get(99)).isEqualTo("101 " + "x".repeat(496));
        assertThat(report.get("text").textValue()).isEqualTo("\uFFFD");
        assertThat(report.get("percent").intValue()).isEqualTo(100);
    }

    @Test
    void reportsOfManyWorksAreStoredInFewTransactionsAndNotOnTheThreadsOfHandlers() throws Exception {
        postgres.execute("create table public.writes (at timestamptz default now());"
                + "create function public.note() returns trigger language plpgsql as"
                + " 'begin insert into public.writes default values; return null; end';"
                + "create trigger note after insert or update on sluice.work_progress"
                + " for each row execute function public.note()");
        var reported = new CountDownLatch(2_000);
        WorkBuffer work = start(builder()
                .progressInterval(Duration.ofSeconds(30))
                .concurrency(4)
                .handler("busy", (each, context) -> {
                    for (int i = 0; i < 500; i++) {
                        context.progress(i / 5, "step " + i);
                        reported.countDown();
                    }
                    reported.await();
                    return Outcome.snooze(Duration.ofHours(1));
                }));
        work.enqueue(List.of(Work.of("busy", "1"), Work.of("busy", "2"), Work.of("busy", "3"), Work.of("busy", "4")));
        untilRows("select count(*) from sluice.work_items where owner is null", "4");
        assertThat(postgres.query("select count(*) between 4 and 8 from public.writes"))
                .as("each work while it runs, at most once, and at its end")
                .containsExactly("t");
    }

    @Test
    void aWorkThatIsCancelledWhileItWaitsLeavesNoReport() throws Exception {
        WorkBuffer work = start(builder().handler("sleepy", (each, context) -> {
            context.log("snoozes");
            return Outcome.snooze(Duration.ofHours(1));
        }));
        Enqueued enqueued = work.enqueue(Work.of("sleepy", "1"));
        untilRows("select count(*) from sluice.work_items where owner is null", "1");
        assertThat(work.progress("sleepy", enqueued.id())).isPresent();
        assertThat(work.cancel("sleepy", enqueued.id())).isTrue();
        assertThat(count("work_progress")).isZero();
    }

    @Test
    void theReportsOfAnEncryptedQueueAreStoredSealed() throws Exception {
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        WorkBuffer work = start(builder()
                .cipher(PayloadCipher.of("test:" + "0f".repeat(32), null))
                .handler("secret", (each, context) -> {
                    context.log("hunter2");
                    context.progress(1, "hunter2");
                    return context.snoozes() == 0
                            ? Outcome.snooze(each.payloadText().equals("1") ? Duration.ofHours(1) : Duration.ZERO)
                            : Outcome.deadLetter("given up");
                }));
        Enqueued waits = work.enqueue(Work.of("secret", "1"));
        work.enqueue(Work.of("secret", "2"));
        untilRows("select count(*) from sluice.work_items where owner is null", "1");
        untilRows("select count(*) from sluice.dead_letters where progress is not null", "1");
        assertThat(work.progress("secret", waits.id())).get().asString().contains("hunter2");
        for (String table : List.of("work_progress", "dead_letters", "work_items")) {
            assertThat(postgres.query("select t::text from sluice." + table + " t where t::text like '%hunter2%'"))
                    .as(table)
                    .isEmpty();
        }
    }

    @Test
    void anEngineThatHasLostAWorkDoesNotStoreItsReport() throws Exception {
        var mayReport = new CountDownLatch(1);
        var lostHasReported = new CountDownLatch(1);
        var mayEnd = new CountDownLatch(1);
        WorkBuffer work = start(builder().progressInterval(OFTEN).concurrency(2).handler("lost", (each, context) -> {
            if (each.payloadText().equals("1")) {
                mayReport.await();
                context.log("too late");
                lostHasReported.countDown();
            } else {
                lostHasReported.await();
                context.log("in time");
            }
            mayEnd.await();
            return Outcome.done();
        }));
        Enqueued lost = work.enqueue(Work.of("lost", "1"));
        untilRows("select count(*) from sluice.work_claims", "1");
        postgres.execute("update sluice.work_claims set owner = gen_random_uuid()");
        Enqueued kept = work.enqueue(Work.of("lost", "2"));
        mayReport.countDown();
        until(() -> work.progress("lost", kept.id()).isPresent());
        assertThat(work.progress("lost", lost.id())).isEmpty();
        mayEnd.countDown();
        work.closeAndReport();
        assertThat(count("work_progress")).isZero();
    }
}
