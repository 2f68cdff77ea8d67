package dev.sluice.connect.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.QueueSourceConnector;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An operator sets the offsets of a source through Connect's API. */
class SourceOffsetsTest {
    private final QueueSourceConnector connector = new QueueSourceConnector();

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private long orders;
    private long bills;

    @BeforeEach
    void database() {
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            for (String queue : List.of("orders", "orders", "orders", "bills")) {
                var id = new MessageIds().next();
                var unused = writer.write(
                        List.of(NewMessage.of(id, queue, "p", id.toString(), "1".getBytes(UTF_8))), List.of());
            }
        }
        orders = id("orders");
        bills = id("bills");
    }

    private long id(String queue) {
        return Long.parseLong(
                postgres.query("select p.id from sluice.partitions p join sluice.queues q on q.id = p.queue_id"
                                + " where q.name = '" + queue + "'")
                        .get(0));
    }

    private Map<String, String> properties() {
        return Map.of(
                "name", "mine", "queues", "orders", "connection.url", postgres.url(), "connection.user", "postgres");
    }

    private static Map<String, Object> key(long id, String queue) {
        var key = new LinkedHashMap<String, Object>();
        key.put("partition", id);
        key.put("queue", queue);
        return key;
    }

    private void refused(String message, Map<Map<String, ?>, Map<String, ?>> offsets) {
        assertThatThrownBy(() -> connector.alterOffsets(properties(), offsets))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining(message);
    }

    @Test
    void arePositionsOfAPartitionUpToItsNewestMessage() {
        for (long seq = 0; seq <= 3; seq++) {
            assertThat(connector.alterOffsets(properties(), Map.of(key(orders, "orders"), Map.of("seq", seq))))
                    .isTrue();
        }
        refused("seq 4 is beyond the newest message", Map.of(key(orders, "orders"), Map.of("seq", 4)));
    }

    @Test
    void areRefusedForAPartitionOrQueueThatIsNotThere() {
        refused("there is no partition with the id 999", Map.of(key(999, "orders"), Map.of("seq", 0)));
        refused("belongs to the queue orders", Map.of(key(orders, "no such queue"), Map.of("seq", 0)));
        refused("belongs to the queue bills", Map.of(key(bills, "orders"), Map.of("seq", 0)));
    }

    @Test
    void areRefusedForAQueueTheConnectorDoesNotRead() {
        refused("the connector does not read the queue bills", Map.of(key(bills, "bills"), Map.of("seq", 0)));
    }

    @Test
    void areRefusedAllWhereOneIsNotPossible() {
        refused(
                "there is no partition with the id 999",
                Map.of(key(orders, "orders"), Map.of("seq", 1), key(999, "orders"), Map.of("seq", 0)));
    }

    @Test
    void mayBeResetWhateverTheyAreAndWhileTheDatabaseIsAway() {
        var offsets = new HashMap<Map<String, ?>, @Nullable Map<String, ?>>();
        offsets.put(key(999, "gone"), null);
        offsets.put(Map.of("file", "somebody else's"), null);
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.down(true);
            var away = new HashMap<>(properties());
            away.put("connection.url", proxy.url());
            assertThat(connector.alterOffsets(away, offsets)).isTrue();
            assertThatThrownBy(() -> connector.alterOffsets(away, Map.of(key(orders, "orders"), Map.of("seq", 0))))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageStartingWith("the offsets cannot be checked, and nothing is changed");
        }
    }
}
