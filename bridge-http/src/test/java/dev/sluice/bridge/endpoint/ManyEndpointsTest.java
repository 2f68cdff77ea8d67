package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Of 200 endpoints ten are dead: nobody takes their works. The others get every message. */
class ManyEndpointsTest extends EndpointFixture {
    private static final int ENDPOINTS = 200;
    private static final int DEAD = 10;
    private static final int WAITING = 5;
    private static final int MESSAGES = 20;

    @Test
    void theHealthyOnesGetAllMessagesAndTheDeadOnesKeepTheirsInTheQueue() {
        EndpointConfig usual = usual();
        Running bridge = start(with(usual, usual.limits(), WAITING, usual.disableAfter()));
        String queue = unique("news");
        var healthy = new ArrayList<String>();
        var dead = new ArrayList<String>();
        for (int i = 0; i < ENDPOINTS; i++) {
            String id = unique("many");
            create(bridge, spec(id, List.of(queue)));
            (i < DEAD ? dead : healthy).add(id);
        }
        push(queue, IntStream.range(0, MESSAGES).mapToObj(Integer::toString).toArray(String[]::new));
        bridge.service().wake(queue);
        until(() -> {
            takeAllBut(dead);
            return copied(healthy) == (long) healthy.size() * MESSAGES;
        });
        assertThat(copied(dead)).isEqualTo((long) DEAD * WAITING);
        assertThat(bridge.registry().lag(dead.get(0))).containsEntry(queue, (long) MESSAGES - WAITING);
    }

    private static long copied(List<String> ids) {
        return Long.parseLong(postgres.query(
                        "select coalesce(sum(p.head), 0) from sluice.partitions p join sluice.queues"
                                + " q on q.id = p.queue_id where q.name in ('"
                                + String.join(
                                        "','",
                                        ids.stream().map(EndpointNames::queue).toList()) + "')")
                .get(0));
    }

    /** Moves the group of the engine to the ends of the queues of the others, as if it had claimed all works. */
    private static void takeAllBut(List<String> dead) {
        String others = " q.name like 'work.endpoint.many-%' and q.name not in ('"
                + String.join("','", dead.stream().map(EndpointNames::queue).toList()) + "')";
        postgres.execute("insert into sluice.consumer_groups (queue_id, name, subscription_mode) select q.id, 'work',"
                + " 'all' from sluice.queues q where" + others + " on conflict do nothing;"
                + " insert into sluice.cursors (group_id, partition_id, lane, position)"
                + " select g.id, p.id, 2, p.head from sluice.queues q join sluice.consumer_groups g on g.queue_id ="
                + " q.id and g.name = 'work' join sluice.partitions p on p.queue_id = q.id where" + others
                + " on conflict (group_id, partition_id) do update set position = excluded.position");
    }
}
