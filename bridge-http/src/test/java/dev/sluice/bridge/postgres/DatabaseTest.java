package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.sluice.bridge.system.StartException;
import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.FaultyProxy.Deed;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** Database reports problems, and replaces pools that cannot be used. */
class DatabaseTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private TestPostgres postgres;
    private FaultyProxy proxy;
    private Database database;

    @BeforeEach
    void open() throws StartException {
        postgres = TestPostgres.withSchema();
        proxy = new FaultyProxy(postgres.url());
        database =
                new Database(new Database.Address(proxy.url(), "postgres", null), 2, Duration.ofSeconds(7), 2, 2, 0, 1);
        database.open("sluice", false);
    }

    @AfterEach
    void close() {
        database.close();
        proxy.close();
        postgres.close();
    }

    private static boolean gives(DataSource pool) {
        try (Connection connection = pool.getConnection()) {
            return connection.isValid(2);
        } catch (SQLException e) {
            return false;
        }
    }

    @Test
    void namesThePoolThatHasNoConnectionAlthoughTheServerAnswers() {
        await().atMost(PATIENCE).until(() -> gives(database.writers()));
        proxy.fault((application, connection, answer) -> application.equals("sluice-writers") ? Deed.CUT : Deed.PASS);
        await().atMost(PATIENCE).untilAsserted(() -> {
            gives(database.writers());
            assertThat(database.problem()).contains("pool sluice-writers has no connection");
        });
        assertThat(database.isConnected()).as("pops go on").isTrue();
        assertThat(gives(database.consumers())).isTrue();
        proxy.fault(FaultyProxy.NONE);
        await().atMost(PATIENCE).until(() -> gives(database.writers()));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(database.problem()).isNull());
    }

    /** A wait for a connection of a pool is not an outage. */
    @Test
    void isWellWhileAllConnectionsOfAPoolAreInUse() throws SQLException {
        var taken = new ArrayList<Connection>();
        try {
            assertThatThrownBy(() -> {
                        while (true) {
                            taken.add(database.control().getConnection());
                        }
                    })
                    .isInstanceOf(SQLException.class)
                    .hasMessage("all 6 connections of pool sluice-control are in use, and none came free within 2 s")
                    .extracting(e -> ((SQLException) e).getSQLState())
                    .isEqualTo(SessionFailures.ALL_CONNECTIONS_IN_USE);
            assertThat(database.isConnected()).isTrue();
            assertThat(database.problem()).isNull();
            assertThat(database.usage().active()).isEqualTo(6);
        } finally {
            for (Connection connection : taken) {
                connection.close();
            }
        }
    }

    @Test
    void countsTheConnectionsOfEveryPool() throws SQLException {
        List<DataSource> pools = List.of(
                database.consumers(),
                database.administration(),
                database.writers(),
                database.control(),
                database.housekeeping(),
                database.copies());
        var taken = new ArrayList<Connection>();
        try {
            for (DataSource pool : pools) {
                await().atMost(PATIENCE).until(() -> gives(pool));
                taken.add(pool.getConnection());
            }
            assertThat(database.usage().active()).isEqualTo(pools.size());
        } finally {
            for (Connection connection : taken) {
                connection.close();
            }
        }
        assertThat(database.usage().active()).isZero();
    }

    @Test
    void tellsWhyItCannotBeUsed() {
        proxy.refuse(true);
        proxy.cut();
        await().atMost(PATIENCE).until(() -> !database.isConnected());
        assertThat(database.problem()).contains("The connection attempt failed", "EOF");
        assertThatThrownBy(() -> database.open("sluice", false))
                .isInstanceOf(QueueException.class)
                .hasMessageContaining("EOF")
                .hasMessageNotContaining("timed out");
        proxy.refuse(false);
        await().atMost(PATIENCE).until(() -> database.isConnected() && gives(database.consumers()));
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(database.problem()).isNull());
    }

    /** The holder of a long-lived connection must give it back, because new connections may lead to another server. */
    @Test
    void replacesEveryConnectionWhenASessionIsEndedByTheServer() throws SQLException {
        var told = new ArrayList<String>();
        database.whenRenewed(() -> told.add("give back"));
        await().atMost(PATIENCE).until(() -> backends().size() == 10);
        List<String> before = backends();
        try (Connection connection = database.writers().getConnection()) {
            postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid = "
                    + connection.unwrap(PGConnection.class).getBackendPID());
            assertThatThrownBy(() -> connection.createStatement().execute("select 1"))
                    .extracting(e -> ((SQLException) e).getSQLState())
                    .isEqualTo("57P01");
        }
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(backends()).doesNotContainAnyElementsOf(before));
        await().atMost(PATIENCE).until(() -> gives(database.writers()));
        assertThat(told).isNotEmpty();
    }

    private List<String> backends() {
        // Two for consumers, two for writers, six for control.
        return postgres.query("select pid from pg_stat_activity where datname = current_database()"
                + " and application_name in ('sluice-consumers', 'sluice-writers', 'sluice-control')");
    }
}
