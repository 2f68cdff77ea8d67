package dev.sluice.work.contract;

import dev.sluice.work.WorkBuffer;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;

/** Engines whose PostgreSQL does not answer for a while. */
abstract class OutageFixture extends WorkFixture {
    static final Duration LEASE = Duration.ofSeconds(1);

    final AtomicBoolean isAway = new AtomicBoolean();

    /** Returns a pool that gives no connections while something fails, and whose connections run no statements. */
    private DataSource failing(BooleanSupplier fails) {
        DataSource real = postgres.dataSource();
        return failing(DataSource.class, real, "getConnection", fails);
    }

    private static <T> T failing(Class<T> type, T real, String fallible, BooleanSupplier fails) {
        return type.cast(Proxy.newProxyInstance(
                OutageFixture.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, args) -> {
                    if (method.getName().equals(fallible) && fails.getAsBoolean()) {
                        throw new SQLException("away", "08001");
                    }
                    try {
                        Object result = method.invoke(real, args);
                        return type == DataSource.class && result instanceof Connection connection
                                ? failing(Connection.class, connection, "prepareStatement", fails)
                                : result;
                    } catch (InvocationTargetException e) {
                        throw e.getTargetException();
                    }
                }));
    }

    /** Returns a builder with such a pool and a short lease, whose engines wait for handlers that ignore interrupts. */
    WorkBuffer.Builder withLease(BooleanSupplier fails) {
        return WorkBuffer.builder(failing(fails))
                .lease(LEASE)
                .closeTimeout(Duration.ofSeconds(1))
                .interruptGrace(Duration.ofSeconds(20))
                .listen(false);
    }
}
