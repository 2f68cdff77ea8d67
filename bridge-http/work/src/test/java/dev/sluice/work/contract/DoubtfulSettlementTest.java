package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.WorkEvent;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** PostgreSQL commits outcomes, and the answer is lost together with the network. */
class DoubtfulSettlementTest extends WorkFixture {
    /** More than the engine asks for the outcome before it gives up. */
    private static final int REFUSALS = 25;

    private final AtomicBoolean isLost = new AtomicBoolean();
    private final AtomicBoolean isAway = new AtomicBoolean();
    private final AtomicInteger refusals = new AtomicInteger();
    private final List<WorkEvent.Kind> events = new CopyOnWriteArrayList<>();

    private static Object invoke(Object target, Method method, Object[] args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }

    /** Loses the answer of the first commit of a transaction that has a statement with this text, and the network. */
    private DataSource losing(String text) {
        DataSource real = postgres.dataSource();
        return proxy(DataSource.class, (self, method, args) -> {
            if (!method.getName().equals("getConnection")) {
                return invoke(real, method, args);
            }
            if (isAway.get()) {
                if (Thread.currentThread().getName().equals("sluice-work-dispatcher")) {
                    refusals.incrementAndGet();
                }
                throw new SQLException("away", "08001");
            }
            return losing(real.getConnection(), text);
        });
    }

    private Connection losing(Connection real, String text) {
        var isMarked = new AtomicBoolean();
        return proxy(Connection.class, (self, method, args) -> {
            Object result = invoke(real, method, args);
            if (!method.getName().equals("prepareStatement")) {
                return result;
            }
            String sql = (String) args[0];
            isMarked.compareAndSet(false, sql.contains(text));
            return sql.contains("commit") && isMarked.get() ? losing((PreparedStatement) result) : result;
        });
    }

    private PreparedStatement losing(PreparedStatement commit) {
        return proxy(PreparedStatement.class, (self, method, args) -> {
            Object result = invoke(commit, method, args);
            if (method.getName().startsWith("execute") && !isLost.getAndSet(true)) {
                isAway.set(true);
                throw new SQLException("the connection died after the commit", "08006");
            }
            return result;
        });
    }

    private static <T> T proxy(Class<T> type, java.lang.reflect.InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private WorkBuffer.Builder builder(String text) {
        return WorkBuffer.builder(losing(text))
                .closeTimeout(Duration.ofSeconds(1))
                .interruptGrace(Duration.ofMillis(300))
                .listen(false)
                .listener(event -> events.add(event.kind()));
    }

    private void letTheNetworkComeBack() {
        until(() -> refusals.get() > REFUSALS);
        isAway.set(false);
    }

    @Test
    void aWorkBecomesOneDeadLetterAlsoIfItsClaimGoesOn() throws Exception {
        enqueueInOnePartition("a", "\"A\"", "\"B\"");
        var ends = new CountDownLatch(1);
        WorkBuffer work = start(builder("dead_letters").handler("a", (each, context) -> {
            if (each.payloadText().equals("\"A\"")) {
                return Outcome.deadLetter("no use");
            }
            assertThat(ends.await(30, TimeUnit.SECONDS)).isTrue();
            return Outcome.done();
        }));
        letTheNetworkComeBack();
        until(() -> work.stats().total().deadLettered() == 1);
        ends.countDown();
        untilNothingIsLeft();
        until(() -> work.stats().total().completed() == 1);
        assertThat(count("dead_letters")).isEqualTo(1);
        assertThat(events).filteredOn(WorkEvent.Kind.DEAD_LETTERED::equals).hasSize(1);
    }

    @Test
    void aWorkThatIsStoredAsDoneCountsAsCompletedAndRunsOnce() throws Exception {
        var runs = new AtomicInteger();
        WorkBuffer work = start(builder("delete from sluice.work_claims").handler("a", (each, context) -> {
            runs.incrementAndGet();
            return Outcome.done();
        }));
        work.enqueue(Work.of("a", "1"));
        letTheNetworkComeBack();
        until(() -> work.stats().total().completed() == 1);
        until(() -> events.contains(WorkEvent.Kind.COMPLETED));
        untilNothingIsLeft();
        assertThat(runs).hasValue(1);
    }
}
