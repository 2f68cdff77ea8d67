package dev.sluice.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.queue.TestPostgres;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Pools of a server that was away for a while. */
class PoolThreadsTest {
    /** As many failures in a row as make the pauses longer than this test takes: 10 ms, and twice as long each time. */
    private static final int FAILURES = 10;

    private volatile boolean away = true;
    private final AtomicInteger failures = new AtomicInteger();

    @Test
    void thereAreConnectionsAtOnceWhenTheServerIsBack() throws Exception {
        try (TestPostgres postgres = TestPostgres.withSchema()) {
            var threads = new PoolThreads();
            var config = new HikariConfig();
            config.setDataSource(server(postgres.dataSource()));
            config.setMinimumIdle(1);
            config.setMaximumPoolSize(2);
            config.setConnectionTimeout(250);
            config.setInitializationFailTimeout(-1);
            config.setThreadFactory(threads);
            try (var pool = new HikariDataSource(config)) {
                assertThatThrownBy(pool::getConnection).isInstanceOf(SQLException.class);
                await().atMost(Duration.ofSeconds(60)).until(() -> failures.get() >= FAILURES);
                away = false;
                threads.hurry();
                int tries = 0;
                while (!isOpen(pool)) {
                    assertThat(++tries).as("tries of 250 ms, the pause was 5 s").isLessThan(10);
                }
            }
        }
    }

    private static boolean isOpen(HikariDataSource pool) {
        try (Connection connection = pool.getConnection()) {
            return connection.isValid(20);
        } catch (SQLException e) {
            return false;
        }
    }

    private DataSource server(DataSource server) {
        return (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (away && method.getName().equals("getConnection")) {
                        failures.incrementAndGet();
                        throw new SQLException("away", "08001");
                    }
                    return method.invoke(server, arguments);
                });
    }
}
