package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The engine uses the pool of a program, and a connection goes back as it came. */
class ConnectionsTest extends WorkFixture {
    private static final int CONNECTIONS = 6;

    @Test
    void everyConnectionGoesBackWithTheSettingsWithWhichItCame() throws Exception {
        var config = new HikariConfig();
        config.setJdbcUrl(postgres.url());
        config.setUsername("postgres");
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(CONNECTIONS);
        config.setAutoCommit(false);
        config.setIsolateInternalQueries(true); // Commits the settings.
        // Odd settings of the program, among them some that the queue changes for its own statements.
        config.setConnectionInitSql("set enable_seqscan = off; set enable_hashjoin = on; set lock_timeout = '17s';"
                + " set application_name = 'odd'");
        try (var pool = new HikariDataSource(config)) {
            List<String> before = settings(pool);
            var runs = new AtomicInteger();
            try (WorkBuffer work = WorkBuffer.builder(pool)
                    .handler(
                            "mix",
                            (each, context) -> {
                                if (runs.incrementAndGet() % 7 == 0) {
                                    throw new IllegalStateException("sometimes");
                                }
                                return Outcome.done();
                            },
                            HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(5))))
                    .start()) {
                work.enqueue(IntStream.range(0, 200)
                        .mapToObj(i -> Work.of("mix", "" + i).idempotencyKey("k" + i))
                        .toList());
                work.enqueue(Work.of("mix", "1").delay(Duration.ofMillis(50)));
                untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
                untilNothingIsLeft();
            }
            until(() -> pool.getHikariPoolMXBean().getActiveConnections() == 0);
            assertThat(settings(pool)).isEqualTo(before);
            assertThat(before)
                    .hasSize(CONNECTIONS)
                    .allSatisfy(each ->
                            assertThat(each).contains("enable_seqscan=off").contains("lock_timeout=17000"));
        }
    }

    /** Returns the settings of each connection of a pool, and whether it commits by itself and listens. */
    private static List<String> settings(HikariDataSource pool) throws SQLException {
        var open = new ArrayList<Connection>();
        var all = new ArrayList<String>();
        try {
            for (int i = 0; i < CONNECTIONS; i++) {
                Connection connection = pool.getConnection();
                open.add(connection);
                try (ResultSet row = connection
                        .createStatement()
                        .executeQuery("select string_agg(name || '=' || setting, ' ' order by name)"
                                + " || (select count(*) from pg_listening_channels()) from pg_settings")) {
                    row.next();
                    all.add(connection.getAutoCommit() + " " + row.getString(1));
                }
            }
        } finally {
            for (Connection connection : open) {
                connection.close();
            }
        }
        return all;
    }
}
