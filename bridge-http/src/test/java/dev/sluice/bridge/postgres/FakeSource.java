package dev.sluice.bridge.postgres;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A source of connections that do nothing, or one that throws. */
public final class FakeSource extends ConnectionSource {
    public final AtomicInteger asked = new AtomicInteger();
    private final @Nullable Error error;
    private final @Nullable SQLException exception;

    public FakeSource(@Nullable Error error, @Nullable SQLException exception) {
        this.error = error;
        this.exception = exception;
    }

    @Override
    public Connection getConnection() throws SQLException {
        asked.incrementAndGet();
        if (error != null) {
            throw error;
        }
        if (exception != null) {
            throw exception;
        }
        return (Connection) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, given) -> null);
    }
}
