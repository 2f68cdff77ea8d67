package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.SeekTarget;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** In a queue with priorities of items, a partition is served in the most urgent lane that waits in it. */
class ItemLanesTest extends QueueFixture {
    private static final PopTarget ACROSS = new PopTarget(new PopTarget.Across("q", null), PopTarget.DEFAULT_GROUP);

    private final MessageIds ids = new MessageIds();
    private Queues queues;

    @BeforeEach
    void configure() {
        queues = new Queues(postgres.dataSource(), "sluice", PayloadCipher.NONE, () -> {});
        itemPriority(true);
    }

    private void itemPriority(boolean value) {
        queues.configure(
                "q",
                "q",
                "",
                QueueOptions.DEFAULTS.toBuilder().itemPriority(value).build());
    }

    private NewMessage.Builder message(String partition, String id, @Nullable PriorityLane lane) {
        return NewMessage.builder(ids.next(), "q", partition, id, "1".getBytes(StandardCharsets.UTF_8))
                .origin(new Origin(null, lane));
    }

    private void push(NewMessage.Builder... messages) {
        writer.write(Arrays.stream(messages).map(NewMessage.Builder::build).toList(), List.of());
    }

    /** Pops and completes until nothing is left. */
    private List<String> popAll(PopTarget target, int batch) {
        var order = new ArrayList<String>();
        for (PopResult popped = pop(target, batch); !popped.messages().isEmpty(); popped = pop(target, batch)) {
            order.addAll(transactionIds(popped));
            complete(popped);
        }
        return order;
    }

    private String lane(String partition) {
        return postgres.query("select c.lane from sluice.cursors c join sluice.partitions p on p.id = c.partition_id"
                        + " where p.name = '" + partition + "'")
                .get(0);
    }

    private void pushMixed() {
        push(message("a", "a-low", PriorityLane.LOW));
        push(message("b", "b-normal", null));
        push(message("a", "a-critical", PriorityLane.CRITICAL), message("a", "a-last", PriorityLane.LOW));
    }

    @Test
    void aMessageRaisesItsPartitionUntilItIsDone() {
        pop(ANY, 1);
        pushMixed();
        assertThat(popAll(ANY, 1)).containsExactly("a-low", "a-critical", "b-normal", "a-last");
    }

    @Test
    void popsAcrossQueuesDoTheSame() {
        pop(ANY, 1);
        pushMixed();
        assertThat(popAll(ACROSS, 1)).containsExactly("a-low", "a-critical", "b-normal", "a-last");
    }

    @Test
    void aGroupThatComesLaterBeginsInTheLaneThatWaits() {
        pushMixed();
        assertThat(popAll(ANY, 1)).containsExactly("a-low", "a-critical", "b-normal", "a-last");
    }

    @Test
    void aSeekBackwardsRaisesAPartition() {
        pushMixed();
        popAll(ANY, 1);
        push(message("a", "more", PriorityLane.LOW));
        assertThat(lane("a")).isEqualTo("3");
        new ConsumerGroups(postgres.dataSource(), "sluice")
                .seek(PopTarget.DEFAULT_GROUP, "q", null, new SeekTarget.Beginning());
        assertThat(lane("a")).isEqualTo("0");
        assertThat(popAll(ANY, 1)).containsExactly("a-low", "a-critical", "b-normal", "a-last", "more");
    }

    @Test
    void aMessageWithoutAPriorityIsOfTheLaneOfItsQueue() {
        pop(ANY, 1);
        push(message("a", "first", PriorityLane.CRITICAL));
        popAll(ANY, 1);
        push(message("a", "second", null));
        assertThat(lane("a")).isEqualTo("2");
    }

    @Test
    void aDuplicateRaisesNothing() {
        pop(ANY, 1);
        push(message("a", "once", PriorityLane.LOW));
        push(message("a", "once", PriorityLane.CRITICAL));
        assertThat(lane("a")).isEqualTo("3");
        push(message("a", "twice", PriorityLane.LOW), message("a", "once", PriorityLane.CRITICAL));
        assertThat(lane("a")).isEqualTo("3");
    }

    @Test
    void aScheduledMessageRaisesItsPartitionWhenItIsDue() {
        pop(ANY, 1);
        push(message("a", "low", PriorityLane.LOW));
        push(message("a", "high", PriorityLane.HIGH).delay(Duration.ofHours(1)));
        assertThat(lane("a")).isEqualTo("3");
        postgres.execute("update sluice.scheduled set due_at = now()");
        writer.releaseDue(10);
        assertThat(lane("a")).isEqualTo("1");
    }

    @Test
    void thePartitionsOfALaneStayInTheirLane() {
        pop(ANY, 1);
        String high = PriorityLane.HIGH.partition(3);
        assertThat(high).isEqualTo("~high.03");
        push(message(high, "first", PriorityLane.HIGH));
        push(message(high, "second", null));
        assertThat(lane(high)).isEqualTo("1");
        assertThat(postgres.query("select lane_heads is null from sluice.partitions where name = '" + high + "'"))
                .containsExactly("t");
    }

    @Test
    void withoutTheOptionOnlyTheFirstMessageOfAPartitionHasALane() {
        itemPriority(false);
        pop(ANY, 1);
        pushMixed();
        assertThat(lane("a")).isEqualTo("3");
        assertThat(postgres.query("select count(*) from sluice.partitions where lane_heads is not null"))
                .containsExactly("0");
    }

    @Test
    void theEndOfTheOptionMovesAllPartitionsToTheLaneOfTheQueue() {
        pop(ANY, 1);
        pushMixed();
        itemPriority(false);
        assertThat(postgres.query("select distinct p.lane, c.lane, p.lane_heads is null from sluice.partitions p"
                        + " join sluice.cursors c on c.partition_id = p.id"))
                .containsExactly("2|2|t");
        push(message("a", "more", PriorityLane.CRITICAL));
        assertThat(lane("a")).isEqualTo("2");
    }

    /** Pushes a critical message to a partition whose cursor another transaction has locked, as an engine does. */
    private void pushWhileAnEngineClaims(String before, String meanwhile) throws Exception {
        pop(ANY, 1);
        push(message("a", "low", PriorityLane.LOW));
        try (Connection engine = postgres.dataSource().getConnection();
                Statement claim = engine.createStatement()) {
            engine.setAutoCommit(false);
            claim.execute("select from sluice.cursors for no key update");
            claim.execute(before);
            var flush = CompletableFuture.runAsync(() -> push(message("a", "critical", PriorityLane.CRITICAL)));
            await().until(
                            () -> postgres.query("select pid from pg_stat_activity where wait_event_type = 'Lock'"),
                            waiting -> !waiting.isEmpty());
            claim.execute("set local lock_timeout = '5s'; " + meanwhile);
            engine.commit();
            flush.get(30, TimeUnit.SECONDS);
        }
    }

    private static final String INTO_A_LINE = "insert into sluice.work_lines (partition_id, queue_id, name, lane)"
            + " select id, queue_id, '=k', 3 from sluice.partitions where name = 'a'";

    @Test
    void aFlushThatRaisesAPartitionDoesNotHoldItsLineWhileItWaitsForItsCursor() throws Exception {
        pop(ANY, 1);
        push(message("a", "first", PriorityLane.LOW));
        postgres.execute(INTO_A_LINE);
        pushWhileAnEngineClaims("select", "update sluice.work_lines set rank = now()");
        assertThat(postgres.query("select lane from sluice.work_lines")).containsExactly("0");
        assertThat(lane("a")).isEqualTo("0");
    }

    @Test
    void aPartitionThatComesIntoALineDuringAFlushIsRaisedThere() throws Exception {
        pushWhileAnEngineClaims(INTO_A_LINE, "select");
        assertThat(postgres.query("select lane from sluice.work_lines")).containsExactly("0");
    }
}
