package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Housekeeping deletes what nothing needs any more, and nothing else. */
class HousekeepingTest extends WorkFixture {
    @Test
    void aCancelIsKeptWhileItsWorkWaitsForATimeToCome() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer first = builder()
                .handler("late", (each, context) -> {
                    runs.incrementAndGet();
                    return Outcome.snooze(Duration.ofDays(10));
                })
                .start();
        first.enqueue(Work.of("late", "1"));
        untilRows("select snoozed from sluice.work_items where owner is null", "t");
        first.close();
        postgres.execute("insert into sluice.work_cancels (queue_id, message_id, requested_at)"
                + " select queue_id, message_id, now() - interval '8 days' from sluice.work_items"
                + "; insert into sluice.work_cancels (queue_id, message_id, requested_at)"
                + " select queue_id, gen_random_uuid(), now() - interval '8 days' from sluice.work_items");
        start(builder().handler("late", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        untilRows("select count(*) from sluice.work_cancels", "1");
        postgres.execute("update sluice.work_items set available_at = now()");
        untilNothingIsLeft();
        assertThat(runs).hasValue(1);
    }

    @Test
    void aKeyIsFreeAfterRetentionHasDeletedItsWorkAndKeptWhileTheWorkWaits() throws Exception {
        WorkBuffer program = start(builder());
        program.enqueue(Work.of("gone", "1").idempotencyKey("gone"));
        program.enqueue(Work.of("waiting", "1").idempotencyKey("waiting"));
        program.enqueue(Work.of("waiting", "1").idempotencyKey("scheduled").delay(Duration.ofHours(1)));
        program.enqueue(Work.of("waiting", "1").idempotencyKey("young"));
        program.pause("waiting");
        postgres.execute("update sluice.queues set ttl_s = 1 where name = 'work.gone'");
        until(() -> {
            new Retention(postgres.dataSource(), "sluice").sweep();
            return program.waiting("gone") == 0;
        });
        assertThat(program.enqueue(Work.of("gone", "1").idempotencyKey("gone")).isDuplicate())
                .isTrue();
        postgres.execute("update sluice.work_keys set created_at = now() - interval '2 hours' where key <> 'young'");
        start(builder().handler("waiting", (each, context) -> Outcome.done()));
        untilRows("select string_agg(key, ' ' order by key) from sluice.work_keys", "scheduled waiting young");
        assertThat(program.enqueue(Work.of("gone", "1").idempotencyKey("gone")).isDuplicate())
                .isFalse();
    }

    @Test
    void aCancelIsKeptWhileItsWorkIsUnread() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer producer = start(builder());
        WorkId unread = producer.enqueue(Work.of("paused", "1")).id();
        producer.enqueue(Work.of("paused", "2"));
        producer.pause("paused");
        assertThat(producer.cancel("paused", unread)).as("it is in a segment").isFalse();
        postgres.execute("insert into sluice.work_cancels (queue_id, message_id)"
                + " select queue_id, gen_random_uuid() from sluice.work_cancels"
                + "; update sluice.work_cancels set requested_at = now() - interval '8 days'");
        WorkBuffer engine = start(builder().handler("paused", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        untilRows("select message_id from sluice.work_cancels", unread.toString());
        engine.resume("paused");
        until(() -> engine.stats().total().completed() == 1);
        untilRows("select count(*) from sluice.work_cancels", "0");
        untilNothingIsLeft();
        assertThat(runs).hasValue(1);
    }

    /** Lets an engine keep house, whose look at keys ends with one that it must free. */
    private void keepHouse() throws Exception {
        postgres.execute("update sluice.work_keys set created_at = now() - interval '2 hours'"
                + "; insert into sluice.work_keys (queue_id, key, payload_hash, message_id, created_at)"
                + " select id, 'lost', sha256('x'), gen_random_uuid(), now() - interval '2 hours' from sluice.queues"
                + " where name = 'work.other'");
        WorkBuffer engine = start(builder().handler("other", (each, context) -> Outcome.done()));
        untilRows("select count(*) from sluice.work_keys where key = 'lost'", "0");
        engine.close();
    }

    @Test
    void aKeyOfAWorkWhoseMessageIsGoneIsTakenWhileItRunsAndFreeAfterItsEngineDied() throws Exception {
        var ends = new CountDownLatch(1);
        var running = new CountDownLatch(1);
        WorkBuffer first = start(builder().handler("cleared", (each, context) -> {
            running.countDown();
            ends.await();
            return Outcome.done();
        }));
        first.enqueue(Work.of("cleared", "1").idempotencyKey("k"));
        first.enqueue(Work.of("other", "1")); // Behind the other one: housekeeping goes through queues in order.
        assertThat(running.await(30, TimeUnit.SECONDS)).isTrue();
        new Queues(postgres.dataSource(), "sluice", PayloadCipher.NONE, () -> {}).clear("work.cleared", null);
        postgres.execute(
                "delete from sluice.segments s using sluice.partitions p" // As retention does later.
                        + " where p.id = s.partition_id and s.last_seq < p.tail");
        keepHouse();
        assertThat(postgres.query("select key from sluice.work_keys"))
                .as("it runs")
                .containsExactly("k");
        // As if the engine had died: it does not own its claim any more.
        postgres.execute("update sluice.work_claims set owner = gen_random_uuid(), lease_until = now()");
        start(builder().handler("cleared", (each, context) -> Outcome.done()));
        untilRows("select count(*) from sluice.work_claims", "0");
        keepHouse();
        assertThat(postgres.query("select * from sluice.work_keys")).isEmpty();
        ends.countDown();
    }
}
