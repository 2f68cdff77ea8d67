package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.work.Enqueued;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Outcome;
import dev.sluice.work.QueueFullException;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Idempotency keys, cancellation, pauses, and the bound on waiting works. */
class ControlTest extends WorkFixture {
    private static final Handler DONE = (work, context) -> Outcome.done();

    @Test
    void aRepetitionWithTheSameKeyIsNotEnqueuedWhateverItsLaneAndKey() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder().handler("once", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        Enqueued first = work.enqueue(Work.of("once", "1").idempotencyKey("k"));
        Enqueued second = work.enqueue(Work.of("once", "1").idempotencyKey("k").key("other"));
        assertThat(first.isDuplicate()).isFalse();
        assertThat(second.isDuplicate()).isTrue();
        assertThat(second.id()).isEqualTo(first.id());
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        Enqueued third = work.enqueue(Work.of("once", "1").idempotencyKey("k"));
        assertThat(third).isEqualTo(new Enqueued(first.id(), true, true, null));
        assertThat(runs).hasValue(1);
        assertThat(work.enqueue(Work.of("other", "1").idempotencyKey("k")).isDuplicate())
                .as("another type")
                .isFalse();
    }

    @Test
    void anotherPayloadWithTheSameKeyIsRefusedWithBothHashes() throws Exception {
        WorkBuffer work = start(builder());
        Enqueued first = work.enqueue(Work.of("once", "1").idempotencyKey("k"));
        assertThatThrownBy(() -> work.enqueue(
                        List.of(Work.of("once", "3"), Work.of("once", "2").idempotencyKey("k"))))
                .isInstanceOfSatisfying(KeyConflictException.class, e -> {
                    assertThat(e.other()).isEqualTo(first.id());
                    assertThat(e.storedHash())
                            .isEqualTo("6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b");
                    assertThat(e.givenHash())
                            .isEqualTo("d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35");
                });
        assertThat(work.waiting("once")).as("all or none").isEqualTo(1);
        assertThatThrownBy(() -> work.enqueue(List.of(
                        Work.of("once", "4").idempotencyKey("new"),
                        Work.of("once", "5").idempotencyKey("new"))))
                .isInstanceOf(KeyConflictException.class);
        assertThat(count("work_keys")).isEqualTo(1);
    }

    @Test
    void ofManyCallersWithOneKeyExactlyOneEnqueues() throws Exception {
        WorkBuffer one = start(builder());
        WorkBuffer two = start(builder());
        var threads = Executors.newFixedThreadPool(16);
        try {
            var calls = new ArrayList<Callable<Enqueued>>();
            for (int i = 0; i < 40; i++) {
                WorkBuffer buffer = i % 2 == 0 ? one : two;
                calls.add(() -> buffer.enqueue(Work.of("race", "1").idempotencyKey("k")));
            }
            int fresh = 0;
            for (Future<Enqueued> call : threads.invokeAll(calls)) {
                fresh += call.get().isDuplicate() ? 0 : 1;
            }
            assertThat(fresh).isEqualTo(1);
        } finally {
            threads.shutdown();
        }
        assertThat(one.waiting("race")).isEqualTo(1);
    }

    @Test
    void aKeyIsFreeAgainAfterItsWindow() throws Exception {
        WorkBuffer work = start(
                builder().handler("window", DONE, HandlerSettings.DEFAULT.idempotencyWindow(Duration.ofHours(3))));
        Enqueued first = work.enqueue(Work.of("window", "1").idempotencyKey("k"));
        untilRows("select expires_at - finished_at between '02:59:59' and '03:00:01' from sluice.work_keys", "t");
        postgres.execute("update sluice.work_keys set expires_at = now() - interval '1 second'");
        Enqueued second = work.enqueue(Work.of("window", "2").idempotencyKey("k"));
        assertThat(second.isDuplicate()).isFalse();
        assertThat(second.id()).isNotEqualTo(first.id());
    }

    @Test
    void aKeptResultIsReturnedInsteadOfAnotherRun() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "result",
                        (each, context) -> Outcome.done("{\"answer\":42}"),
                        HandlerSettings.DEFAULT.keepResults()));
        work.enqueue(Work.of("result", "1").idempotencyKey("k"));
        untilRows("select result from sluice.work_keys", "{\"answer\":42}");
        assertThat(work.enqueue(Work.of("result", "1").idempotencyKey("k")).result())
                .isEqualTo("{\"answer\":42}");
    }

    @Test
    void aWorkThatIsDeliveredAgainDoesNotRunAgainIfItsResultIsKept() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder()
                .handler(
                        "again",
                        (each, context) -> {
                            int run = runs.incrementAndGet();
                            return each.payloadText().equals("1")
                                    ? Outcome.done(Integer.toString(run))
                                    : Outcome.done();
                        },
                        HandlerSettings.DEFAULT.keepResults()));
        work.enqueue(Work.of("again", "1").idempotencyKey("kept"));
        untilRows("select result from sluice.work_keys", "1");
        work.enqueue(Work.of("again", "2"));
        until(() -> runs.get() == 2);
        untilNothingIsLeft();
        postgres.execute("update sluice.cursors set position = 0, available_at = now()"); // As a seek does.
        work.enqueue(Work.of("again", "3"));
        until(() -> runs.get() == 4);
        untilNothingIsLeft();
        assertThat(runs).as("the works without a key ran again").hasValue(4);
        assertThat(postgres.query("select result from sluice.work_keys")).containsExactly("1");
    }

    @Test
    void aKeyOfATransactionIsFreeAgainIfTheTransactionRollsBack() throws Exception {
        WorkBuffer work = start(builder());
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            assertThat(work.enqueue(connection, Work.of("tx", "1").idempotencyKey("k"))
                            .isDuplicate())
                    .isFalse();
            connection.rollback();
            connection.setAutoCommit(true);
        }
        assertThat(work.enqueue(Work.of("tx", "2").idempotencyKey("k")).isDuplicate())
                .isFalse();
    }

    @Test
    void aWorkThatIsCancelledBeforeItRunsNeverRuns() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder());
        Enqueued first = work.enqueue(Work.of("cancel", "1").idempotencyKey("k"));
        work.enqueue(Work.of("cancel", "2"));
        assertThat(work.cancel("cancel", first.id())).isFalse();
        start(builder().handler("cancel", (each, context) -> {
            assertThat(each.payloadText()).isEqualTo("2");
            runs.incrementAndGet();
            return Outcome.done();
        }));
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        until(() -> runs.get() == 1);
        untilNothingIsLeft();
        assertThat(count("work_cancels")).isZero();
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void aWorkThatWaitsForItsRetryIsGoneAtOnceAndFreesItsKey() throws Exception {
        var ran = new AtomicInteger();
        WorkBuffer work = start(builder()
                .handler(
                        "cancel",
                        (each, context) -> {
                            if (each.payloadText().equals("1")) {
                                throw new IllegalStateException("later");
                            }
                            ran.incrementAndGet();
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofHours(1)))));
        Enqueued first = work.enqueue(Work.of("cancel", "1").key("k"));
        work.enqueue(Work.of("cancel", "2").key("k"));
        untilRows("select attempts from sluice.work_items", "1");
        assertThat(work.cancel("cancel", first.id())).isTrue();
        until(() -> ran.get() == 1);
        untilNothingIsLeft();
    }

    @Test
    void aWorkThatIsCancelledWhileItRunsIsInterruptedAndItsOutcomeDropped() throws Exception {
        var began = new CountDownLatch(1);
        var cancelled = new AtomicBoolean();
        WorkBuffer work = start(builder().pollInterval(Duration.ofMillis(100)).handler("cancel", (each, context) -> {
            began.countDown();
            try {
                TimeUnit.MINUTES.sleep(5);
            } catch (InterruptedException e) {
                cancelled.set(context.isCancelled());
            }
            throw new IllegalStateException("interrupted");
        }));
        Enqueued enqueued = work.enqueue(Work.of("cancel", "1"));
        assertThat(began.await(30, TimeUnit.SECONDS)).isTrue();
        work.cancel("cancel", enqueued.id());
        untilNothingIsLeft();
        assertThat(cancelled).isTrue();
        assertThat(count("dead_letters")).isZero();
    }

    @Test
    void aWorkThatIsCancelledWhileItsHandlerIsInItsTimeoutDoesNotRunAgain() throws Exception {
        var runs = new AtomicInteger();
        var timedOut = new CountDownLatch(1);
        var ends = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .interruptGrace(Duration.ofSeconds(20))
                .pollInterval(Duration.ofMillis(50))
                .handler(
                        "cancel",
                        (each, context) -> {
                            runs.incrementAndGet();
                            while (ends.getCount() > 0) {
                                try {
                                    ends.await();
                                } catch (InterruptedException e) {
                                    timedOut.countDown();
                                }
                            }
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT
                                .timeout(Duration.ofMillis(100))
                                .retry(RetryPolicy.ofWaits(Duration.ZERO))));
        Enqueued enqueued = work.enqueue(Work.of("cancel", "1").idempotencyKey("k"));
        assertThat(timedOut.await(30, TimeUnit.SECONDS)).isTrue();
        work.cancel("cancel", enqueued.id());
        untilRows("select count(*) from sluice.work_cancels", "0");
        ends.countDown();
        untilRows("select finished_at is not null from sluice.work_keys", "t");
        untilNothingIsLeft();
        assertThat(runs).hasValue(1);
    }

    /** Starts an engine whose only worker is busy and that has claimed {@code works} works ahead. */
    private WorkBuffer withWorksAhead(CountDownLatch ends, List<String> ran, int works, Consumer<String> begins)
            throws Exception {
        WorkBuffer work = start(builder()
                .concurrency(1)
                .claimAhead(Duration.ofSeconds(2))
                .pollInterval(Duration.ofMillis(50))
                .handler("ahead", (each, context) -> {
                    if (!ran.isEmpty()) {
                        begins.accept(each.payloadText());
                        ends.await();
                    }
                    ran.add(each.payloadText());
                    return Outcome.done();
                }));
        work.enqueue(Work.of("ahead", "\"first\"")); // So that the engine knows how long a work takes.
        until(() -> ran.size() == 1);
        untilNothingIsLeft();
        work.enqueue(IntStream.range(0, works)
                .mapToObj(i -> Work.of("ahead", "" + i).idempotencyKey("k" + i))
                .toList());
        return work;
    }

    @Test
    void whatWaitsInAnEngineIsGivenBackWhenItsWorkersAreBusyForLonger() throws Exception {
        var ends = new CountDownLatch(1);
        var ran = new CopyOnWriteArrayList<String>();
        withWorksAhead(ends, ran, 6, begun -> {});
        var elsewhere = new CopyOnWriteArrayList<String>();
        start(builder().handler("ahead", (each, context) -> {
            elsewhere.add(each.payloadText() + " attempt " + context.attempt() + " crashes " + context.crashes());
            return Outcome.done();
        }));
        until(() -> ran.size() + elsewhere.size() >= 6);
        ends.countDown();
        untilNothingIsLeft();
        assertThat(elsewhere).allMatch(each -> each.endsWith("attempt 1 crashes 0"));
        assertThat(ran.size() + elsewhere.size()).isEqualTo(7);
    }

    @Test
    void aCancelReachesAWorkThatWaitsInAnEngine() throws Exception {
        var ends = new CountDownLatch(1);
        var ran = new CopyOnWriteArrayList<String>();
        var begun = new AtomicReference<String>();
        WorkBuffer work = withWorksAhead(ends, ran, 2, begun::set);
        untilRows("select sum(last_seq - first_seq + 1) from sluice.work_claims", "2");
        String id = postgres.query("select message_id from sluice.work_keys where key = 'k1'")
                .get(0);
        work.cancel("ahead", new WorkId(UUID.fromString(id)));
        untilRows("select finished_at is not null from sluice.work_keys where key = 'k1'", "t");
        ends.countDown();
        untilNothingIsLeft();
        assertThat(ran).containsExactly("\"first\"", "0");
    }

    @Test
    void aPauseReachesTheWorksThatWaitInAnEngine() throws Exception {
        var ends = new CountDownLatch(1);
        var ran = new CopyOnWriteArrayList<String>();
        WorkBuffer work = withWorksAhead(ends, ran, 4, begun -> {});
        untilRows("select sum(last_seq - first_seq + 1) from sluice.work_claims", "4");
        work.pause("ahead");
        untilRows("select count(*) from sluice.work_items where owner is null", "3");
        ends.countDown();
        until(() -> ran.size() == 2);
        work.resume("ahead");
        untilNothingIsLeft();
        assertThat(ran).containsExactlyInAnyOrder("\"first\"", "0", "1", "2", "3");
    }

    @Test
    void aPausedTypeIsNotClaimedUntilItIsResumedAlsoAfterARestart() throws Exception {
        var runs = new AtomicInteger();
        Handler handler = (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        };
        WorkBuffer operator = start(builder());
        operator.pause("calm");
        WorkBuffer work = start(builder().handler("calm", handler).handler("busy", handler));
        work.enqueue(Work.of("calm", "1"));
        work.enqueue(Work.of("busy", "1"));
        until(() -> runs.get() == 1);
        assertThat(work.waiting("calm")).isEqualTo(1);
        work.close();
        WorkBuffer again = start(builder().handler("calm", handler));
        again.enqueue(Work.of("calm", "2"));
        assertThat(again.waiting("calm")).isEqualTo(2);
        operator.resume("calm");
        until(() -> runs.get() == 3);
    }

    @Test
    void theConcurrencyOfATypeCanBeChangedWhileItRuns() throws Exception {
        var inside = new AtomicInteger();
        var most = new AtomicInteger();
        WorkBuffer work = start(builder().concurrency(4).handler("wide", (each, context) -> {
            most.accumulateAndGet(inside.incrementAndGet(), Math::max);
            TimeUnit.MILLISECONDS.sleep(20);
            inside.decrementAndGet();
            return Outcome.done();
        }));
        work.concurrency("wide", 1);
        untilRows("select concurrency from sluice.work_types", "1");
        List<Work> works =
                IntStream.range(0, 20).mapToObj(i -> Work.of("wide", "" + i)).toList();
        start(builder().concurrency(1)).close();
        work.enqueue(works);
        until(() -> work.waiting("wide") == 0);
        untilNothingIsLeft();
        assertThat(most).hasValue(1);
        work.concurrency("wide", null);
        work.enqueue(works);
        until(() -> most.get() == 4);
    }

    @Test
    void anEnqueueBeyondTheBoundIsRefusedWithTheNumbers() throws Exception {
        WorkBuffer work = start(builder().maxQueueSize(10));
        work.enqueue(
                IntStream.range(0, 10).mapToObj(i -> Work.of("full", "" + i)).toList());
        assertThatThrownBy(() -> work.enqueue(Work.of("full", "10")))
                .isInstanceOfSatisfying(QueueFullException.class, e -> {
                    assertThat(e.waiting()).isEqualTo(10);
                    assertThat(e.most()).isEqualTo(10);
                })
                .hasMessage("10 works of type full wait, at most 10 may; did not enqueue 1 more");
        assertThat(work.enqueue(Work.of("empty", "1")).isDuplicate()).isFalse();
    }

    @Test
    void anEnqueueBeyondTheBoundWaitsForRoomIfTheBufferBlocks() throws Exception {
        var gate = new CountDownLatch(1);
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder()
                .concurrency(1)
                .claimAhead(Duration.ZERO)
                .maxQueueSize(2)
                .blockWhenFull(true)
                .handler("tight", (each, context) -> {
                    gate.await();
                    runs.incrementAndGet();
                    return Outcome.done();
                }));
        var threads = Executors.newSingleThreadExecutor();
        try {
            Future<Integer> producer = threads.submit(() -> {
                for (int i = 0; i < 20; i++) {
                    work.enqueue(Work.of("tight", "" + i));
                }
                return 20;
            });
            until(() -> work.waiting("tight") >= 1);
            assertThat(producer.isDone()).isFalse();
            gate.countDown();
            assertThat(producer.get(30, TimeUnit.SECONDS)).isEqualTo(20);
            until(() -> runs.get() == 20);
        } finally {
            threads.shutdown();
        }
    }
}
