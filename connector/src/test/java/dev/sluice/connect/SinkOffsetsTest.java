package dev.sluice.connect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What Connect's API for offsets does to those in PostgreSQL. */
class SinkOffsetsTest {
    private final QueueSinkConnector connector = new QueueSinkConnector();
    private TestPostgres postgres;

    @BeforeEach
    void database() {
        postgres = TestPostgres.withSchema();
        postgres.execute("insert into sluice.sink_offsets (source, topic, partition, next_offset) values"
                + " ('mine', 'orders', 0, 100), ('mine', 'orders', 1, 200), ('mine', 'bills', 0, 300),"
                + " ('other', 'orders', 0, 400)");
    }

    @AfterEach
    void close() {
        postgres.close();
    }

    private Map<String, String> properties() {
        return Map.of(
                "name", "mine", "topics", "orders", "connection.url", postgres.url(), "connection.user", "postgres");
    }

    private List<String> stored() {
        return postgres.query("select source, topic, partition, next_offset from sluice.sink_offsets order by 4");
    }

    @Test
    void areSetAndForgottenForTheConnectorAlone() {
        var offsets = new HashMap<TopicPartition, Long>();
        offsets.put(new TopicPartition("orders", 0), 0L);
        offsets.put(new TopicPartition("orders", 1), null);
        offsets.put(new TopicPartition("orders", 2), 7L);
        assertThat(connector.alterOffsets(properties(), offsets)).isTrue();
        assertThat(stored())
                .containsExactly("mine|orders|0|0", "mine|orders|2|7", "mine|bills|0|300", "other|orders|0|400");
    }

    @Test
    void areAllForgottenWhereTheConsumerGroupHasNone() {
        assertThat(connector.alterOffsets(properties(), Map.of())).isTrue();
        assertThat(stored()).containsExactly("other|orders|0|400");
    }

    @Test
    void areThoseOfTheNameUnderWhichTheConnectorWrites() {
        var renamed = new HashMap<>(properties());
        renamed.put("source.name", "other");
        connector.alterOffsets(renamed, Map.of(new TopicPartition("orders", 0), 1L));
        assertThat(stored()).contains("other|orders|0|1", "mine|orders|0|100");
    }

    @Test
    void stayAsTheyAreWhereOneIsNotPossible() {
        List<String> before = stored();
        var offsets = Map.of(new TopicPartition("orders", 0), 5L, new TopicPartition("orders", 1), -1L);
        assertThatThrownBy(() -> connector.alterOffsets(properties(), offsets))
                .isInstanceOf(ConnectException.class)
                .hasMessage("offset -1 of orders-1 must be at least 0");
        assertThatThrownBy(() -> connector.alterOffsets(Map.of("name", "mine"), Map.of()))
                .isInstanceOf(ConfigException.class);
        assertThat(stored()).isEqualTo(before);
    }

    @Test
    void mayBeGoneOnFromOnceTheyAreSet() {
        postgres.execute("update sluice.sink_offsets set refused = 'for a reason'");
        connector.alterOffsets(properties(), Map.of(new TopicPartition("orders", 0), 100L));
        assertThat(postgres.query("select topic, partition from sluice.sink_offsets where refused is null"))
                .containsExactly("orders|0");
    }

    @Test
    void areNotLookedForInADatabaseWithoutTheSchema() {
        postgres.execute("drop schema sluice cascade");
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of()))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("schema.apply=true");
    }

    @Test
    void cannotBeAlteredWherePostgresqlCannotBeAsked() {
        try (var proxy = new FlakyProxy(postgres.url())) {
            proxy.down(true);
            var away = new HashMap<>(properties());
            away.put("connection.url", proxy.url());
            assertThatThrownBy(() -> connector.alterOffsets(away, Map.of()))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("could not ask PostgreSQL");
        }
        assertThat(stored()).hasSize(4);
    }
}
