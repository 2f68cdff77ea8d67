package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.StoppablePostgres;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.WriteTest;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.postgresql.ds.PGSimpleDataSource;

/** The probe of writes finds commits that hang, and costs the server one transaction. */
@Timeout(120)
class WriteProbeTest {
    private static final String WAITING = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";

    @AutoClose
    private static StoppablePostgres server;

    private final AtomicBoolean reachable = new AtomicBoolean(true);
    private final List<Boolean> changes = new CopyOnWriteArrayList<>();
    private WriteProbe probe;

    @BeforeAll
    static void start(@TempDir Path directory) throws Exception {
        server = StoppablePostgres.start(directory.resolve("server"));
        server.execute("create role prober login superuser");
    }

    @BeforeEach
    void open() throws SQLException {
        var source = new PGSimpleDataSource();
        source.setURL(server.newDatabase().get("SLUICE_CONNECTION_URL"));
        source.setUser("prober");
        QueueSchema.apply(source, "sluice");
        source.setApplicationName(WriteProbe.NAME);
        source.setSocketTimeout(2);
        probe = new WriteProbe(source, new WriteTest("sluice"), reachable::get);
        probe.start(changes::add);
    }

    @AfterEach
    void close() throws SQLException {
        probe.close();
        standby("");
    }

    private static void standby(String name) throws SQLException {
        server.execute("alter system set synchronous_standby_names = '" + name + "'");
        server.execute("select pg_reload_conf()");
    }

    private static String waiting() throws SQLException {
        return server.query(WAITING).get(0);
    }

    @Test
    void namesTheMissingStandbyAndKeepsOneCommitWaiting() throws SQLException {
        standby("nobody");
        await().until(() -> probe.refusal() != null);
        await().until(() -> String.valueOf(probe.refusal()).contains("synchronous standby"));
        long end = System.nanoTime() + Duration.ofSeconds(6).toNanos(); // Three times the socket timeout.
        await().atMost(Duration.ofSeconds(30)).until(() -> {
            assertThat(Integer.parseInt(waiting())).isLessThanOrEqualTo(1);
            assertThat(probe.refusal()).isNotNull();
            return System.nanoTime() - end > 0;
        });
        standby("");
        await().until(() -> probe.refusal() == null);
        await().untilAsserted(() -> assertThat(changes).containsExactly(false, true));
    }

    @Test
    void saysThatTheServerOnlyReads() throws SQLException {
        server.execute("alter role prober set default_transaction_read_only = on");
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = '"
                + WriteProbe.NAME + "'");
        try {
            await().until(() -> String.valueOf(probe.refusal()).contains("read-only"));
        } finally {
            server.execute("alter role prober reset default_transaction_read_only");
        }
        await().until(() -> probe.refusal() == null);
    }

    @Test
    void saysNothingAgainstADatabaseThatOnlyLosesConnections() throws Exception {
        for (int i = 0; i < 3; i++) {
            await().until(() -> !server.query("select pg_terminate_backend(pid) from pg_stat_activity"
                            + " where application_name = '" + WriteProbe.NAME + "'")
                    .isEmpty());
        }
        reachable.set(false);
        assertThat(changes).isEmpty();
        assertThat(probe.refusal()).isNull();
    }
}
