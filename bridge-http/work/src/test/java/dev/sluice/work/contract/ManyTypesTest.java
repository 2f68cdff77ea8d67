package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Handler;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.Outcome;
import dev.sluice.work.RetryPolicy;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Types that have nothing to do cost a few statements a poll, however many they are. */
class ManyTypesTest extends WorkFixture {
    private static final int TYPES = 100;

    private final AtomicLong statements = new AtomicLong();
    private final Set<String> ran = ConcurrentHashMap.newKeySet();

    /** Returns a proxy that counts statements, and hands those of a connection on as such proxies. */
    private <T> T counting(Class<T> type, Object of) {
        return type.cast(Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> {
                    if (PreparedStatement.class.isAssignableFrom(type)
                            && method.getName().startsWith("execute")) {
                        statements.incrementAndGet();
                    }
                    try {
                        Object result = method.invoke(of, args);
                        if (result instanceof Connection
                                && method.getName().equals("getConnection")
                                && of instanceof DataSource) {
                            return counting(Connection.class, result);
                        }
                        return method.getName().equals("prepareStatement")
                                ? counting(PreparedStatement.class, result)
                                : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }

    @Test
    void idleTypesAreLookedAtTogether() throws Exception {
        Handler handler = (each, context) -> {
            ran.add(each.type() + " " + context.attempt());
            return context.attempt() == 1 ? Outcome.retry("once more") : Outcome.done();
        };
        HandlerSettings settings = HandlerSettings.DEFAULT.retry(RetryPolicy.ofWaits(Duration.ofMillis(300)));
        WorkBuffer.Builder builder = WorkBuffer.builder(counting(DataSource.class, postgres.dataSource()))
                .pollInterval(Duration.ofMillis(200));
        for (int i = 0; i < TYPES; i++) {
            builder.handler("type" + i, handler, settings);
        }
        WorkBuffer work = start(builder);
        work.enqueue(Work.of("type7", "1"));
        until(() -> ran.contains("type7 2"));
        untilNothingIsLeft();
        long before = statements.get();
        TimeUnit.SECONDS.sleep(1);
        long perSecond = statements.get() - before;
        assertThat(perSecond).isBetween(5L, 60L); // It was more than two for each type and poll: 1,000.

        work.enqueue(Work.of("type99", "1"));
        until(() -> ran.contains("type99 2"));
        try (WorkBuffer other = builder().start()) {
            other.enqueue(Work.of("type50", "1").delay(Duration.ofMillis(300)));
            until(() -> ran.contains("type50 2"));
        }
        untilNothingIsLeft();
    }
}
