package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.api.EveryRequest;
import dev.sluice.bridge.postgres.Database;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A role and a database whose defaults differ from those of the server in every setting that a session relies on. */
class SessionDefaultsTest {
    /** Defaults that break a session which sets nothing: it fails, waits, forgets, or reads and writes other text. */
    private static final Map<String, String> HOSTILE = Map.ofEntries(
            Map.entry("default_transaction_isolation", "'serializable'"),
            Map.entry("default_transaction_read_only", "on"),
            Map.entry("default_transaction_deferrable", "on"),
            Map.entry("statement_timeout", "'1s'"),
            Map.entry("lock_timeout", "1"),
            Map.entry("idle_in_transaction_session_timeout", "'1s'"),
            Map.entry("idle_session_timeout", "'1s'"),
            Map.entry("transaction_timeout", "'1s'"),
            Map.entry("synchronous_commit", "off"),
            Map.entry("search_path", "hostile"),
            Map.entry("\"TimeZone\"", "'Asia/Kathmandu'"),
            Map.entry("\"DateStyle\"", "'German'"),
            Map.entry("\"IntervalStyle\"", "'iso_8601'"),
            Map.entry("bytea_output", "escape"),
            Map.entry("extra_float_digits", "'-10'"),
            Map.entry("standard_conforming_strings", "off"),
            Map.entry("array_nulls", "off"),
            Map.entry("client_min_messages", "error"),
            Map.entry("client_encoding", "LATIN1"),
            Map.entry("plan_cache_mode", "force_generic_plan"),
            Map.entry("jit", "on"));

    private final String role = "odd_" + UUID.randomUUID().toString().replace("-", "");
    private TestPostgres postgres;

    @TempDir
    private Path data;

    @BeforeEach
    void open() {
        postgres = TestPostgres.empty();
        postgres.execute("create role " + role + " login");
        postgres.execute(
                "do $$ begin execute format('grant all on database %I to " + role + "', current_database()); end $$");
    }

    @AfterEach
    void close() {
        postgres.execute("drop owned by " + role + " cascade; drop role " + role);
        postgres.close();
    }

    /** The search path names a schema whose functions shadow those of the server. */
    private void makeHostile() {
        postgres.execute("create schema hostile; grant usage on schema hostile to " + role);
        postgres.execute("create function hostile.set_config(text, text, boolean) returns text language sql"
                + " as 'select ''no''::text'");
        HOSTILE.forEach((name, value) -> postgres.execute("alter role " + role + " set " + name + " = " + value));
    }

    @Test
    void nothingOfTheServiceIsAffectedByThem() {
        makeHostile();
        Map<String, String> settings = Map.of("connection.user", role);
        try (RunningBridge bridge = RunningBridge.start(postgres.url(), data, settings)) {
            assertThat(EveryRequest.wrong(bridge)).isEmpty();
            assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
            assertThat(bridge.get("/api/v1/analytics/postgres-stats").statusCode())
                    .isEqualTo(200);
            // No default ends a session that is silent for long.
            await().untilAsserted(() -> assertThat(
                            postgres.query("select count(*) > 3 from pg_stat_activity where usename = '" + role
                                    + "' and state = 'idle' and now() - state_change > interval '1500 milliseconds'"))
                    .containsExactly("t"));
            assertThat(EveryRequest.wrong(bridge)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"repeatable read", "serializable"})
    void messagesAreMovedUnderEveryDefaultIsolation(String level) {
        postgres.execute("alter role " + role + " set default_transaction_isolation = '" + level + "'");
        try (RunningBridge bridge = RunningBridge.start(postgres.url(), data, Map.of("connection.user", role))) {
            for (int i = 0; i < 3; i++) {
                assertThat(EveryRequest.wrong(bridge)).isEmpty();
            }
        }
    }

    @Test
    void everyPoolHasItsOwnSettings() throws SQLException {
        postgres.execute("grant create on database " + name() + " to " + role);
        makeHostile();
        var address = new Database.Address(postgres.url(), role, null);
        try (var database = new Database(address, 1, Duration.ofSeconds(7), 1, 1, 0, 1)) {
            List<DataSource> ofRequests = List.of(database.consumers(), database.administration(), database.writers());
            for (DataSource pool : List.of(
                    database.consumers(),
                    database.administration(),
                    database.writers(),
                    database.control(),
                    database.housekeeping(),
                    database.copies(),
                    database.direct("other", Duration.ofSeconds(2)))) {
                assertThat(shown(pool, "transaction_isolation")).isEqualTo("read committed");
                assertThat(shown(pool, "transaction_read_only")).isEqualTo("off");
                assertThat(shown(pool, "transaction_deferrable")).isEqualTo("off");
                assertThat(shown(pool, "search_path")).isEqualTo("pg_catalog");
                assertThat(shown(pool, "synchronous_commit")).isEqualTo("on");
                assertThat(shown(pool, "statement_timeout")).isEqualTo(ofRequests.contains(pool) ? "7s" : "0");
                for (String none : List.of("lock_timeout", "idle_session_timeout", "transaction_timeout")) {
                    assertThat(shown(pool, none)).as(none).isEqualTo("0");
                }
                assertThat(shown(pool, "idle_in_transaction_session_timeout")).isEqualTo("0");
                assertThat(shown(pool, "TimeZone")).isEqualTo("UTC");
                assertThat(shown(pool, "DateStyle")).isEqualTo("ISO, MDY");
                assertThat(shown(pool, "IntervalStyle")).isEqualTo("postgres");
                assertThat(shown(pool, "bytea_output")).isEqualTo("hex");
                assertThat(shown(pool, "extra_float_digits")).isEqualTo("3");
                assertThat(shown(pool, "standard_conforming_strings")).isEqualTo("on");
                assertThat(shown(pool, "array_nulls")).isEqualTo("on");
                assertThat(shown(pool, "client_min_messages")).isEqualTo("warning");
                assertThat(shown(pool, "client_encoding")).isEqualTo("UTF8");
                assertThat(shown(pool, "plan_cache_mode"))
                        .isEqualTo(pool.equals(database.administration()) ? "force_custom_plan" : "auto");
                assertThat(shown(pool, "jit")).isEqualTo("off");
            }
        }
    }

    /** The operator decides whether a commit waits for standbys and their disks. */
    @ParameterizedTest
    @ValueSource(strings = {"remote_apply", "remote_write", "local"})
    void aCommitThatWaitsForMoreThanThisDiskGoesOnDoingSo(String level) throws SQLException {
        postgres.execute("alter role " + role + " set synchronous_commit = " + level);
        var address = new Database.Address(postgres.url(), role, null);
        try (var database = new Database(address, 1, Duration.ofSeconds(7), 1, 1, 0, 1)) {
            assertThat(shown(database.writers(), "synchronous_commit")).isEqualTo(level);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"LATIN1", "SQL_ASCII"})
    void aDatabaseInAnotherEncodingIsRefusedAtStart(String encoding) {
        String database = "odd_" + UUID.randomUUID().toString().replace("-", "");
        postgres.execute("create database " + database + " encoding '" + encoding + "' locale 'C' template template0");
        String url = postgres.url().replaceAll("/[^/]*$", "/" + database);
        try {
            assertThatThrownBy(() -> RunningBridge.start(url, data))
                    .hasMessageContaining("database " + database + " has encoding " + encoding)
                    .hasMessageContaining("encoding 'UTF8' template template0");
        } finally {
            postgres.execute("drop database " + database + " with (force)");
        }
    }

    private String name() {
        return postgres.url().substring(postgres.url().lastIndexOf('/') + 1);
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
