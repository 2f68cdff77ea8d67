package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.work.Context;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A work ends as its handler says, also if its message is deleted while the handler runs. */
class GoneMessageTest extends WorkFixture {
    private static final HandlerSettings RETRIES =
            HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(10)));

    private final CountDownLatch began = new CountDownLatch(1);
    private final CountDownLatch ends = new CountDownLatch(1);
    private final List<String> runs = new CopyOnWriteArrayList<>();
    private Queues queues;

    @BeforeEach
    void open() {
        queues = new Queues(postgres.dataSource(), "sluice", PayloadCipher.NONE, () -> {});
    }

    private Outcome run(Work work, Context context, Outcome first) throws InterruptedException {
        runs.add(work.payloadText() + " attempt " + context.attempt());
        if (work.payloadText().equals("1") && context.attempt() == 1) {
            began.countDown();
            ends.await();
            return first;
        }
        return Outcome.done();
    }

    private WorkBuffer startAndBegin(Outcome first) throws InterruptedException {
        WorkBuffer work = start(builder().handler("a", (each, context) -> run(each, context, first), RETRIES));
        work.enqueue(Work.of("a", "1").key("k").idempotencyKey("i"));
        began.await();
        return work;
    }

    private void assertThatTheKeyGoesOn(WorkBuffer work, int runsBefore) throws InterruptedException {
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        work.enqueue(Work.of("a", "2").key("k"));
        until(() -> runs.size() == runsBefore + 1);
        untilNothingIsLeft();
    }

    private void expire() {
        postgres.execute("update sluice.segments set created_at = now() - interval '1 hour'");
        postgres.execute("update sluice.queues set ttl_s = 1");
        new Retention(postgres.dataSource(), "sluice").sweep();
        postgres.execute("update sluice.queues set ttl_s = 0");
    }

    @Test
    void theMessageOfAClaimedWorkDoesNotExpire() throws Exception {
        WorkBuffer work = startAndBegin(Outcome.retry("again"));
        expire();
        assertThat(count("segments")).isEqualTo(1);
        ends.countDown();
        assertThatTheKeyGoesOn(work, 2);
        assertThat(runs).startsWith("1 attempt 1", "1 attempt 2");
        expire();
        assertThat(count("segments")).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"clear", "partition"})
    void aRetryIsKeptAlsoIfAnOperatorDeletesItsMessage(String how) throws Exception {
        WorkBuffer work = startAndBegin(Outcome.retry("again"));
        delete(how);
        ends.countDown();
        until(() -> runs.size() == 2);
        assertThat(runs).containsExactly("1 attempt 1", "1 attempt 2");
        assertThatTheKeyGoesOn(work, 2);
    }

    private void delete(String how) {
        if (how.equals("clear")) {
            assertThat(queues.clear("work.a", null)).isPositive();
        } else {
            postgres.execute("delete from sluice.segments; delete from sluice.cursors; delete from sluice.partitions");
        }
    }

    @Test
    void aDeadLetterIsKeptAlsoIfAnOperatorDeletesItsMessage() throws Exception {
        WorkBuffer work = startAndBegin(Outcome.deadLetter("no use"));
        delete("clear");
        ends.countDown();
        untilRows("select error, payload, partition_name from sluice.dead_letters", "no use|1|k");
        assertThatTheKeyGoesOn(work, 1);
    }

    @Test
    void aClearRemovesTheWorksThatWaitAndNotTheOneThatRuns() throws Exception {
        WorkBuffer work = startAndBegin(Outcome.done());
        work.enqueue(Work.of("a", "9").key("k"));
        until(() -> work.waiting("a") == 1);
        delete("clear");
        ends.countDown();
        assertThatTheKeyGoesOn(work, 1);
        assertThat(runs).containsExactly("1 attempt 1", "2 attempt 1");
    }

    @Test
    void aWorkThatWaitsForABlockingRetryKeepsItsKeyClosedWhileTheNextOnesExpire() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "a",
                        (each, context) -> {
                            runs.add(each.payloadText());
                            if (each.payloadText().equals("1") && context.attempt() == 1) {
                                throw new IllegalStateException("later");
                            }
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofHours(1)))));
        work.enqueue(Work.of("a", "1").key("k"));
        untilRows("select attempts from sluice.work_items", "1");
        work.enqueue(Work.of("a", "2").key("k"));
        until(() -> work.waiting("a") == 2); // Also the one that waits for its retry.
        expire();
        work.enqueue(Work.of("a", "3").key("k"));
        work.enqueue(Work.of("a", "4"));
        until(() -> runs.contains("4"));
        assertThat(runs).containsExactly("1", "4");
        postgres.execute("update sluice.work_items set available_at = now()");
        until(() -> runs.contains("3"));
        assertThat(runs).containsExactly("1", "4", "1", "3");
    }
}
