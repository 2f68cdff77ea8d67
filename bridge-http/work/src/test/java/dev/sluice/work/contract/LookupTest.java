package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkAdmin.SearchTooLongException;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkId;
import dev.sluice.work.WorkInfo;
import dev.sluice.work.WorkState;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** A work is found by its id in whichever table it is, with its true state. */
class LookupTest extends WorkFixture {
    private static final HandlerSettings RETRIES_IN_AN_HOUR =
            HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofHours(1)));

    private static WorkInfo find(WorkBuffer work, WorkId id) throws SearchTooLongException {
        WorkInfo byId = work.admin().find(null, null, id).orElseThrow();
        WorkInfo byType = work.admin().find(byId.summary().type(), null, id).orElseThrow();
        assertThat(byType.summary().id()).isEqualTo(id);
        assertThat(work.admin().find("other", null, id)).isEmpty();
        return byId;
    }

    private static WorkState state(WorkBuffer work, WorkId id) throws SearchTooLongException {
        return find(work, id).summary().state();
    }

    private static void untilState(WorkBuffer work, WorkId id, WorkState state) {
        until(() -> state(work, id) == state);
    }

    @Test
    void aWorkThatWaitsIsFoundWithEverythingThatItWasEnqueuedWith() throws Exception {
        WorkBuffer work = start(builder());
        Instant deadline = Instant.parse("2100-01-01T00:00:00Z");
        WorkId id = work.enqueueLater(
                        List.of(Work.of("mail", "{\"user\": 17}")
                                .priority(PriorityLane.HIGH)
                                .idempotencyKey("k-17")
                                .deadline(deadline)
                                .metadata("origin", "test")),
                        "alice")
                .get()
                .get(0)
                .id();
        WorkInfo found = find(work, id);
        assertThat(found.summary().state()).isEqualTo(WorkState.WAITING);
        assertThat(found.summary().priority()).isEqualTo(PriorityLane.HIGH);
        assertThat(found.summary().key()).isNull();
        assertThat(found.summary().createdAt())
                .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
        assertThat(found.payload()).asString().isEqualTo("{\"user\": 17}");
        assertThat(found.metadata()).containsExactly(Map.entry("origin", "test"));
        assertThat(found.idempotencyKey()).isEqualTo("k-17");
        assertThat(found.deadline()).isEqualTo(deadline);
        assertThat(found.producer()).isEqualTo("alice");
        assertThat(found.isCancelRequested()).isFalse();
        work.cancel("mail", id);
        assertThat(find(work, id).isCancelRequested()).isTrue();
    }

    @Test
    void aWorkOfAKeyIsFoundAlsoIfOnlyItsPartitionIsRead() throws Exception {
        WorkBuffer work = start(builder());
        WorkId id = work.enqueue(Work.of("mail", "1").key("~odd")).id();
        assertThat(work.admin().find("mail", "~odd", id).orElseThrow().summary().key())
                .isEqualTo("~odd");
        assertThat(work.admin().find("mail", "other", id)).isEmpty();
    }

    @Test
    void whatNoTableHasIsNotFound() throws Exception {
        WorkBuffer work = start(builder());
        assertThat(work.admin().find(null, null, new WorkId(UUID.randomUUID()))).isEmpty();
        work.enqueue(Work.of("mail", "1"));
        assertThat(work.admin().find(null, null, new WorkId(UUID.randomUUID()))).isEmpty();
    }

    @Test
    void aWorkIsRunningWhileItsHandlerRunsAndDoneAfterwards() throws Exception {
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().handler("slow", (each, context) -> {
            context.progress(40, "half way");
            release.await();
            return Outcome.done();
        }));
        WorkId id = work.enqueue(Work.of("slow", "1")).id();
        untilState(work, id, WorkState.RUNNING);
        until(() -> find(work, id).progress() != null);
        assertThat(find(work, id).progress()).contains("half way");
        assertThat(find(work, id).engine()).isNotNull();
        assertThat(find(work, id).summary().leaseUntil()).isAfter(Instant.now().minusSeconds(60));
        release.countDown();
        untilState(work, id, WorkState.DONE);
        assertThat(find(work, id).payload()).asString().isEqualTo("1");
    }

    @Test
    void aWorkWhoseEngineHasDiedWaitsUntilAnotherTakesItOver() throws Exception {
        var release = new CountDownLatch(1);
        WorkBuffer work = start(builder().handler("slow", (each, context) -> {
            release.await();
            return Outcome.done();
        }));
        WorkId id = work.enqueue(Work.of("slow", "1")).id();
        untilState(work, id, WorkState.RUNNING);
        postgres.execute("update sluice.work_claims set lease_until = now() - interval '1 second',"
                + " owner = gen_random_uuid(), queue_id = -queue_id"); // So that this engine does not take it over.
        assertThat(state(work, id)).isEqualTo(WorkState.WAITING);
        postgres.execute("update sluice.work_claims set queue_id = -queue_id");
        release.countDown();
        untilState(work, id, WorkState.DONE);
    }

    @Test
    void aWorkThatFailedIsFoundWithItsErrorsAndWhenItRunsAgain() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "bad",
                        (each, context) -> {
                            throw new IllegalStateException("no luck");
                        },
                        RETRIES_IN_AN_HOUR));
        WorkId id = work.enqueue(Work.of("bad", "1")).id();
        untilState(work, id, WorkState.RETRYING);
        WorkInfo found = find(work, id);
        assertThat(found.summary().attempts()).isEqualTo(1);
        assertThat(found.summary().dueAt()).isAfter(Instant.now().plusSeconds(3_000));
        assertThat(found.errors()).contains("no luck").contains("IllegalStateException");
    }

    @Test
    void aWorkThatFailedAndWasSnoozedAfterwardsIsSnoozed() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "sleepy",
                        (each, context) -> {
                            if (context.attempt() == 1) {
                                throw new IllegalStateException("first");
                            }
                            return Outcome.snooze(Duration.ofHours(1));
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(1), Duration.ofHours(1)))));
        WorkId id = work.enqueue(Work.of("sleepy", "1")).id();
        untilState(work, id, WorkState.SNOOZED);
        assertThat(find(work, id).summary().snoozes()).isEqualTo(1);
        assertThat(find(work, id).summary().attempts()).isEqualTo(1);
    }

    @Test
    void aWorkThatIsNotDueIsScheduledAndItsDueTimeIsKnown() throws Exception {
        WorkBuffer work = start(builder());
        WorkId id =
                work.enqueue(Work.of("later", "1").delay(Duration.ofHours(1))).id();
        WorkInfo found = find(work, id);
        assertThat(found.summary().state()).isEqualTo(WorkState.SCHEDULED);
        assertThat(found.summary().dueAt()).isAfter(Instant.now().plusSeconds(3_000));
    }

    @Test
    void aWorkOfATransactionIsFoundBeforeAnEngineHasMovedIt() throws Exception {
        WorkBuffer work = start(builder());
        work.enqueue(Work.of("outbox", "0"));
        postgres.execute("create function public.hold() returns trigger language plpgsql as"
                + " 'begin return null; end'; create trigger hold before delete on sluice.work_outbox"
                + " for each row execute function public.hold()");
        var ids = new ArrayList<WorkId>();
        try (Connection connection = postgres.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            ids.add(work.enqueue(connection, Work.of("outbox", "1")).id());
            ids.add(work.enqueue(connection, Work.of("outbox", "2").delay(Duration.ofHours(1)))
                    .id());
            connection.commit();
        }
        assertThat(state(work, ids.get(0))).isEqualTo(WorkState.WAITING);
        assertThat(state(work, ids.get(1))).isEqualTo(WorkState.SCHEDULED);
        postgres.execute("drop trigger hold on sluice.work_outbox");
        until(() -> count("work_outbox") == 0);
        assertThat(state(work, ids.get(0))).isEqualTo(WorkState.WAITING);
        assertThat(state(work, ids.get(1))).isEqualTo(WorkState.SCHEDULED);
    }

    @Test
    void aDeadLetterIsFoundWithItsReasonAndErrors() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "bad",
                        (each, context) -> {
                            context.log("tried");
                            throw new IllegalStateException("no luck");
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.never())));
        WorkId id = work.enqueue(Work.of("bad", "1")).id();
        untilState(work, id, WorkState.DEAD);
        WorkInfo found = find(work, id);
        assertThat(found.reason()).contains("no luck");
        assertThat(found.errors()).contains("no luck");
        assertThat(found.progress()).contains("tried");
        assertThat(found.summary().attempts()).isEqualTo(1);
        assertThat(found.summary().endedAt()).isNotNull();
    }

    @Test
    void aCancelledWorkIsCancelledAndNotDone() throws Exception {
        WorkBuffer work = start(builder().handler("dropped", (each, context) -> Outcome.cancel()));
        WorkId byHandler = work.enqueue(Work.of("dropped", "1")).id();
        untilState(work, byHandler, WorkState.CANCELLED);
        WorkId scheduled = work.enqueue(
                        Work.of("dropped", "2").delay(Duration.ofHours(1)).idempotencyKey("k"))
                .id();
        assertThat(work.cancel("dropped", scheduled)).isTrue();
        assertThat(state(work, scheduled)).isEqualTo(WorkState.CANCELLED);
        assertThat(count("scheduled")).isZero();
        assertThat(postgres.query("select sum(scheduled) from sluice.partitions"))
                .containsExactly("0");
        assertThat(postgres.query("select finished_at is not null from sluice.work_keys"))
                .containsExactly("t");
    }

    @Test
    void aKeptResultIsFoundWithTheTimeAtWhichTheWorkWasDone() throws Exception {
        WorkBuffer work = start(builder()
                .handler(
                        "result",
                        (each, context) -> Outcome.done("{\"answer\":42}"),
                        HandlerSettings.DEFAULT.keepResults()));
        WorkId id = work.enqueue(Work.of("result", "1").idempotencyKey("k")).id();
        until(() -> find(work, id).result() != null);
        WorkInfo found = find(work, id);
        assertThat(found.summary().state()).isEqualTo(WorkState.DONE);
        assertThat(found.result()).isEqualTo("{\"answer\":42}");
        assertThat(found.summary().endedAt()).isNotNull();
        postgres.execute("delete from sluice.segments");
        assertThat(find(work, id).result()).as("also without its message").isEqualTo("{\"answer\":42}");
        assertThat(find(work, id).payload()).isNull();
    }

    @Test
    void aMessageOfAPlainPushIsFoundByItsId() throws Exception {
        WorkBuffer work = start(builder());
        UUID id = new MessageIds().next();
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            writer.write(
                    List.of(NewMessage.of(id, "work.pushed", "customer-7", "own-id", new byte[] {'1'})), List.of());
        }
        WorkInfo found = find(work, new WorkId(id));
        assertThat(found.summary().state()).isEqualTo(WorkState.WAITING);
        assertThat(found.summary().key()).isEqualTo("customer-7");
    }

    @Test
    void aWorkThatWasWrittenLongAfterTheTimeInItsIdIsFound() throws Exception {
        WorkBuffer work = start(builder().handler("old", (each, context) -> Outcome.done()));
        WorkId id = work.enqueue(Work.of("old", "1")).id();
        untilState(work, id, WorkState.DONE);
        postgres.execute("update sluice.segments set created_at = created_at + interval '3 days'");
        assertThat(state(work, id)).isEqualTo(WorkState.DONE);
    }

    @Test
    void payloadErrorsAndResultsOfAnEncryptedQueueAreShownInClear() throws Exception {
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        WorkBuffer work = start(builder()
                .cipher(PayloadCipher.of("test:" + "0f".repeat(32), null))
                .handler(
                        "secret",
                        (each, context) -> {
                            if (each.payloadText().contains("fails")) {
                                throw new IllegalStateException("hunter2");
                            }
                            return Outcome.done("\"hunter2\"");
                        },
                        RETRIES_IN_AN_HOUR.keepResults()));
        WorkId fails = work.enqueue(Work.of("secret", "\"fails\"")).id();
        WorkId good =
                work.enqueue(Work.of("secret", "\"good\"").idempotencyKey("k")).id();
        untilState(work, fails, WorkState.RETRYING);
        assertThat(find(work, fails).payload()).asString().isEqualTo("\"fails\"");
        assertThat(find(work, fails).errors()).contains("hunter2");
        until(() -> find(work, good).result() != null);
        assertThat(find(work, good).result()).isEqualTo("\"hunter2\"");
    }

    @Test
    void aWorkIsNeverMissingWhileItMovesFromTableToTable() throws Exception {
        var moving = new AtomicBoolean(true);
        WorkBuffer work = start(builder()
                .handler(
                        "moves",
                        (each, context) -> moving.get() ? Outcome.snooze(Duration.ZERO) : Outcome.done(),
                        RETRIES_IN_AN_HOUR));
        var ids = new ArrayList<WorkId>();
        for (Enqueued each : work.enqueue(List.of(Work.of("moves", "1"), Work.of("moves", "2")))) {
            ids.add(each.id());
        }
        for (int i = 0; i < 300; i++) {
            for (WorkId id : ids) {
                assertThat(state(work, id)).isIn(WorkState.WAITING, WorkState.RUNNING, WorkState.SNOOZED);
            }
        }
        moving.set(false);
        untilState(work, ids.get(0), WorkState.DONE);
        untilState(work, ids.get(1), WorkState.DONE);
    }

    @Test
    void aWorkThatWasPutBackUnderItsIdIsFoundAtItsNewPlaceUntilItIsDone() throws Exception {
        WorkBuffer first = start(builder().handler("again", (each, context) -> Outcome.done()));
        WorkId id = first.enqueue(Work.of("again", "1").key("k")).id();
        untilState(first, id, WorkState.DONE);
        first.close();
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            writer.write(
                    List.of(NewMessage.of(id.value(), "work.again", "k", "put-back", new byte[] {'2'})), List.of());
        }
        postgres.execute(
                "update sluice.segments set created_at = created_at + interval '10 minutes' where first_seq > 1");
        WorkBuffer work = start(builder());
        WorkInfo found = find(work, id);
        assertThat(found.summary().state()).isEqualTo(WorkState.WAITING);
        assertThat(found.payload()).asString().isEqualTo("2");
        start(builder().handler("again", (each, context) -> Outcome.done()));
        untilState(work, id, WorkState.DONE);
    }
}
