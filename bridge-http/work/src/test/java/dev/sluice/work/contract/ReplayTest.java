package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.letters.DeadLetterJob;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.State;
import dev.sluice.queue.letters.DeadLetterJobRunner;
import dev.sluice.queue.letters.DeadLetterJobs;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.Redrive.Verdict;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkState;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A dead letter of a work becomes the same work again, with all its attempts, and with its history. */
class ReplayTest extends WorkFixture {
    private static final PayloadCipher CIPHER = PayloadCipher.of("test:" + "0f".repeat(32), null);
    private static final HandlerSettings TWICE = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(5), Duration.ofMillis(10))
            .maxAttempts(2));

    private WorkBuffer.Builder quick() {
        return builder().pollInterval(Duration.ofMillis(20)).progressInterval(Duration.ofMillis(20));
    }

    private List<Long> letters() {
        return postgres.query("select id from sluice.dead_letters order by id").stream()
                .map(Long::parseLong)
                .toList();
    }

    private void untilLetters(int count) {
        until(() -> letters().size() == count);
    }

    private List<Verdict> replay(PayloadCipher cipher, List<Long> ids) {
        var config = new QueueWriterConfig("sluice", Duration.ofHours(1), 1_000, cipher);
        try (var redrive = new Redrive(postgres.dataSource(), config)) {
            return redrive.run(ids).verdicts();
        }
    }

    private List<Verdict> replay() {
        return replay(PayloadCipher.NONE, letters());
    }

    private JsonNode history(PayloadCipher cipher, String queue) throws Exception {
        String stored =
                postgres.query("select history from sluice.dead_letters").get(0);
        return new ObjectMapper().readTree(cipher.open(queue, stored));
    }

    @Test
    void aWorkHasAllItsAttemptsAgainAndItsHistoryGoesOn() throws Exception {
        var broken = new AtomicBoolean(true);
        var attempts = new CopyOnWriteArrayList<Integer>();
        WorkBuffer work = start(quick().handler(
                        "flaky",
                        (each, context) -> {
                            attempts.add(context.attempt());
                            context.log("attempt");
                            if (broken.get()) {
                                throw new IllegalStateException("run " + attempts.size());
                            }
                            return Outcome.done();
                        },
                        TWICE));
        Enqueued enqueued = work.enqueue(Work.of("flaky", "1"));
        untilLetters(1);
        assertThat(replay()).containsExactly(Verdict.MOVED);
        untilLetters(1);
        assertThat(attempts).containsExactly(1, 2, 1, 2);
        assertThat(history(PayloadCipher.NONE, "work.flaky").findValuesAsText("message"))
                .containsExactly("run 1", "run 2", "run 3", "run 4");
        assertThat(postgres.query(
                        "select message_id, (progress::json->>'log')::json->3->>'text' from sluice.dead_letters"))
                .containsExactly(enqueued.id() + "|attempt");
        broken.set(false);
        assertThat(replay()).containsExactly(Verdict.MOVED);
        until(() -> attempts.size() == 5);
        untilNothingIsLeft();
        assertThat(letters()).isEmpty();
        assertThat(count("work_progress")).as("reports and histories").isZero();
    }

    /** Its deadline and its greatest age begin with the replay. */
    @Test
    void aWorkThatDiedAMonthAgoIsNotTooOld() throws Exception {
        var deadlines = new CopyOnWriteArrayList<Instant>();
        WorkBuffer work = start(quick().handler(
                        "old",
                        (each, context) -> {
                            deadlines.add(each.deadline());
                            return deadlines.size() == 1 ? Outcome.deadLetter("no") : Outcome.done();
                        },
                        HandlerSettings.DEFAULT.maxAge(Duration.ofMinutes(10))));
        Instant deadline = Instant.parse("2100-01-01T00:00:00Z");
        work.enqueue(Work.of("old", "1").deadline(deadline));
        untilLetters(1);
        postgres.execute(
                "update sluice.dead_letters set created_at = now() - interval '30 days', failed_at = created_at,"
                        + " headers = replace(headers, '" + deadline + "',"
                        + " to_char((now() - interval '30 days' + interval '1 hour') at time zone 'utc',"
                        + " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))");
        assertThat(replay()).containsExactly(Verdict.MOVED);
        until(() -> deadlines.size() == 2);
        untilNothingIsLeft();
        assertThat(letters()).isEmpty();
        String now = postgres.query("select to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
                .get(0);
        assertThat(Duration.between(Instant.parse(now), deadlines.get(1)))
                .isBetween(Duration.ofMinutes(55), Duration.ofMinutes(65));
    }

    @Test
    void theIdempotencyKeyIsTakenUntilTheWorkIsDone() throws Exception {
        var release = new CountDownLatch(1);
        var runs = new AtomicInteger();
        WorkBuffer work = start(quick().handler("once", (each, context) -> {
            if (runs.incrementAndGet() == 1) {
                return Outcome.deadLetter("no");
            }
            release.await();
            return Outcome.done();
        }));
        Enqueued first = work.enqueue(Work.of("once", "1").idempotencyKey("k"));
        untilLetters(1);
        untilRows("select finished_at is not null, expires_at is not null from sluice.work_keys", "t|t");
        assertThat(replay()).containsExactly(Verdict.MOVED);
        assertThat(postgres.query("select finished_at, expires_at from sluice.work_keys"))
                .containsExactly("null|null");
        assertThat(work.enqueue(Work.of("once", "1").idempotencyKey("k")))
                .isEqualTo(new Enqueued(first.id(), true, false, null));
        until(() -> runs.get() == 2);
        release.countDown();
        untilRows("select finished_at is not null, expires_at > now() from sluice.work_keys", "t|t");
        assertThat(runs).hasValue(2);
    }

    @Test
    void aKeyThatExpiredIsEnteredAgain() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(quick().handler(
                        "once",
                        (each, context) -> runs.incrementAndGet() == 1 ? Outcome.deadLetter("no") : Outcome.done()));
        Enqueued first = work.enqueue(Work.of("once", "1").idempotencyKey("k"));
        untilLetters(1);
        postgres.execute("delete from sluice.work_keys");
        assertThat(replay()).containsExactly(Verdict.MOVED);
        untilRows("select message_id, finished_at is not null from sluice.work_keys", first.id() + "|t");
    }

    @Test
    void aWorkWhoseKeyAnotherWorkHasIsARepetitionOrStays() throws Exception {
        var dies = new AtomicBoolean(true);
        WorkBuffer work = start(
                quick().handler("once", (each, context) -> dies.get() ? Outcome.deadLetter("no") : Outcome.done()));
        work.enqueue(Work.of("once", "1").idempotencyKey("same"));
        work.enqueue(Work.of("once", "1").idempotencyKey("changed"));
        untilLetters(2);
        postgres.execute("update sluice.work_keys set expires_at = now() - interval '1 second'");
        dies.set(false);
        work.enqueue(Work.of("once", "1").idempotencyKey("same"));
        Enqueued other = work.enqueue(Work.of("once", "2").idempotencyKey("changed"));
        untilNothingIsLeft();
        List<Long> ids = letters();
        String same = postgres.query("select id from sluice.dead_letters where headers like '%same%'")
                .get(0);
        var verdicts = new ArrayList<>(replay());
        assertThat(verdicts.remove(ids.indexOf(Long.valueOf(same)))).isEqualTo(Verdict.DUPLICATE);
        assertThat(verdicts).containsExactly(Verdict.REFUSED);
        assertThat(postgres.query("select headers from sluice.dead_letters"))
                .hasSize(1)
                .allSatisfy(headers -> assertThat(headers).contains("changed"));
        DeadLetterJob job = runJob(DeadLetterFilter.ALL);
        assertThat(job.done().refused()).isEqualTo(1);
        assertThat(job.errors().get(0).reason())
                .isEqualTo("its idempotency key belongs to work " + other.id() + ", which has another payload");
    }

    /** The work goes behind those of its key that wait, and does not run beside the one that runs. */
    @Test
    void theWorksOfAKeyStillRunOneAtATimeAndInOrder() throws Exception {
        var release = new CountDownLatch(1);
        var seen = new CopyOnWriteArrayList<String>();
        var running = new AtomicInteger();
        var most = new AtomicInteger();
        WorkBuffer work = start(quick().concurrency(8).handler("order", (each, context) -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            try {
                seen.add(each.payloadText());
                if (each.payloadText().equals("1") && seen.size() == 1) {
                    return Outcome.deadLetter("no");
                }
                if (each.payloadText().equals("2")) {
                    release.await();
                }
                return Outcome.done();
            } finally {
                running.decrementAndGet();
            }
        }));
        work.enqueue(List.of(
                Work.of("order", "1").key("k").priority(PriorityLane.HIGH),
                Work.of("order", "2").key("k"),
                Work.of("order", "3").key("k")));
        until(() -> seen.size() == 2);
        untilLetters(1);
        assertThat(replay()).containsExactly(Verdict.MOVED);
        // The partition is closed while the second work runs.
        assertThat(postgres.query("select closes from sluice.work_claims")).containsExactly("t");
        Enqueued last = work.enqueue(Work.of("order", "4").key("k"));
        assertThat(last.isDuplicate()).isFalse();
        release.countDown();
        until(() -> seen.size() == 5);
        assertThat(seen).containsExactly("1", "2", "3", "1", "4");
        assertThat(most).hasValue(1);
        assertThat(postgres.query("select name, lane from sluice.partitions where name = 'k'"))
                .containsExactly("k|" + PriorityLane.HIGH.number());
    }

    @Test
    void theLaneIsKeptEvenIfThePartitionIsGone() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(quick().handler(
                        "lane",
                        (each, context) -> runs.incrementAndGet() <= 2 ? Outcome.deadLetter("no") : Outcome.done()));
        work.enqueue(Work.of("lane", "1").key("k").priority(PriorityLane.CRITICAL));
        work.enqueue(Work.of("lane", "2").priority(PriorityLane.LOW));
        untilLetters(2);
        work.close();
        postgres.execute("delete from sluice.cursors; delete from sluice.segments; delete from sluice.partitions");
        assertThat(replay()).containsExactly(Verdict.MOVED, Verdict.MOVED);
        assertThat(postgres.query("select case when name like '~low.%' then 'low' else name end, lane"
                        + " from sluice.partitions order by lane"))
                .containsExactly("k|" + PriorityLane.CRITICAL.number(), "low|" + PriorityLane.LOW.number());
    }

    /** Its first message may still be in the partition, behind the engines. */
    @Test
    void aReplayedWorkIsFoundWhileItWaits() throws Exception {
        WorkBuffer work = start(quick().handler("wait", (each, context) -> Outcome.deadLetter("no")));
        Enqueued enqueued = work.enqueue(Work.of("wait", "1"));
        untilLetters(1);
        work.close();
        postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
        assertThat(replay()).containsExactly(Verdict.MOVED);
        WorkBuffer other = start(quick());
        assertThat(other.admin()
                        .find("wait", null, enqueued.id())
                        .orElseThrow()
                        .summary()
                        .state())
                .isEqualTo(WorkState.WAITING);
    }

    @Test
    void aWorkThatWasToBeCancelledWhenItDiedRunsAgain() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(quick().handler(
                        "late",
                        (each, context) -> runs.incrementAndGet() == 1 ? Outcome.deadLetter("no") : Outcome.done()));
        Enqueued enqueued = work.enqueue(Work.of("late", "1"));
        untilLetters(1);
        assertThat(work.cancel("late", enqueued.id())).isFalse();
        assertThat(replay()).containsExactly(Verdict.MOVED);
        until(() -> runs.get() == 2);
        assertThat(count("work_cancels")).isZero();
    }

    /** The engine died before it had stored an outcome of the new generation. */
    @Test
    void theHistorySurvivesACrashAfterTheReplay() throws Exception {
        var runs = new AtomicInteger();
        var release = new CountDownLatch(1);
        WorkBuffer work = start(quick().handler(
                        "crash",
                        (each, context) -> {
                            if (runs.incrementAndGet() == 3) {
                                release.await();
                            }
                            throw new IllegalStateException("run " + runs.get() + " crashes " + context.crashes());
                        },
                        TWICE));
        work.enqueue(Work.of("crash", "1"));
        untilLetters(1);
        assertThat(replay()).containsExactly(Verdict.MOVED);
        until(() -> runs.get() == 3);
        postgres.execute(
                "update sluice.work_claims set owner = gen_random_uuid(), lease_until = now() - interval '1 s'");
        untilLetters(1);
        release.countDown();
        assertThat(history(PayloadCipher.NONE, "work.crash").findValuesAsText("message"))
                .containsExactly("run 1 crashes 0", "run 2 crashes 0", "run 4 crashes 1", "run 5 crashes 1");
    }

    @Test
    void theHistoryOfAnEncryptedQueueStaysSealed() throws Exception {
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        WorkBuffer work = start(quick().cipher(CIPHER)
                .handler(
                        "secret",
                        (each, context) -> {
                            if (context.attempt() == 1) {
                                throw new IllegalStateException("the password is hunter2");
                            }
                            return Outcome.deadLetter("hunter2 given up");
                        },
                        TWICE));
        work.enqueue(Work.of("secret", "{\"password\":\"hunter2\"}").idempotencyKey("k"));
        untilLetters(1);
        assertThat(postgres.query("select error, error_shape from sluice.dead_letters"))
                .containsExactly("the handler made it a dead letter|the handler made it a dead letter");
        assertThat(history(CIPHER, "work.secret").findValuesAsText("message"))
                .containsExactly("the password is hunter2", "hunter2 given up");
        work.close();
        assertThat(replay(PayloadCipher.NONE, letters())).containsExactly(Verdict.REFUSED);
        assertThat(replay(CIPHER, letters())).containsExactly(Verdict.MOVED);
        assertThat(CIPHER.open(
                        "work.secret",
                        postgres.query("select history from sluice.work_progress")
                                .get(0)))
                .contains("hunter2");
        for (String table : List.of("segments", "dead_letters", "work_progress", "work_items")) {
            assertThat(postgres.query("select t::text from sluice." + table + " t where t::text like '%hunter2%'"))
                    .as(table)
                    .isEmpty();
        }
    }

    private DeadLetterJob runJob(DeadLetterFilter filter) {
        var letters = new DeadLetters(postgres.dataSource(), "sluice", PayloadCipher.NONE);
        var jobs = new DeadLetterJobs(postgres.dataSource(), "sluice", letters);
        var redrive = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        DeadLetterJob job = jobs.create(new DeadLetterJob.Order(Action.REDRIVE, null, filter, null, null, null));
        try (var runner = new DeadLetterJobRunner(jobs, letters, redrive, queues -> {})) {
            until(() -> {
                Duration unused = runner.turn(Duration.ofSeconds(1));
                return jobs.get(job.id()).orElseThrow().state() == State.COMPLETED;
            });
        }
        return jobs.get(job.id()).orElseThrow();
    }

    @Test
    void aJobReplaysTheWorksOfATypeThatFailedWithinATime() throws Exception {
        var dies = new AtomicBoolean(true);
        var done = new CopyOnWriteArrayList<String>();
        WorkBuffer work = start(quick().handler("many", (each, context) -> {
            if (dies.get()) {
                return Outcome.deadLetter("no");
            }
            done.add(each.payloadText());
            return Outcome.done();
        }));
        for (int i = 0; i < 30; i++) {
            work.enqueue(Work.of("many", Integer.toString(i)));
        }
        untilLetters(30);
        postgres.execute("update sluice.dead_letters set failed_at = '2026-01-01Z' where payload in ('3', '5')");
        dies.set(false);
        DeadLetterJob job = runJob(new DeadLetterFilter(
                "work.many",
                "work",
                null,
                Instant.parse("2025-12-31T00:00:00Z"),
                Instant.parse("2026-01-02T00:00:00Z"),
                null,
                "work",
                null));
        assertThat(job.done().moved()).isEqualTo(2);
        until(() -> done.size() == 2);
        assertThat(done).containsExactlyInAnyOrder("3", "5");
        assertThat(letters()).hasSize(28);
    }

    @Test
    void retentionDeletesTheDeadLettersOfWorksToo() throws Exception {
        WorkBuffer work = start(quick().handler("old", (each, context) -> Outcome.deadLetter("no")));
        work.enqueue(List.of(Work.of("old", "1"), Work.of("old", "2")));
        untilLetters(2);
        postgres.execute("update sluice.dead_letters set failed_at = now() - interval '8 days' where payload = '1'");
        var retention = new Retention(
                postgres.dataSource(),
                "sluice",
                Retention.IDLE_PARTITIONS,
                Duration.ofDays(7),
                (queue, aged, completed, waited) -> {});
        assertThat(retention.sweep().deadLetters()).isEqualTo(1);
        assertThat(postgres.query("select payload from sluice.dead_letters")).containsExactly("2");
    }
}
