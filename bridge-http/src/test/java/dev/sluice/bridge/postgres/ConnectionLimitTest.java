package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.bridge.api.EveryRequest;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** If a role may have fewer connections than the service wants, the drain comes first. */
class ConnectionLimitTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final String role = "few_" + UUID.randomUUID().toString().replace("-", "");
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

    private RunningBridge start() {
        return RunningBridge.start(
                postgres.url(), data, Map.of("connection.user", role, "push.stored.timeout.ms", "2000"));
    }

    private void limit(int connections) {
        postgres.execute("alter role " + role + " connection limit " + connections);
    }

    @ParameterizedTest
    @ValueSource(ints = {11, 12, 16, 20})
    void everythingWorksWithFewConnections(int connections) {
        limit(connections);
        try (RunningBridge bridge = start()) {
            EveryRequest.awaitRight(bridge, PATIENCE);
            assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
        }
    }

    /** Others take all remaining connections, and then the connection of the drain is cut. */
    @Test
    void theDrainGetsTheConnectionThatThePoolsGiveUp() throws Exception {
        try (RunningBridge bridge = start()) {
            EveryRequest.awaitRight(bridge, PATIENCE);
            limit(12);
            postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity" + " where usename = '" + role
                    + "' and application_name like 'sluice sink%'");
            EveryRequest.awaitRight(bridge, PATIENCE);
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(Integer.parseInt(postgres.query(
                                            "select count(*) from pg_stat_activity where usename = '" + role + "'")
                                    .get(0)))
                            .isLessThanOrEqualTo(12));
        }
    }

    @Test
    void healthIsNotWellWhileTheDrainGetsNone() throws Exception {
        try (RunningBridge bridge = start()) {
            EveryRequest.awaitRight(bridge, PATIENCE);
            limit(0);
            postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity" + " where usename = '" + role
                    + "' and application_name like 'sluice sink%'");
            await().atMost(PATIENCE).untilAsserted(() -> {
                assertThat(bridge.push("{\"items\":[{\"queue\":\"q\",\"payload\":1}]}")
                                .body())
                        .contains("\"buffered\"");
                assertThat(bridge.get("/health").statusCode()).isEqualTo(503);
                assertThat(bridge.get("/health").body())
                        .contains("the drain gets no connection", "too many connections");
            });
            limit(40);
            EveryRequest.awaitRight(bridge, PATIENCE);
            await().atMost(PATIENCE).until(() -> bridge.get("/health").statusCode() == 200);
        }
    }

    /** Other sessions of the same role come and go. */
    @Test
    void poolsFitBesideOthersOfTheSameRole() throws Exception {
        limit(20);
        var others = new ArrayList<Connection>();
        try {
            for (int i = 0; i < 7; i++) {
                others.add(DriverManager.getConnection(postgres.url(), role, null));
            }
            try (RunningBridge bridge = start()) {
                EveryRequest.awaitRight(bridge, PATIENCE);
                assertThat(bridge.get("/health").statusCode()).isEqualTo(200);
            }
        } finally {
            for (Connection other : others) {
                other.close();
            }
        }
    }

    @Test
    void poolsShrinkInTurnButNeverBelowTheLeast() {
        var wanted = new PoolSizes(6, 4, 4, 7, 0);
        assertThat(wanted.within(21)).isEqualTo(wanted);
        assertThat(wanted.within(20)).isEqualTo(new PoolSizes(5, 4, 4, 7, 0));
        assertThat(wanted.within(9)).isEqualTo(new PoolSizes(2, 1, 2, 4, 0));
        assertThat(wanted.within(6)).isEqualTo(PoolSizes.least());
        assertThat(wanted.within(-5)).isEqualTo(PoolSizes.least());
        for (int room = 6; room <= 21; room++) {
            assertThat(wanted.within(room).total()).isEqualTo(room);
        }
        assertThat(List.of(new PoolSizes(1, 1, 1, 3, 0).within(6))).containsExactly(PoolSizes.least());
    }

    @Test
    void thePoolOfTheWorkEngineShrinksWithTheOthersIfItRunsHandlers() {
        var wanted = new PoolSizes(6, 4, 4, 7, 5);
        assertThat(wanted.within(26)).isEqualTo(wanted);
        assertThat(wanted.within(8)).isEqualTo(new PoolSizes(1, 1, 1, 3, 2));
        assertThat(wanted.within(0).total()).isEqualTo(wanted.leastTotal()).isEqualTo(8);
        for (int room = 8; room <= 26; room++) {
            assertThat(wanted.within(room).total()).isEqualTo(room);
        }
    }
}
