package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.Enqueued;
import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.KeyConflictException;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import dev.sluice.work.store.LatestRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Debounce and conflation: a newer work replaces the one with the same key that waits, and no other. */
class CoalescingTest extends WorkFixture {
    private static final Duration HOUR = Duration.ofHours(1);
    private static final Duration DAY = Duration.ofDays(1);

    /** Payloads that ran, and their ids. */
    private final List<String> ran = new CopyOnWriteArrayList<>();

    private final List<WorkId> ranIds = new CopyOnWriteArrayList<>();

    private final Handler noting = (each, context) -> {
        ran.add(each.payloadText());
        ranIds.add(context.id());
        return Outcome.done();
    };

    @AfterEach
    void thePartitionsKnowHowManyOfTheirMessagesAreScheduled() {
        assertThat(postgres.query("select coalesce(sum(scheduled), 0) = (select count(*) from sluice.scheduled) from"
                        + " sluice.partitions"))
                .containsExactly("t");
    }

    private static Work debounced(int payload) {
        return Work.of("bounce", Integer.toString(payload)).debounce("k", HOUR, DAY);
    }

    private static Work conflated(int payload) {
        return Work.of("latest", Integer.toString(payload)).conflate("k");
    }

    /** Makes scheduled works due now. */
    private void letTimePass() {
        postgres.execute("update sluice.scheduled set due_at = now()");
    }

    @Test
    void theLastOfManyWorksWithADebounceKeyRunsAfterTheQuiet() throws Exception {
        WorkBuffer work = start(builder().handler("bounce", noting));
        Duration quiet = Duration.ofMillis(500);
        WorkId last = null;
        long since = 0;
        for (int i = 0; i < 5; i++) {
            since = System.nanoTime();
            Enqueued each =
                    work.enqueue(Work.of("bounce", Integer.toString(i)).debounce("k", quiet, Duration.ofMinutes(1)));
            assertThat(each.isDuplicate()).isFalse();
            assertThat(each.replaced()).isEqualTo(last);
            last = each.id();
        }
        assertThat(count("scheduled")).isEqualTo(1);
        until(() -> ran.size() == 1);
        assertThat(System.nanoTime() - since).isGreaterThanOrEqualTo(quiet.toNanos());
        untilNothingIsLeft();
        assertThat(ran).containsExactly("4");
        assertThat(ranIds).containsExactly(last);
    }

    @Test
    void eachWorkRestartsTheWaitUntilTheLongestWaitIsReached() throws Exception {
        WorkBuffer work = start(builder().handler("bounce", noting));
        work.enqueue(debounced(1));
        String due = "select abs(extract(epoch from s.due_at - l.updated_at) - 3600) < 1 from sluice.scheduled s,"
                + " sluice.work_latest l";
        assertThat(postgres.query(due)).containsExactly("t");
        postgres.execute("update sluice.work_latest set first_at = first_at - interval '22 hours 30 minutes'");
        work.enqueue(debounced(2));
        assertThat(postgres.query(due)).as("the quiet ends first").containsExactly("t");
        postgres.execute("update sluice.work_latest set first_at = first_at - interval '1 hour'");
        work.enqueue(debounced(3));
        assertThat(postgres.query("select s.due_at = l.first_at + interval '1 day' from sluice.scheduled s,"
                        + " sluice.work_latest l"))
                .as("the longest wait ends first")
                .containsExactly("t");
        postgres.execute("update sluice.work_latest set first_at = first_at - interval '1 hour'");
        Enqueued last = work.enqueue(debounced(4));
        until(() -> ran.size() == 1);
        assertThat(ranIds).containsExactly(last.id());
        assertThat(count("scheduled")).isZero();
    }

    @Test
    void aWorkWhoseWaitIsOverIsNotReplaced() throws Exception {
        var began = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        WorkBuffer work = start(builder().handler("bounce", (each, context) -> {
            began.countDown();
            goOn.await();
            return noting.handle(each, context);
        }));
        work.enqueue(debounced(1));
        letTimePass();
        until(() -> began.getCount() == 0);
        Enqueued second = work.enqueue(debounced(2));
        assertThat(second.replaced()).isNull();
        assertThat(postgres.query("select due_at > now() + interval '59 minutes' from sluice.scheduled"))
                .as("a wait of its own")
                .containsExactly("t");
        goOn.countDown();
        until(() -> ran.equals(List.of("1")));
        letTimePass();
        until(() -> ran.equals(List.of("1", "2")));
    }

    @Test
    void whileAWorkWithAConflationKeyRunsOnlyTheLatestOfTheOthersWaits() throws Exception {
        var goOn = new CountDownLatch(1);
        WorkBuffer work = start(builder().handler("latest", (each, context) -> {
            ran.add(each.payloadText());
            goOn.await();
            return Outcome.done();
        }));
        assertThat(work.enqueue(conflated(0)).replaced()).isNull();
        until(() -> ran.size() == 1);
        WorkId last = null;
        for (int i = 1; i <= 20; i++) {
            Enqueued each = work.enqueue(conflated(i));
            assertThat(each.replaced()).isEqualTo(last);
            last = each.id();
        }
        assertThat(count("scheduled")).isEqualTo(1);
        goOn.countDown();
        until(() -> ran.size() == 2);
        untilNothingIsLeft();
        assertThat(ran).containsExactly("0", "20");
        untilRows("select count(*) from sluice.work_latest", "0");
        work.enqueue(conflated(21));
        until(() -> ran.equals(List.of("0", "20", "21")));
        untilRows("select count(*) from sluice.work_latest", "0");
    }

    @Test
    void keysAndTypesAreIndependent() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(List.of(
                Work.of("a", "1").debounce("k", HOUR, DAY),
                Work.of("a", "2").debounce("l", HOUR, DAY),
                Work.of("b", "3").debounce("k", HOUR, DAY),
                Work.of("a", "4").conflate("k"),
                Work.of("a", "5").conflate("k")));
        assertThat(postgres.query("select payload from sluice.scheduled order by payload"))
                .containsExactly("1", "2", "3");
        assertThat(work.waiting("a"))
                .as("only the last work of a call is stored")
                .isEqualTo(1);
        assertThat(postgres.query("select payload from sluice.messages")).containsExactly("5");
    }

    @Test
    void ofManyCallersOnTwoEnginesEveryWorkIsReplacedOnceOrRuns() throws Exception {
        WorkBuffer one = start(builder().concurrency(2).handler("latest", noting));
        WorkBuffer two = start(builder().concurrency(2).handler("latest", noting));
        var results = new CopyOnWriteArrayList<Enqueued>();
        inParallel(12, caller -> {
            for (int i = 0; i < 25; i++) {
                Work each = Work.of("latest", Integer.toString(i)).idempotencyKey(caller + "/" + i);
                WorkBuffer buffer = caller % 2 == 0 ? one : two;
                results.add(buffer.enqueue(
                        i % 2 == 0
                                ? each.conflate("k" + i % 3)
                                : each.debounce("k" + i % 3, Duration.ofMillis(20), Duration.ofMillis(60))));
            }
        });
        List<WorkId> replaced = results.stream()
                .map(Enqueued::replaced)
                .filter(each -> each != null)
                .toList();
        assertThat(replaced).as("each at most once").doesNotHaveDuplicates().isNotEmpty();
        until(() -> ranIds.size() + replaced.size() >= 300);
        untilNothingIsLeft();
        untilRows("select count(*) from sluice.scheduled", "0");
        var all = new ArrayList<>(replaced);
        all.addAll(ranIds);
        assertThat(all)
                .containsExactlyInAnyOrderElementsOf(
                        results.stream().map(Enqueued::id).toList());
        assertThat(postgres.query("select count(*), count(finished_at) from sluice.work_keys"))
                .containsExactly("300|300");
        untilRows("select count(*) from sluice.work_latest where conflates", "0");
    }

    private interface Caller {
        void call(int number) throws Exception;
    }

    private static void inParallel(int callers, Caller task) throws Exception {
        var threads = Executors.newFixedThreadPool(callers);
        try {
            List<Callable<Void>> calls = IntStream.range(0, callers)
                    .<Callable<Void>>mapToObj(number -> () -> {
                        task.call(number);
                        return null;
                    })
                    .toList();
            for (Future<Void> call : threads.invokeAll(calls)) {
                call.get();
            }
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void aRepetitionOfAReplacedWorkReplacesNothing() throws Exception {
        WorkBuffer work = start(builder());
        Enqueued first = work.enqueue(debounced(1).idempotencyKey("one"));
        Enqueued second = work.enqueue(debounced(2).idempotencyKey("two"));
        assertThat(second.replaced()).isEqualTo(first.id());
        assertThat(work.enqueue(debounced(1).idempotencyKey("one")))
                .isEqualTo(new Enqueued(first.id(), true, true, null));
        assertThat(work.enqueue(debounced(2).idempotencyKey("two")))
                .isEqualTo(new Enqueued(second.id(), true, false, null));
        assertThat(postgres.query("select payload from sluice.scheduled")).containsExactly("2");
        assertThat(postgres.query(
                        "select key, finished_at is null, expires_at > now() from sluice.work_keys" + " order by key"))
                .containsExactly("one|f|t", "two|t|null");
        assertThatThrownBy(() -> work.enqueue(List.of(debounced(3), debounced(4).idempotencyKey("two"))))
                .isInstanceOf(KeyConflictException.class);
        assertThat(postgres.query("select payload from sluice.scheduled"))
                .as("all or none")
                .containsExactly("2");
    }

    @Test
    void aWorkOfATransactionReplacesAfterTheCommitAndNotAfterARollback() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(debounced(1));
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            work.enqueue(connection, debounced(2));
            connection.rollback();
            work.enqueue(connection, debounced(3).idempotencyKey("three"));
            work.enqueue(connection, conflated(4));
            work.enqueue(connection, conflated(5));
            assertThat(postgres.query("select payload from sluice.scheduled")).containsExactly("1");
            connection.commit();
            connection.setAutoCommit(true);
        }
        untilRows("select payload from sluice.scheduled", "3");
        untilRows("select count(*) from sluice.work_outbox", "0");
        assertThat(work.waiting("latest")).isEqualTo(1);
        work.enqueue(debounced(6));
        assertThat(postgres.query("select finished_at is not null from sluice.work_keys"))
                .as("the key of a replaced work of a transaction")
                .containsExactly("t");
    }

    @Test
    void worksOfAnEncryptedQueueAreReplacedAndStayEncrypted() throws Exception {
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.latest', 'work', 'latest', true)");
        PayloadCipher cipher = PayloadCipher.of("test:" + "0f".repeat(32), null);
        var goOn = new CountDownLatch(1);
        WorkBuffer work = start(builder().cipher(cipher).handler("latest", (each, context) -> {
            ran.add(each.payloadText());
            goOn.await();
            return Outcome.done();
        }));
        work.enqueue(conflated(0));
        until(() -> ran.size() == 1);
        for (int i = 1; i <= 3; i++) {
            work.enqueue(Work.of("latest", "\"value " + i + "\"").conflate("k"));
        }
        try (Connection connection = postgres.dataSource().getConnection()) {
            work.enqueue(
                    connection, Work.of("latest", "\"value 4\"").conflate("k").idempotencyKey("four"));
        }
        untilRows("select count(*) from sluice.work_outbox", "0");
        assertThat(postgres.query("select payload like '{\"encrypted\":%', headers like '%conflation%' from"
                        + " sluice.scheduled"))
                .containsExactly("t|f");
        goOn.countDown();
        until(() -> ran.contains("\"value 4\""));
        untilNothingIsLeft();
        assertThat(ran).containsExactly("0", "\"value 4\"");
        untilRows("select count(*) from sluice.work_latest", "0");
    }

    @Test
    void theLatestWorkRunsHoweverTheOneBeforeItEnds() throws Exception {
        var fails = new CountDownLatch(1);
        WorkBuffer work = start(builder()
                .handler(
                        "latest",
                        (each, context) -> {
                            ran.add(each.payloadText());
                            return switch (each.payloadText()) {
                                case "0" -> Outcome.deadLetter("bad");
                                case "1" -> Outcome.cancel();
                                case "2" -> {
                                    fails.await();
                                    throw new IllegalStateException("later");
                                }
                                default -> Outcome.done();
                            };
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(HOUR))));
        for (int i = 0; i < 2; i++) {
            work.enqueue(conflated(i));
            untilRows("select count(*) from sluice.work_latest", "0");
        }
        Enqueued third = work.enqueue(conflated(2));
        until(() -> ran.size() == 3);
        Enqueued fourth = work.enqueue(conflated(3));
        fails.countDown();
        untilRows("select attempts from sluice.work_items where owner is null", "1");
        Enqueued last = work.enqueue(conflated(4));
        assertThat(last.replaced()).as("not the one that waits for its retry").isEqualTo(fourth.id());
        work.cancel("latest", third.id());
        until(() -> ran.contains("4"));
        untilNothingIsLeft();
        assertThat(ran).containsExactly("0", "1", "2", "4");
    }

    @Test
    void aWorkThatWaitsForADeletedOneIsReleased() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(conflated(1));
        work.enqueue(conflated(2));
        var rows = new LatestRows("sluice", "work");
        try (Connection connection = postgres.dataSource().getConnection()) {
            assertThat(rows.releaseForgotten(connection, Duration.ZERO, 10))
                    .as("the first one is in its queue")
                    .isZero();
            postgres.execute("update sluice.cursors set position = 1"); // As a seek does.
            assertThat(rows.releaseForgotten(connection, Duration.ofMinutes(1), 10))
                    .as("not for long enough")
                    .isZero();
            assertThat(rows.releaseForgotten(connection, Duration.ZERO, 10)).isEqualTo(1);
            assertThat(rows.releaseForgotten(connection, Duration.ZERO, 10)).isZero();
        }
        start(builder().handler("latest", noting));
        until(() -> ran.equals(List.of("2")));
        untilRows("select count(*) from sluice.work_latest", "0");
    }

    private int releaseForgotten(Duration age) throws SQLException {
        try (Connection connection = postgres.dataSource().getConnection()) {
            return new LatestRows("sluice", "work").releaseForgotten(connection, age, 10);
        }
    }

    @Test
    void aWorkThatWaitsForADeletedOneIsReleasedAlsoIfNewerOnesReplaceItAllTheTime() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(conflated(1));
        work.enqueue(conflated(2));
        postgres.execute("update sluice.cursors set position = 1"
                + "; update sluice.work_latest set looked_at = now() - interval '2 minutes'");
        work.enqueue(conflated(3));
        assertThat(releaseForgotten(Duration.ofMinutes(1))).isEqualTo(1);
        start(builder().handler("latest", noting));
        until(() -> ran.equals(List.of("3")));
        untilRows("select count(*) from sluice.work_latest", "0");
    }

    @Test
    void aWorkOfAnotherPartitionIsNotReleasedWhileTheOneBeforeItWaits() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(conflated(1).key("a"));
        work.enqueue(conflated(2).key("b"));
        work.enqueue(conflated(3).key("c"));
        assertThat(releaseForgotten(Duration.ZERO)).isZero();
        start(builder().handler("latest", noting));
        until(() -> ran.equals(List.of("1", "3")));
        untilRows("select count(*) from sluice.work_latest", "0");
    }

    @Test
    void aWorkIsReleasedAlsoIfOtherWorksOfThePartitionAlwaysWait() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(conflated(1).key("a"));
        work.enqueue(conflated(2).key("a"));
        assertThat(releaseForgotten(Duration.ZERO)).isZero();
        for (int i = 0; i < 3; i++) {
            work.enqueue(Work.of("latest", "\"other\"").key("a"));
        }
        postgres.execute("update sluice.cursors set position = 1");
        assertThat(releaseForgotten(Duration.ZERO)).isEqualTo(1);
        start(builder().handler("latest", noting));
        until(() -> ran.size() == 4);
        assertThat(ran).containsExactly("\"other\"", "\"other\"", "\"other\"", "2");
    }

    @Test
    void aKeyIsKeptAfterADayWhileItsWorkWaits() throws Exception {
        String aDayLater = "update sluice.work_latest set updated_at = now() - interval '25 hours'";
        var rows = new LatestRows("sluice", "work");
        WorkBuffer work = start(builder());
        work.enqueue(conflated(1));
        try (Connection connection = postgres.dataSource().getConnection()) {
            postgres.execute(aDayLater);
            assertThat(rows.deleteOld(connection, 10)).isEqualTo(1);
            assertThat(rows.deleteOld(connection, 10)).as("not before a day").isZero();
            work.enqueue(conflated(2));
            assertThat(work.enqueue(conflated(3)).replaced())
                    .as("2 waits for 1")
                    .isNotNull();
            postgres.execute("update sluice.cursors set position = 1; delete from sluice.scheduled;"
                    + " update sluice.partitions set scheduled = 0; " + aDayLater);
            assertThat(rows.deleteOld(connection, 10)).isEqualTo(1);
            assertThat(count("work_latest")).isZero();
        }
    }

    @Test
    void aReplacedWorkIsAnEvent() throws Exception {
        var events = new CopyOnWriteArrayList<WorkEvent>();
        WorkBuffer work = start(builder().listener(events::add));
        Enqueued first = work.enqueue(debounced(1));
        Enqueued second = work.enqueue(debounced(2));
        until(() -> events.size() == 3);
        assertThat(events)
                .containsExactly(
                        new WorkEvent(WorkEvent.Kind.ENQUEUED, "bounce", first.id(), 0, null),
                        new WorkEvent(WorkEvent.Kind.CANCELLED, "bounce", first.id(), 0, "replaced by " + second.id()),
                        new WorkEvent(WorkEvent.Kind.ENQUEUED, "bounce", second.id(), 0, null));
    }

    @Test
    void whatDoesNotFitTogetherIsRefused() {
        Work work = Work.of("bounce", "1");
        assertThatThrownBy(() -> work.debounce("k", HOUR, Duration.ofMinutes(59)))
                .hasMessageContaining("quiet must be 0 or more and at most longest");
        assertThat(work.debounce("k", HOUR, HOUR).coalescing()).isNotNull();
        assertThatThrownBy(() -> work.debounce("", HOUR, DAY)).hasMessage("debounce key must not be empty");
        assertThatThrownBy(() -> work.conflate("")).hasMessage("conflation key must not be empty");
        assertThatThrownBy(() -> work.delay(HOUR).conflate("k"))
                .hasMessage("a work with a debounce key or a conflation key must have no runAt and no delay");
        assertThatThrownBy(() -> debounced(1).runAt(Instant.EPOCH))
                .hasMessage("a work with a debounce key or a conflation key must have no runAt and no delay");
        assertThat(work.conflate("k").key()).isEqualTo("k");
        assertThat(work.key("own").conflate("k").key()).isEqualTo("own");
    }
}
