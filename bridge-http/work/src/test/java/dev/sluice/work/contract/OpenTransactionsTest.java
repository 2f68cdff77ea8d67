package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.QueueException;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A transaction of a program that stays open delays only those that enqueue with the key that it has entered. */
class OpenTransactionsTest extends WorkFixture {
    private Connection open;

    @BeforeEach
    void begin() throws SQLException {
        open = postgres.dataSource().getConnection();
        open.setAutoCommit(false);
    }

    @AfterEach
    void end() throws SQLException {
        open.rollback();
        open.setAutoCommit(true);
        open.close();
    }

    @Test
    void aTransactionThatFoundADuplicateDelaysNeitherTheWorkWithTheKeyNorOthers() throws Exception {
        var gate = new CountDownLatch(1);
        var began = new CountDownLatch(1);
        var others = new AtomicInteger();
        WorkBuffer work = start(builder()
                .handler("first", (each, context) -> {
                    began.countDown();
                    gate.await();
                    return Outcome.done();
                })
                .handler("other", (each, context) -> {
                    others.incrementAndGet();
                    return Outcome.done();
                }));
        work.enqueue(Work.of("first", "1").idempotencyKey("k"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        assertThat(work.enqueue(open, Work.of("first", "1").idempotencyKey("k")).isDuplicate())
                .isTrue();
        gate.countDown();
        untilRows("select count(*) from sluice.work_keys where finished_at is not null", "1");
        work.enqueue(Work.of("other", "1"));
        until(() -> others.get() == 1);
    }

    @Test
    void anEnqueueWithAKeyOfAnOpenTransactionWaitsAloneAndTakesTheKeyAfterARollback() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(open, Work.of("a", "1").idempotencyKey("k"));
        CompletableFuture<List<Enqueued>> same = later(work, Work.of("a", "1").idempotencyKey("k"));
        CompletableFuture<List<Enqueued>> same2 = later(work, Work.of("a", "1").idempotencyKey("k"));
        for (int i = 0; i < 20; i++) {
            work.enqueue(Work.of("b", "1"));
            work.enqueue(Work.of("a", "1").idempotencyKey("k" + i));
        }
        assertThat(same).isNotDone();
        assertThat(same2).isNotDone();
        open.rollback();
        assertThat(List.of(
                        same.get(30, TimeUnit.SECONDS).get(0).isDuplicate(),
                        same2.get(30, TimeUnit.SECONDS).get(0).isDuplicate()))
                .containsExactlyInAnyOrder(false, true);
    }

    @Test
    void anEnqueueWithAKeyOfAnOpenTransactionIsADuplicateAfterItsCommit() throws Exception {
        WorkBuffer work = start(builder());
        Enqueued first = work.enqueue(open, Work.of("a", "1").idempotencyKey("k"));
        CompletableFuture<List<Enqueued>> same = later(work, Work.of("a", "1").idempotencyKey("k"));
        work.enqueue(Work.of("b", "1"));
        assertThat(same).isNotDone();
        open.commit();
        assertThat(same.get(30, TimeUnit.SECONDS)).singleElement().satisfies(found -> {
            assertThat(found.isDuplicate()).isTrue();
            assertThat(found.id()).isEqualTo(first.id());
        });
    }

    @Test
    void aMixedCallWaitsForItsKeyAsAWholeAndFailsAtLastWithTheKey() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(open, Work.of("a", "1").idempotencyKey("held"));
        CompletableFuture<List<Enqueued>> mixed =
                work.enqueueLater(List.of(Work.of("a", "0"), Work.of("a", "1").idempotencyKey("held")), null);
        assertThatThrownBy(() -> mixed.get(60, TimeUnit.SECONDS))
                .hasCauseInstanceOf(QueueException.class)
                .hasMessageContaining("for 30 s, a transaction that is still open has held")
                .hasMessageContaining("a/held");
        assertThat(work.waiting("a")).isZero();
    }

    @Test
    void aClosedBufferFailsWhatWaitsForAKey() throws Exception {
        WorkBuffer work = builder().start();
        work.enqueue(open, Work.of("a", "1").idempotencyKey("k"));
        CompletableFuture<List<Enqueued>> same = later(work, Work.of("a", "1").idempotencyKey("k"));
        work.enqueue(Work.of("b", "1"));
        work.close();
        assertThatThrownBy(() -> same.get(30, TimeUnit.SECONDS)).hasMessageContaining("closed");
    }

    @Test
    void anExpiredKeyIsTakenOverOnceAlthoughManyAskForIt() throws Exception {
        WorkBuffer one = start(builder());
        WorkBuffer two = start(builder());
        Enqueued old = one.enqueue(Work.of("a", "1").idempotencyKey("k"));
        postgres.execute("update sluice.work_keys set finished_at = now(), expires_at = now() - interval '1 second'");
        var calls = new ArrayList<CompletableFuture<List<Enqueued>>>();
        for (int i = 0; i < 20; i++) {
            calls.add(later(i % 2 == 0 ? one : two, Work.of("a", "1").idempotencyKey("k")));
        }
        int first = 0;
        for (CompletableFuture<List<Enqueued>> call : calls) {
            Enqueued each = call.get(30, TimeUnit.SECONDS).get(0);
            assertThat(each.id()).isNotEqualTo(old.id());
            first += each.isDuplicate() ? 0 : 1;
        }
        assertThat(first).isEqualTo(1);
    }

    @Test
    void enqueuesAndOutcomesOfTheSameKeysInAnyOrderEndNoTransactionByADeadlock() throws Exception {
        var done = new AtomicInteger();
        WorkBuffer engine = start(builder().concurrency(20).handler("a", (each, context) -> {
            done.incrementAndGet();
            return Outcome.done();
        }));
        WorkBuffer other = start(builder().concurrency(20).handler("a", (each, context) -> {
            done.incrementAndGet();
            return Outcome.done();
        }));
        for (int round = 0; round < 8; round++) {
            String prefix = "r" + round + "-";
            var works = new ArrayList<>(IntStream.range(0, 300)
                    .mapToObj(i -> Work.of("a", "1").idempotencyKey(prefix + i))
                    .toList());
            Collections.shuffle(works);
            engine.enqueue(works);
            int wanted = (round + 1) * 300;
            until(() -> {
                other.enqueue(works);
                engine.enqueue(works);
                return done.get() >= wanted;
            });
        }
        assertThat(done).hasValue(8 * 300);
        assertThat(postgres.query("select deadlocks from pg_stat_database where datname = current_database()"))
                .containsExactly("0");
    }

    private static CompletableFuture<List<Enqueued>> later(WorkBuffer buffer, Work work) {
        return buffer.enqueueLater(List.of(work), null);
    }
}
