package dev.sluice.bridge.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.FaultyProxy;
import dev.sluice.queue.FaultyProxy.Deed;
import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Disturbs the first connection of every pool at each of its answers. A HikariCP pool that asks a connection for the
 * isolation level, and gets no answer, refuses every later connection.
 */
class PoolFaultsTest {
    private static final List<String> POOLS =
            List.of("sluice-consumers", "sluice-administration", "sluice-writers", "sluice-control");

    /**
     * Answers that a first connection gets: to the login, the settings, the check that it works, and the question for
     * the level.
     */
    private static final int STEPS = 4;

    private static final Duration SOON = Duration.ofSeconds(10);

    @Test
    void everyPoolGivesConnectionsSoonWhateverHappensToItsFirstOne() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(6);
        try (TestPostgres postgres = TestPostgres.withSchema()) {
            var cases = new ArrayList<Future<String>>();
            for (Deed deed : List.of(Deed.DROP, Deed.DELAY, Deed.CUT)) {
                for (int step = 1; step <= STEPS; step++) {
                    int at = step;
                    cases.add(threads.submit(() -> disturb(postgres, deed, at)));
                }
            }
            for (Future<String> each : cases) {
                assertThat(each.get()).isEmpty();
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /** Returns the failure, or an empty text. */
    private static String disturb(TestPostgres postgres, Deed deed, int step) throws Exception {
        Set<String> disturbed = ConcurrentHashMap.newKeySet();
        try (var proxy = new FaultyProxy(postgres.url())) {
            proxy.fault((application, connection, answer) -> {
                if (POOLS.contains(application) && connection == 1 && answer == step) {
                    disturbed.add(application);
                    return deed;
                }
                return Deed.PASS;
            });
            var address = new Database.Address(proxy.url(), "postgres", null);
            try (var database = new Database(address, 2, Duration.ofSeconds(7), 2, 2, 0, 1)) {
                database.open("sluice", false);
                var wrong = new StringBuilder();
                for (DataSource pool : List.of(
                        database.consumers(), database.administration(), database.writers(), database.control())) {
                    wrong.append(whyItGivesNone(pool));
                }
                if (!disturbed.containsAll(POOLS)) {
                    wrong.append(" disturbed only ").append(disturbed);
                }
                return wrong.length() == 0 ? "" : deed + " at answer " + step + ":" + wrong;
            }
        }
    }

    private static String whyItGivesNone(DataSource pool) {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (true) {
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("show transaction_isolation")) {
                row.next();
                String level = row.getString(1);
                return level.equals("read committed") ? "" : " isolation " + level;
            } catch (SQLException e) {
                if (System.nanoTime() - deadline > 0) {
                    return " " + e.getMessage();
                }
            }
        }
    }
}
