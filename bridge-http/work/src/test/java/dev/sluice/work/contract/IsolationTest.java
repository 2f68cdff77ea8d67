package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.BatchHandler;
import dev.sluice.work.Batching;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What goes wrong with one work or one type stops no other. */
class IsolationTest extends WorkFixture {
    private static final HandlerSettings NO_RETRY = HandlerSettings.DEFAULT.retry(RetryPolicy.never());

    private final AtomicInteger others = new AtomicInteger();
    private final Handler other = (work, context) -> {
        others.incrementAndGet();
        return Outcome.done();
    };

    private void assertThatOthersRun(WorkBuffer work) throws InterruptedException {
        int before = others.get();
        work.enqueue(Work.of("other", "1"));
        until(() -> others.get() == before + 1);
    }

    @Test
    void aWorkWhoseOutcomeCannotBeStoredBecomesADeadLetterAndTheOthersAreStored() throws Exception {
        postgres.execute("alter table sluice.work_items add constraint no_snooze check (snoozes = 0)");
        WorkBuffer work = start(builder()
                .handler("poison", (each, context) -> Outcome.snooze(Duration.ofHours(1)))
                .handler("other", other));
        work.enqueue(List.of(Work.of("poison", "1").idempotencyKey("k"), Work.of("other", "1"), Work.of("other", "2")));
        untilRows("select error like 'the outcome cannot be stored: %no_snooze%' from sluice.dead_letters", "t");
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        assertThatOthersRun(work);
        untilNothingIsLeft();
        assertThat(work.stats().byType().get("poison").deadLettered()).isEqualTo(1);
    }

    @Test
    void aWorkThatCannotEvenBecomeADeadLetterStopsNoOther() throws Exception {
        postgres.execute("alter table sluice.work_items add constraint no_snooze check (snoozes = 0)");
        postgres.execute(
                "alter table sluice.dead_letters add constraint no_dead check (error not like 'the outcome%')");
        WorkBuffer work = start(builder()
                .lease(Duration.ofSeconds(1))
                .handler("poison", (each, context) -> Outcome.snooze(Duration.ofHours(1)))
                .handler("other", other));
        work.enqueue(Work.of("poison", "1"));
        untilRows("select error from sluice.dead_letters", "crash_loop: 3 engines died while the work was begun");
        assertThatOthersRun(work);
    }

    @Test
    void aTypeWhoseWorksCannotBeClaimedStopsNoOther() throws Exception {
        WorkBuffer work = start(builder().handler("broken", other).handler("other", other));
        work.enqueue(Work.of("other", "1"));
        until(() -> others.get() == 1);
        postgres.execute("create function broken() returns trigger language plpgsql as $$ begin"
                + " if new.queue_id = (select id from sluice.queues where name = 'work.broken')"
                + " then raise exception using errcode = '22000', message = 'broken'; end if; return new; end $$");
        postgres.execute(
                "create trigger broken before insert on sluice.work_claims for each row execute function broken()");
        work.enqueue(Work.of("broken", "1"));
        assertThatOthersRun(work);
        assertThatOthersRun(work);
        assertThat(work.waiting("broken")).isEqualTo(1);
        postgres.execute("drop trigger broken on sluice.work_claims");
        until(() -> others.get() == 4);
    }

    @Test
    void anEngineWithoutTheKeyClaimsNoWorkOfAnEncryptedQueueAndSaysSo() throws Exception {
        var cipher = PayloadCipher.of("k1:" + "ab".repeat(32), null);
        var seen = new CopyOnWriteArrayList<String>();
        Handler handler = (each, context) -> {
            seen.add(each.payloadText() + " " + each.idempotencyKey());
            return Outcome.done();
        };
        WorkBuffer producer = start(builder().cipher(cipher));
        producer.pause("secret");
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        producer.enqueue(Work.of("secret", "{\"n\":1}").idempotencyKey("k"));
        assertThat(postgres.query("select payloads[1] like '{\"encrypted\":%' from sluice.segments"))
                .containsExactly("t");
        producer.resume("secret");
        WorkBuffer work = start(builder().handler("secret", handler).handler("other", other));
        until(() -> work.stats().withoutKey().contains("secret"));
        assertThatOthersRun(work);
        assertThat(work.stats().byType().get("secret").pending()).isEqualTo(1);
        start(builder().cipher(cipher).handler("secret", handler));
        until(() -> seen.size() == 1);
        assertThat(seen).containsExactly("{\"n\":1} k");
    }

    @Test
    void aPayloadThatCannotBeOpenedIsPutBackWithoutAnAttempt() throws Exception {
        var lost = PayloadCipher.of("lost:" + "ab".repeat(32), null);
        WorkBuffer work = start(builder()
                .cipher(PayloadCipher.of("new:" + "cd".repeat(32), null))
                .handler("secret", other)
                .handler("other", other));
        work.enqueue(Work.of("secret", lost.seal("work.secret", "{\"n\":1}")));
        untilRows(
                "select attempts, crashes, snoozes, owner is null, available_at > now() from sluice.work_items",
                "0|0|1|t|t");
        assertThatOthersRun(work);
        assertThat(others).hasValue(1);
    }

    /** Its own methods fail. */
    private static final class Hostile extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new IllegalStateException("no message");
        }

        @Override
        public synchronized Throwable getCause() {
            throw new IllegalStateException("no cause");
        }
    }

    @Test
    void anErrorWhoseMethodsThrowIsAFailedAttemptAndTheOnlyWorkerLives() throws Exception {
        WorkBuffer work = start(builder()
                .concurrency(1)
                .handler(
                        "hostile",
                        (each, context) -> {
                            throw new Hostile();
                        },
                        NO_RETRY)
                .handler("other", other));
        work.enqueue(Work.of("hostile", "1"));
        untilRows("select error like 'failed 1 time: %Hostile%' from sluice.dead_letters", "t");
        assertThatOthersRun(work);
    }

    @Test
    void aWorkOfAPartitionWithAnyNameIsHandled() throws Exception {
        var keys = new CopyOnWriteArrayList<String>();
        WorkBuffer producer = start(builder());
        producer.enqueue(Work.of("a", "1").key("k"));
        postgres.execute("update sluice.partitions set name = '='");
        start(builder().concurrency(1).handler("a", (each, context) -> {
            keys.add(each.key());
            return Outcome.done();
        }));
        until(() -> keys.size() == 1);
        untilNothingIsLeft();
        assertThat(keys).containsExactly("=");
    }

    @Test
    void aBatchHandlerThatFailsOutsideOfItsCallKeepsItsWorker() throws Exception {
        BatchHandler hostile = items -> {
            throw new Hostile();
        };
        WorkBuffer work = start(builder()
                .concurrency(1)
                .batchHandler("hostile", hostile, new Batching(2, Duration.ZERO), NO_RETRY)
                .handler("other", other));
        work.enqueue(List.of(Work.of("hostile", "1"), Work.of("hostile", "2")));
        untilRows("select count(*) from sluice.dead_letters", "2");
        assertThatOthersRun(work);
    }
}
