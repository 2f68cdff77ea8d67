package dev.sluice.connect.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.connect.plugin.PostgresSettings;
import dev.sluice.connect.sink.FakeWorker;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.connect.sink.QueueSinkTask;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.FaultyProxy.Deed;
import dev.sluice.queue.MessageIds;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.apache.kafka.connect.errors.ConnectException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The sessions of the sink and of the source: their settings, and faults on their connections. */
@Timeout(120)
class TaskSessionsTest {
    /** Connections of a source: three for the check of the schema, and one of its pool. */
    private static final int CONNECTIONS = 4;

    private static final int ANSWERS = 4;

    private final String role = "task_" + UUID.randomUUID().toString().replace("-", "");

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    @BeforeEach
    void open() {
        postgres.execute("create role " + role + " login; grant usage on schema sluice to " + role);
        postgres.execute("grant select, insert, update, delete on all tables in schema sluice to " + role);
        var message = NewMessage.of(new MessageIds().next(), "orders", "p", "t", "1".getBytes(UTF_8));
        try (var writer = new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            writer.write(List.of(message), List.of());
        }
    }

    @AfterEach
    void close() {
        postgres.execute("drop owned by " + role + "; drop role " + role);
    }

    private Map<String, String> properties(String url, String... more) {
        var properties = new HashMap<>(Map.of(
                "name",
                "source",
                QueueSinkConfig.CONNECTION_URL,
                url,
                QueueSinkConfig.CONNECTION_USER,
                role,
                QueueSinkConfig.CONNECTION_TIMEOUT_MS,
                "1000"));
        for (int i = 0; i < more.length; i += 2) {
            properties.put(more[i], more[i + 1]);
        }
        return properties;
    }

    private Map<String, String> ofSource(String url) {
        return properties(
                url,
                QueueSourceConfig.QUEUES_PATTERN,
                ".*",
                QueueSourceConfig.POLL_INTERVAL_MS,
                "10",
                QueueSourceConfig.RETRY_BACKOFF_MS,
                "10",
                QueueSourceConfig.READ_TIMEOUT_MS,
                "1000");
    }

    @ParameterizedTest
    @EnumSource(value = Deed.class, names = "PASS", mode = EnumSource.Mode.EXCLUDE)
    void aSourceReadsWhateverHappensToOneOfItsFirstConnections(Deed deed) {
        for (int number = deed == Deed.CUT ? 1 : CONNECTIONS; number <= CONNECTIONS; number++) {
            for (int step = 1; step <= ANSWERS; step++) {
                int disturbed = number;
                int at = step;
                try (var proxy = new FaultyProxy(postgres.url())) {
                    proxy.fault((application, connection, answer) ->
                            connection == disturbed && answer == at ? deed : Deed.PASS);
                    try (var worker = new FakeSourceWorker(ofSource(proxy.url()))) {
                        assertThat(worker.pollUntil(1).values())
                                .as("%s at answer %s of connection %s", deed, step, number)
                                .containsExactly("1");
                    }
                }
            }
        }
    }

    @Test
    void theyHaveTheirOwnSettingsWhateverTheDefaultsAre() throws SQLException {
        for (String setting : List.of(
                "default_transaction_isolation = 'serializable'",
                "default_transaction_read_only = on",
                "lock_timeout = 1",
                "idle_session_timeout = '1s'",
                "synchronous_commit = off",
                "search_path = nowhere",
                "\"TimeZone\" = 'Asia/Kathmandu'",
                "standard_conforming_strings = off")) {
            postgres.execute("alter role " + role + " set " + setting);
        }
        var sink = new QueueSinkConfig(properties(postgres.url(), "topics", "t"));
        var source = new QueueSourceConfig(ofSource(postgres.url()));
        try (var pool = source.dataSource()) {
            for (DataSource sessions :
                    List.of(new PostgresSettings(sink).dataSource("sink", 60_000), source.connections(), pool)) {
                assertThat(shown(sessions, "transaction_isolation")).isEqualTo("read committed");
                assertThat(shown(sessions, "transaction_read_only")).isEqualTo("off");
                assertThat(shown(sessions, "lock_timeout")).isEqualTo("0");
                assertThat(shown(sessions, "idle_session_timeout")).isEqualTo("0");
                assertThat(shown(sessions, "synchronous_commit")).isEqualTo("on");
                assertThat(shown(sessions, "search_path")).isEqualTo("pg_catalog");
                assertThat(shown(sessions, "TimeZone")).isEqualTo("UTC");
                assertThat(shown(sessions, "standard_conforming_strings")).isEqualTo("on");
            }
        }
        try (var worker = new FakeSourceWorker(ofSource(postgres.url()))) {
            assertThat(worker.pollUntil(1).values()).containsExactly("1");
        }
    }

    @Test
    void aDatabaseThatIsNotUtf8IsRefused() {
        String database = role + "_latin1";
        postgres.execute("create database " + database + " encoding 'LATIN1' locale 'C' template template0");
        String url = postgres.url().replaceAll("/[^/]*$", "/" + database);
        try {
            try (var worker = new FakeSourceWorker(ofSource(url))) {
                assertThatThrownBy(worker::poll)
                        .isInstanceOf(ConnectException.class)
                        .hasMessageContaining("has encoding LATIN1");
            }
            var sink = new FakeWorker(new QueueSinkTask(), Map.of(), 1);
            assertThatThrownBy(() -> sink.start(properties(url, "topics", "t", "schema.apply", "true")))
                    .isInstanceOf(ConnectException.class)
                    .hasMessageContaining("has encoding LATIN1");
        } finally {
            postgres.execute("drop database " + database + " with (force)");
        }
    }

    private static String shown(DataSource source, String setting) throws SQLException {
        try (Connection connection = source.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show " + setting)) {
            row.next();
            return row.getString(1);
        }
    }
}
