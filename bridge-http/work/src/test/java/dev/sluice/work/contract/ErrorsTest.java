package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An {@link Error} in any path of the engine, such as a lack of memory, stops none of its threads and loses no work.
 */
class ErrorsTest extends WorkFixture {
    private static final int WORKS = 40;

    /** The payload of a work that runs until all errors were thrown. */
    private static final String HELD = "\"held\"";

    private final Map<String, AtomicInteger> runs = new ConcurrentHashMap<>();
    private final AtomicInteger statements = new AtomicInteger();
    private final AtomicInteger thrown = new AtomicInteger();
    private volatile int every;
    private volatile int most;

    private static Error error(int number) {
        return switch (number % 3) {
            case 0 -> new OutOfMemoryError("test");
            case 1 -> new StackOverflowError("test");
            default -> new NoClassDefFoundError("test");
        };
    }

    private static Object invoke(Object target, Method method, Object[] args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    /** Where an error is thrown. */
    private enum When {
        /** Before a statement. */
        BEFORE,
        /** After a commit that PostgreSQL has done. */
        AFTER_COMMIT
    }

    /** Returns a pool on which a thread fails for a while. */
    private DataSource failing(String thread, When when) {
        DataSource real = postgres.dataSource();
        return proxy(
                DataSource.class,
                (self, method, args) -> method.getName().equals("getConnection")
                        ? failing(real.getConnection(), thread, when)
                        : invoke(real, method, args));
    }

    private boolean isTimeToFail(String thread) {
        return Thread.currentThread().getName().equals("sluice-work-" + thread)
                && thrown.get() < most
                && statements.incrementAndGet() % every == 0;
    }

    private Connection failing(Connection real, String thread, When when) {
        return proxy(Connection.class, (self, method, args) -> {
            boolean prepares = method.getName().equals("prepareStatement");
            if (when == When.BEFORE && prepares && isTimeToFail(thread)) {
                throw error(thrown.getAndIncrement());
            }
            Object result = invoke(real, method, args);
            return when == When.AFTER_COMMIT && prepares && ((String) args[0]).contains("commit")
                    ? failing((PreparedStatement) result, thread)
                    : result;
        });
    }

    private PreparedStatement failing(PreparedStatement commit, String thread) {
        return proxy(PreparedStatement.class, (self, method, args) -> {
            Object result = invoke(commit, method, args);
            if (method.getName().startsWith("execute") && isTimeToFail(thread)) {
                throw error(thrown.getAndIncrement());
            }
            return result;
        });
    }

    private int runs(Work work) {
        return runs.computeIfAbsent(work.payloadText(), key -> new AtomicInteger())
                .incrementAndGet();
    }

    @ParameterizedTest
    @CsvSource({
        "dispatcher, BEFORE, 7, 6",
        "dispatcher, AFTER_COMMIT, 3, 6",
        "leases, BEFORE, 5, 2",
        "housekeeping, BEFORE, 7, 1",
        "enqueuer, BEFORE, 2, 3"
    })
    void inAThreadOfTheEngineNoWorkIsLostAndNoneCountsACrash(String thread, When when, int period, int errors)
            throws Exception {
        every = period;
        most = errors;
        var crashes = new AtomicInteger();
        WorkBuffer producer = start(builder());
        producer.enqueue(Work.of("a", HELD));
        producer.enqueue(IntStream.range(0, WORKS)
                .mapToObj(i -> Work.of("a", Integer.toString(i)))
                .toList());
        WorkBuffer work = start(WorkBuffer.builder(failing(thread, when))
                .closeTimeout(Duration.ofSeconds(2))
                .lease(Duration.ofSeconds(2))
                .pollInterval(Duration.ofMillis(20))
                .concurrency(3)
                .handler("a", (each, context) -> {
                    crashes.addAndGet(context.crashes());
                    runs(each);
                    do {
                        TimeUnit.MILLISECONDS.sleep(10);
                    } while (each.payloadText().equals(HELD) && thrown.get() < most);
                    return context.attempt() == 1 && each.payloadText().endsWith("0")
                            ? Outcome.retry(Duration.ZERO, "again")
                            : Outcome.done();
                }));
        until(() -> work.stats().total().completed() == WORKS + 1);
        untilNothingIsLeft();
        assertThat(thrown).hasValue(most);
        assertThat(runs).hasSize(WORKS + 1);
        assertThat(crashes).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void inAHandlerCountsAnAttempt(int kind) throws Exception {
        WorkBuffer work = start(builder()
                .concurrency(2)
                .handler(
                        "a",
                        (each, context) -> {
                            if (runs(each) == 1) {
                                throw error(kind);
                            }
                            return Outcome.done();
                        },
                        HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ZERO, Duration.ZERO))));
        work.enqueue(IntStream.range(0, WORKS)
                .mapToObj(i -> Work.of("a", Integer.toString(i)).key(i % 2 == 0 ? "k" + i : null))
                .toList());
        until(() -> work.stats().total().completed() == WORKS);
        untilNothingIsLeft();
        assertThat(runs.values()).allSatisfy(count -> assertThat(count).hasValue(2));
        assertThat(work.stats().total().failed()).isEqualTo(WORKS);
    }

    @Test
    void inAListenerHarmsNobody() throws Exception {
        WorkBuffer work = start(builder()
                .listener(event -> {
                    throw error(thrown.getAndIncrement());
                })
                .handler("a", (each, context) -> Outcome.done()));
        work.enqueue(List.of(Work.of("a", "1"), Work.of("a", "2")));
        until(() -> work.stats().total().completed() == 2 && thrown.get() > 3);
    }
}
