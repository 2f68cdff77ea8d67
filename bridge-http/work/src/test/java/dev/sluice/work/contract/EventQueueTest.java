package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.Enqueued;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent.Kind;
import java.io.IOException;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Events are delivered as messages of the queue {@code sluice.events}, and never delay works. */
class EventQueueTest extends WorkFixture {
    private static final HandlerSettings FAST = HandlerSettings.DEFAULT.retry(RetryPolicy.DEFAULT
            .exponential(Duration.ofMillis(10), Duration.ofMillis(20))
            .maxAttempts(2));

    private List<String> events() {
        return postgres.query(
                "select payload from sluice.messages where queue = 'sluice.events' order by partition, seq");
    }

    private long written() {
        return Long.parseLong(postgres.query("select count(*) from sluice.messages where queue = 'sluice.events'")
                .get(0));
    }

    @Test
    void theLifeOfAWorkIsAMessageForEachEventInOrder() throws Exception {
        WorkBuffer work = start(builder()
                .eventQueue(EnumSet.allOf(Kind.class))
                .handler(
                        "life",
                        (each, context) -> {
                            context.progress(50, "half");
                            throw new IllegalStateException("no luck");
                        },
                        FAST));
        Enqueued enqueued = work.enqueue(Work.of("life", "1"));
        until(() -> written() == 9);
        assertThat(postgres.query("select partition, payload::json->>'event', payload::json->>'attempt',"
                        + " payload::json->>'detail', payload::json->>'id' = '" + enqueued.id() + "'"
                        + " from sluice.messages where queue = 'sluice.events' order by seq"))
                .containsExactly(
                        "life|enqueued|0|null|t",
                        "life|started|1|null|t",
                        "life|progress|1|50% half|t",
                        "life|failed|1|java.lang.IllegalStateException: no luck|t",
                        "life|retried|1|null|t",
                        "life|started|2|null|t",
                        "life|progress|2|50% half|t",
                        "life|failed|2|java.lang.IllegalStateException: no luck|t",
                        "life|dead-lettered|2|failed 2 times: java.lang.IllegalStateException: no luck|t");
        assertThat(postgres.query("select namespace, task, ttl_s from sluice.queues where name = 'sluice.events'"))
                .containsExactly("sluice|events|604800");
    }

    @Test
    void onlyTheKindsThatAreAskedForAreDeliveredAndByDefaultNone() throws Exception {
        WorkBuffer quiet = start(builder());
        quiet.enqueue(Work.of("calm", "1"));
        assertThat(postgres.query("select count(*) from sluice.queues where name = 'sluice.events'"))
                .containsExactly("0");
        WorkBuffer work = start(builder()
                .eventQueue(Set.of(Kind.COMPLETED, Kind.PAUSED))
                .handler("calm", (each, context) -> Outcome.done()));
        work.enqueue(Work.of("calm", "2"));
        until(() -> written() == 2);
        work.pause("calm");
        until(() -> written() == 3);
        assertThat(events().stream().map(EventQueueTest::kind)).containsExactly("completed", "completed", "paused");
    }

    private static String kind(String json) {
        try {
            JsonNode event = new ObjectMapper().readTree(json);
            return event.get("event").asText();
        } catch (IOException e) {
            throw new AssertionError(json, e);
        }
    }

    @Test
    void whatFindsNoRoomIsDroppedAndSaidAndWorksAreNotDelayed() throws Exception {
        var done = new AtomicInteger();
        WorkBuffer work = start(
                builder().eventBuffer(50).eventQueue(Set.of(Kind.COMPLETED)).handler("calm", (each, context) -> {
                    done.incrementAndGet();
                    return Outcome.done();
                }));
        work.enqueue(Work.of("calm", "0"));
        until(() -> written() == 1);
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false); // Somebody holds the queue of events.
            statement.execute("select from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                    + " where q.name = 'sluice.events' for update of p");
            work.enqueue(IntStream.range(0, 2_000)
                    .mapToObj(i -> Work.of("calm", Integer.toString(i)))
                    .toList());
            until(() -> done.get() == 2_001);
            untilNothingIsLeft();
            until(() -> work.droppedEvents() > 0);
            connection.rollback();
            connection.setAutoCommit(true);
        }
        until(() -> said() > 0);
        work.enqueue(Work.of("calm", "\"last\""));
        until(() -> said() == work.droppedEvents());
        until(() -> written() - sayings() + work.droppedEvents() == 2_002);
        assertThat(work.droppedEvents()).isGreaterThanOrEqualTo(900);
    }

    private long sayings() {
        return events().stream().filter(event -> kind(event).equals("dropped")).count();
    }

    /** Returns how many dropped events the queue speaks of. */
    private long said() {
        return Long.parseLong(postgres.query("select coalesce(sum((payload::json->>'events')::bigint), 0) from"
                        + " sluice.messages where queue = 'sluice.events' and payload like '{\"event\":\"dropped\"%'")
                .get(0));
    }

    @Test
    void aCloseDeliversWhatHasHappened() throws Exception {
        WorkBuffer work =
                start(builder().eventQueue(Set.of(Kind.COMPLETED)).handler("calm", (each, context) -> Outcome.done()));
        work.enqueue(IntStream.range(0, 500)
                .mapToObj(i -> Work.of("calm", Integer.toString(i)))
                .toList());
        until(() -> work.stats().total().completed() == 500);
        work.closeAndReport();
        assertThat(written() + work.droppedEvents()).isEqualTo(500);
        assertThat(work.droppedEvents()).isZero();
    }

    @Test
    void theDetailsOfAnEncryptedQueueAreNotWrittenInClear() throws Exception {
        postgres.execute("insert into sluice.queues (name, namespace, task, encryption_enabled)"
                + " values ('work.secret', 'work', 'secret', true)");
        WorkBuffer work = start(builder()
                .cipher(PayloadCipher.of("test:" + "0f".repeat(32), null))
                .eventQueue(Set.of(Kind.FAILED, Kind.DEAD_LETTERED))
                .handler(
                        "secret",
                        (each, context) -> {
                            throw new IllegalStateException("the password is hunter2");
                        },
                        FAST.retry(RetryPolicy.never())));
        Enqueued enqueued = work.enqueue(Work.of("secret", "1"));
        until(() -> written() == 2);
        assertThat(events().get(1))
                .isEqualTo("{\"event\":\"dead-lettered\",\"type\":\"secret\",\"id\":\"" + enqueued.id()
                        + "\",\"attempt\":1,\"detail\":null}");
        assertThat(events()).noneMatch(event -> event.contains("hunter2"));
    }
}
