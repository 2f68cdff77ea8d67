package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.admin.Retention;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
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
}
