package dev.sluice.queue.write;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.TestPostgres;
import java.lang.reflect.Proxy;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How a transaction of a writer ends, and what a failure does to its connection and its caches. */
class WriterSessionTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private WriterSession session;
    private final AtomicInteger connections = new AtomicInteger();

    @BeforeEach
    void open() {
        var counting = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    connections.addAndGet(method.getName().equals("getConnection") ? 1 : 0);
                    return method.invoke(postgres.dataSource(), arguments);
                });
        session = new WriterSession(counting, QueueWriterConfig.DEFAULTS);
    }

    @AfterEach
    void close() {
        session.close();
    }

    private static Ending<List<PushOutcome>> write(WriterTransaction transaction, NewMessage... messages)
            throws SQLException {
        var flush = new Flush(List.of(messages));
        return transaction.locate(flush) && transaction.write(flush)
                ? Ending.commit(flush.outcomes())
                : Ending.restart();
    }

    private List<PushOutcome> write(NewMessage... messages) {
        return session.run("could not write", transaction -> write(transaction, messages));
    }

    private List<String> stored() {
        return postgres.query("select transaction_id from sluice.messages order by seq");
    }

    @Test
    void aCommitStoresTheMessagesAndReturnsTheResult() {
        assertThat(write(message("p", "1"))).first().isInstanceOf(Queued.class);
        assertThat(stored()).containsExactly("1");
    }

    @Test
    void aRollbackStoresNothingAndReturnsTheResult() {
        String result = session.run("could not write", transaction -> {
            assertThat(write(transaction, message("p", "1"))).isInstanceOf(Ending.Commit.class);
            return Ending.rollBack("refused");
        });
        assertThat(result).isEqualTo("refused");
        assertThat(stored()).isEmpty();
        assertThat(write(message("p", "1")))
                .as("the transaction id is not cached")
                .first()
                .isInstanceOf(Queued.class);
    }

    @Test
    void aRestartRollsBackAndRunsTheWorkAgain() {
        var runs = new AtomicInteger();
        int result = session.run("could not write", transaction -> {
            assertThat(write(transaction, message("p", String.valueOf(runs.get()))))
                    .isInstanceOf(Ending.Commit.class);
            return runs.incrementAndGet() < 3 ? Ending.restart() : Ending.commit(runs.get());
        });
        assertThat(result).isEqualTo(3);
        assertThat(stored()).containsExactly("2");
    }

    @Test
    void givesUpAfterFiveRestarts() {
        var runs = new AtomicInteger();
        assertThatThrownBy(() -> session.run("could not write", transaction -> {
                    runs.incrementAndGet();
                    return Ending.restart();
                }))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.isTransient()).isTrue())
                .hasMessageStartingWith("could not write: partitions were deleted 5 times");
        assertThat(runs).hasValue(6);
    }

    @Test
    void restartsIfAPartitionIsDeletedUnderTheWork() {
        write(message("p", "1"));
        var runs = new AtomicInteger();
        session.run("could not write", transaction -> {
            if (runs.incrementAndGet() == 1) {
                postgres.execute("delete from sluice.segments; delete from sluice.partitions");
            }
            return write(transaction, message("p", "2"));
        });
        assertThat(runs).hasValue(2);
        assertThat(stored()).containsExactly("2");
    }

    @Test
    void keepsItsConnectionAfterAnErrorInTheData() {
        write(message("p", "1"));
        assertThatThrownBy(() -> session.run("could not divide", transaction -> {
                    transaction.connection().createStatement().execute("select 1 / 0");
                    return Ending.commit(true);
                }))
                .isInstanceOf(QueueException.class)
                .hasMessageStartingWith("could not divide: ");
        write(message("p", "2"));
        assertThat(connections).hasValue(1);
    }

    @Test
    void takesAnotherConnectionAfterATransientFailureAndKeepsItsCaches() {
        write(message("p", "1"));
        assertThatThrownBy(() -> session.run("could not wait", transaction -> {
                    throw new SQLException("too slow", "57014");
                }))
                .isInstanceOfSatisfying(
                        QueueException.class, e -> assertThat(e.isTransient()).isTrue());
        assertThat(session.rememberedIds()).isEqualTo(1);
        write(message("p", "2"));
        assertThat(connections).hasValue(2);
    }

    @Test
    void rollsBackWhatTheWorkRefusesWithAnException() {
        var refusal = new QueueException("no key", "55000", null);
        assertThatThrownBy(() -> session.run("could not write", transaction -> {
                    assertThat(write(transaction, message("p", "1"))).isInstanceOf(Ending.Commit.class);
                    throw refusal;
                }))
                .isSameAs(refusal);
        assertThat(stored()).isEmpty();
        write(message("p", "1"));
        assertThat(connections).hasValue(1);
    }

    @Test
    void dropsItsConnectionAndItsCachesAfterABug() {
        write(message("p", "1"));
        assertThatThrownBy(() -> session.run("could not write", transaction -> {
                    throw new IllegalStateException("bug");
                }))
                .isInstanceOf(IllegalStateException.class);
        assertThat(session.rememberedIds()).isZero();
        assertThat(write(message("p", "1")))
                .as("it reads the transaction ids again")
                .first()
                .isInstanceOf(Duplicate.class);
        assertThat(connections).hasValue(2);
    }

    @Test
    void locatingFromTheCacheCreatesNothing() {
        boolean located = session.run(
                "could not locate",
                transaction -> Ending.rollBack(transaction.locateCached(new Flush(List.of(message("p", "1"))))));
        assertThat(located).isFalse();
        assertThat(postgres.query("select count(*) from sluice.queues")).containsExactly("0");
    }
}
