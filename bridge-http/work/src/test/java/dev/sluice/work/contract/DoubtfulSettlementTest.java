package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
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
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** PostgreSQL commits a claim or outcomes, and the answer is lost together with the network. */
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

    /** Closes an engine, and lets the network come back as soon as it claims no more. */
    private void closeWithoutNetwork(WorkBuffer work) throws Exception {
        var closing = new Thread(work::close);
        closing.start();
        until(() -> Stream.of(closing.getStackTrace())
                .anyMatch(frame -> frame.getClassName().endsWith(".Dispatcher")
                        && frame.getMethodName().equals("close")));
        isAway.set(false);
        closing.join();
    }

    @Test
    void anEngineThatStopsGivesAClaimBackThatWasNotConfirmed() throws Exception {
        var crashes = new CopyOnWriteArrayList<Integer>();
        Handler handler = (each, context) -> {
            crashes.add(context.crashes());
            return Outcome.done();
        };
        enqueueInOnePartition("a", "1");
        WorkBuffer work = start(builder("insert into sluice.work_claims").handler("a", handler));
        until(() -> refusals.get() > REFUSALS);
        assertThat(count("work_claims")).isEqualTo(1);
        closeWithoutNetwork(work);
        assertThat(postgres.query("select owner, lease_until <= now() from sluice.work_claims"))
                .containsExactly(new UUID(0, 0) + "|t");
        start(builder().handler("a", handler));
        untilNothingIsLeft();
        assertThat(crashes).containsExactly(0);
    }

    @Test
    void anEngineThatStopsGivesARetryBackThatWasNotConfirmed() throws Exception {
        var crashes = new CopyOnWriteArrayList<Integer>();
        Handler handler = (each, context) -> {
            crashes.add(context.crashes());
            return crashes.size() == 1 ? Outcome.retry(Duration.ofHours(1), "again") : Outcome.done();
        };
        HandlerSettings limits = HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(1));
        enqueueInOnePartition("a", "1");
        WorkBuffer first = start(builder().handler("a", handler, limits));
        untilRows("select attempts from sluice.work_items where owner is null", "1");
        first.close();
        postgres.execute("update sluice.work_items set available_at = now()");
        WorkBuffer work = start(builder("limited = coalesce(").handler("a", handler, limits));
        until(() -> refusals.get() > REFUSALS);
        assertThat(postgres.query("select owner is not null, limited is not null from sluice.work_items"))
                .containsExactly("t|t");
        closeWithoutNetwork(work);
        assertThat(postgres.query("select owner is null, limited is null, crashes, attempts from sluice.work_items"))
                .containsExactly("t|t|0|1");
        assertThat(postgres.query("select running from sluice.work_limits")).containsExactly("0");
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
