package dev.sluice.connect.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A sink whose role has few rights. */
class TaskRightsTest {
    private static final TopicPartition ORDERS = new TopicPartition("orders", 0);

    private final String role = "sink_" + UUID.randomUUID().toString().replace("-", "");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    @BeforeEach
    void open() {
        postgres.execute("create role " + role + " login");
    }

    @AfterEach
    void close() {
        postgres.execute("drop owned by " + role + " cascade; drop role " + role);
    }

    private FakeWorker start(boolean applies) {
        var record = new SinkRecord("orders", 0, null, "k", null, "v", 0, 0L, TimestampType.CREATE_TIME);
        Map<String, String> properties = new HashMap<>(Map.of(
                "name",
                "sink",
                "connection.url",
                postgres.url() + "?user=nobody&password=s3cret",
                "connection.user",
                role,
                "schema.apply",
                String.valueOf(applies)));
        return new FakeWorker(new QueueSinkTask(), Map.of(ORDERS, List.of(record)), 10).start(properties);
    }

    @Test
    void usesASchemaThatItOwnsAlthoughItMayCreateNone() {
        postgres.execute("create schema sluice authorization " + role);
        try (FakeWorker worker = start(true)) {
            worker.pollAll();
        }
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("1");
    }

    @Test
    void endsItsTaskWithTheStatementThatGrantsWhatIsMissing() {
        assertThatThrownBy(() -> start(true))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("the role " + role + " lacks the right create on database")
                .hasMessageEndingWith("can run: create schema \"sluice\" authorization " + role + ";");
        dev.sluice.queue.sql.QueueSchema.apply(postgres.dataSource(), "sluice");
        postgres.execute("grant usage on schema sluice to " + role);
        postgres.execute("grant select on all tables in schema sluice to " + role);
        assertThatThrownBy(() -> start(false))
                .isInstanceOf(ConnectException.class)
                .hasMessageContaining("lacks the right insert, update, delete on table")
                .hasMessageEndingWith(
                        "grant select, insert, update, delete on all tables in schema \"sluice\" to " + role + ";");
        postgres.execute("grant select, insert, update, delete on all tables in schema sluice to " + role);
        try (FakeWorker worker = start(false)) {
            worker.pollAll();
        }
        assertThat(postgres.query("select count(*) from sluice.messages")).containsExactly("1");
    }
}
