package dev.sluice.work.contract;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;

/** A pool that refuses what a test tells it: all connections, as in an outage, or LISTEN, as poolers do. */
final class MoodyPool {
    private final DataSource pool;
    private final AtomicInteger refused = new AtomicInteger();
    private volatile boolean refusesAll;
    private volatile boolean refusesToListen;

    MoodyPool(DataSource pool) {
        this.pool = pool;
    }

    void refusesAll(boolean value) {
        refusesAll = value;
    }

    void refusesToListen(boolean value) {
        refusesToListen = value;
    }

    /** Returns how often something was refused. */
    int refused() {
        return refused.get();
    }

    DataSource dataSource() {
        return (DataSource) Proxy.newProxyInstance(
                MoodyPool.class.getClassLoader(), new Class<?>[] {DataSource.class}, this::ofPool);
    }

    private Object ofPool(Object proxy, Method method, Object[] arguments) throws Throwable {
        if (!method.getName().equals("getConnection")) {
            return call(pool, method, arguments);
        }
        if (refusesAll) {
            refused.incrementAndGet();
            throw new SQLTransientConnectionException("the test refuses connections", "08001");
        }
        var connection = (Connection) call(pool, method, arguments);
        return Proxy.newProxyInstance(
                MoodyPool.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (self, called, with) -> ofConnection(connection, called, with));
    }

    private Object ofConnection(Connection connection, Method method, Object[] arguments) throws Throwable {
        boolean listens = method.getName().equals("prepareStatement")
                && ((String) arguments[0]).strip().toLowerCase(Locale.ROOT).startsWith("listen");
        if (listens && refusesToListen) {
            refused.incrementAndGet();
            throw new SQLException("the test refuses LISTEN", "0A000");
        }
        return call(connection, method, arguments);
    }

    private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }
}
