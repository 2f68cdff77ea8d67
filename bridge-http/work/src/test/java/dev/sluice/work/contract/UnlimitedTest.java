package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Limit;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** A type without limits costs nothing for them. */
class UnlimitedTest extends WorkFixture {
    private final Set<String> statements = ConcurrentHashMap.newKeySet();
    private final AtomicInteger runs = new AtomicInteger();

    /** Returns the pool of the test. Notes the statements that its connections prepare. */
    private DataSource noting() {
        return proxy(DataSource.class, postgres.dataSource());
    }

    private <T> T proxy(Class<T> type, Object target) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    if (method.getName().equals("prepareStatement")) {
                        statements.add((String) arguments[0]);
                    }
                    try {
                        Object result = method.invoke(target, arguments);
                        return method.getName().equals("getConnection") ? proxy(Connection.class, result) : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    private List<String> claimsOfRoom() {
        return statements.stream()
                .filter(sql -> sql.contains("work_limits") && sql.contains("for no key update"))
                .toList();
    }

    private List<String> aboutLimits() {
        return statements.stream()
                .filter(sql -> sql.contains("work_limits") || sql.contains("work_lines"))
                .filter(sql -> !sql.contains("is_paused")) // The look at the types, which is done every second.
                .filter(sql -> !sql.contains("not exists")) // Housekeeping.
                .toList();
    }

    private void run(HandlerSettings settings) throws Exception {
        try (WorkBuffer work = WorkBuffer.builder(noting())
                .handler(
                        "t",
                        (each, context) -> {
                            int run = runs.incrementAndGet();
                            return run % 10 == 0
                                    ? Outcome.retry(Duration.ofMillis(1), "again")
                                    : run % 11 == 0 ? Outcome.snooze(Duration.ofMillis(1)) : Outcome.done();
                        },
                        settings)
                .start()) {
            work.enqueue(IntStream.range(0, 200)
                    .mapToObj(i -> Work.of("t", "1")
                            .key(i % 5 == 0 ? "k" + i % 7 : null)
                            .idempotencyKey(settings.limits().ofType().concurrency() + "-" + i))
                    .toList());
            untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
            untilNothingIsLeft();
        }
    }

    @Test
    void aTypeWithoutLimitsRunsNoStatementForThem() throws Exception {
        run(HandlerSettings.DEFAULT);
        assertThat(runs.get()).isGreaterThan(200);
        assertThat(aboutLimits()).isEmpty();
        run(HandlerSettings.DEFAULT.limit(Limit.ofConcurrency(5)));
        assertThat(claimsOfRoom()).isNotEmpty();
    }
}
