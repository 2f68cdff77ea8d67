package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How transactions handle deadlocks and errors. */
@Timeout(60)
class TransactionsTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private Transactions transactions;

    @BeforeEach
    void create() {
        postgres.execute("create table counters (id integer primary key, value integer not null)");
        postgres.execute("insert into counters values (1, 0), (2, 0)");
        transactions = new Transactions(postgres.dataSource());
    }

    @Test
    void aTransactionRunsAgainAfterADeadlock() throws Exception {
        var both = new CyclicBarrier(2);
        var oneIsDone = new CountDownLatch(1);
        var runs = new AtomicInteger();
        var one = CompletableFuture.runAsync(() -> increment(1, 2, both, oneIsDone, runs));
        var other = CompletableFuture.runAsync(() -> increment(2, 1, both, oneIsDone, runs));
        CompletableFuture.allOf(one, other).get(120, TimeUnit.SECONDS);
        assertThat(runs).hasValue(3);
        assertThat(postgres.query("select value from counters order by id")).containsExactly("2", "2");
    }

    @Test
    void givesUpAfterSomeDeadlocks() {
        var runs = new AtomicInteger();
        assertThatThrownBy(() -> transactions.run("could not", connection -> {
                    runs.incrementAndGet();
                    throw new SQLException("deadlock detected", "40P01");
                }))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.sqlState()).isEqualTo("40P01"));
        assertThat(runs).hasValue(Transactions.MAX_DEADLOCKS + 1);
    }

    @Test
    void anyOtherErrorIsReportedAtOnceAndRollsBack() {
        var runs = new AtomicInteger();
        assertThatThrownBy(() -> transactions.run("could not", connection -> {
                    runs.incrementAndGet();
                    add(connection, 1);
                    throw new SQLException("no", "22000");
                }))
                .isInstanceOf(QueueException.class)
                .hasMessageStartingWith("could not: no");
        assertThat(runs).hasValue(1);
        assertThat(postgres.query("select value from counters where id = 1")).containsExactly("0");
    }

    /**
     * Adds 1 to two counters. In its first run, waits between them for the other task that does so. Runs again only
     * after the other is done, because otherwise the two could deadlock once more.
     */
    private void increment(int first, int second, CyclicBarrier both, CountDownLatch oneIsDone, AtomicInteger runs) {
        var ownRuns = new AtomicInteger();
        transactions.run("could not add", connection -> {
            runs.incrementAndGet();
            boolean isFirst = ownRuns.incrementAndGet() == 1;
            if (!isFirst) {
                await(oneIsDone);
            }
            add(connection, first);
            if (isFirst) {
                await(both);
            }
            add(connection, second);
            return null;
        });
        oneIsDone.countDown();
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await(120, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(120, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void add(Connection connection, int id) throws SQLException {
        try (var statement = connection.createStatement()) {
            statement.executeUpdate("update counters set value = value + 1 where id = " + id);
        }
    }
}
