package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.QueueSinkConnector;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.KnownTopics;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An operator sets the offsets of a sink through Connect's API. */
class SinkOffsetsTest {
    private final QueueSinkConnector connector = new QueueSinkConnector();

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    @BeforeEach
    void database() {
        postgres.execute("insert into sluice.sink_offsets (source, topic, partition, next_offset) values"
                + " ('mine', 'orders', 0, 100), ('mine', 'orders', 1, 200), ('mine', 'bills', 0, 300),"
                + " ('other', 'orders', 0, 400)");
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
    void areRefusedForATopicTheConnectorDoesNotRead() {
        List<String> before = stored();
        var offsets = Map.of(new TopicPartition("orders", 0), 5L, new TopicPartition("unread", 0), 5L);
        assertThatThrownBy(() -> connector.alterOffsets(properties(), offsets))
                .isInstanceOf(ConnectException.class)
                .hasMessage("the connector does not read the topic unread, see topics and topics.regex");
        assertThat(stored()).isEqualTo(before);

        var regex = new HashMap<>(properties());
        regex.remove("topics");
        regex.put("topics.regex", "un.*");
        assertThat(connector.alterOffsets(regex, Map.of(new TopicPartition("unread", 0), 5L)))
                .isTrue();
        assertThatThrownBy(() -> connector.alterOffsets(regex, Map.of(new TopicPartition("orders", 0), 5L)))
                .hasMessageContaining("does not read the topic orders");
    }

    @Test
    void areRefusedForAPartitionThatTheTasksHaveNotSeen() {
        List<String> before = stored();
        var known = new KnownTopics(postgres.dataSource(), "sluice");
        known.note("mine", Map.of("orders", 2));
        known.note("mine", Map.of("orders", 1, "bills", 7));
        known.note("other", Map.of("orders", 9));
        var beyond = Map.of(new TopicPartition("orders", 0), 5L, new TopicPartition("orders", 2), 0L);
        assertThatThrownBy(() -> connector.alterOffsets(properties(), beyond))
                .isInstanceOf(ConnectException.class)
                .hasMessageStartingWith("the topic orders has no partition 2: tasks of this connector have seen 2");
        assertThat(stored()).isEqualTo(before);

        assertThat(connector.alterOffsets(properties(), Map.of(new TopicPartition("orders", 1), 0L)))
                .isTrue();
        known.note("mine", Map.of("orders", 3));
        assertThat(connector.alterOffsets(properties(), beyond)).isTrue();
    }

    @Test
    void mayBeResetForAnyPartition() {
        new KnownTopics(postgres.dataSource(), "sluice").note("mine", Map.of("orders", 2));
        var offsets = new HashMap<TopicPartition, Long>();
        offsets.put(new TopicPartition("bills", 0), null);
        offsets.put(new TopicPartition("orders", 77), null);
        assertThat(connector.alterOffsets(properties(), offsets)).isTrue();
        assertThat(stored()).doesNotContain("mine|bills|0|300").contains("mine|orders|0|100");
    }

    @Test
    void areCheckedAgainstWhatATaskOnAWorkerWasGiven() {
        var topics = new LinkedHashMap<TopicPartition, List<SinkRecord>>();
        topics.put(new TopicPartition("orders", 0), List.of());
        topics.put(new TopicPartition("orders", 2), List.of());
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 10).start(properties())) {
            worker.pollAll();
        }
        assertThat(connector.alterOffsets(properties(), Map.of(new TopicPartition("orders", 2), 1L)))
                .isTrue();
        assertThatThrownBy(() -> connector.alterOffsets(properties(), Map.of(new TopicPartition("orders", 3), 1L)))
                .hasMessageStartingWith("the topic orders has no partition 3: tasks of this connector have seen 3");
    }

    @Test
    void areStillCheckedForTopicsWhereTheRoleMayNotNoteThem() {
        postgres.execute("alter table sluice.state rename to hidden");
        var topics = Map.of(new TopicPartition("orders", 0), List.<SinkRecord>of());
        try (FakeWorker worker = new FakeWorker(new QueueSinkTask(), topics, 10).start(properties())) {
            worker.pollAll();
        }
        postgres.execute("alter table sluice.hidden rename to state");
        assertThat(connector.alterOffsets(properties(), Map.of(new TopicPartition("orders", 3), 1L)))
                .isTrue();
    }

    @Test
    void areNotChangedWhereKafkaCannotBeAskedAlthoughItsAddressIsKnown() {
        List<String> before = stored();
        var reachable = new HashMap<>(properties());
        reachable.put("admin.override.bootstrap.servers", "127.0.0.1:1");
        reachable.put("admin.override.default.api.timeout.ms", "500");
        reachable.put("admin.override.request.timeout.ms", "500");
        assertThatThrownBy(() -> connector.alterOffsets(reachable, Map.of(new TopicPartition("orders", 0), 1L)))
                .isInstanceOf(ConnectException.class)
                .hasMessageStartingWith(
                        "Kafka cannot be asked whether the offsets are possible, and nothing is changed");
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
        try (var proxy = new FaultyProxy(postgres.url())) {
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
