package dev.sluice.queue.read;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.Origin;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.admin.Queues;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
}
