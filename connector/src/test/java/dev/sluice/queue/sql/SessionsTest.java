package dev.sluice.queue.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.TestPostgres;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

class SessionsTest {
    @AutoClose
    private final TestPostgres postgres = TestPostgres.empty();

    private Connection one;
    private Connection two;

    @BeforeEach
    void open() throws SQLException {
        one = postgres.dataSource().getConnection();
        two = postgres.dataSource().getConnection();
    }

    @AfterEach
    void close() throws SQLException {
        one.close();
        two.close();
    }

    @Test
    void belongToOneConnectionWithoutAPooler() throws SQLException {
        Sessions.requireOwn(postgres.dataSource());
    }

    @Test
    void areRefusedIfAnotherConnectionGetsTheLastUsedSession() {
        assertThatThrownBy(() -> QueueSchema.apply(pooler(statement -> 0), "sluice"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("pool_mode=session");
        assertThat(postgres.query("select count(*) from pg_namespace where nspname = 'sluice'"))
                .containsExactly("0");
    }

    @Test
    void areRefusedIfTheMarkIsLost() {
        // One session runs the first of three statements, another session the others.
        assertThatThrownBy(() -> QueueSchema.verify(pooler(statement -> statement == 0 ? 0 : 1), "sluice"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("pool_mode=session");
    }

    /** Connections without a session of their own: {@code choice} says which of two sessions runs a statement. */
    private PGSimpleDataSource pooler(IntUnaryOperator choice) {
        List<Connection> sessions = List.of(one, two);
        var prepared = new AtomicInteger();
        var connection = (Connection) Proxy.newProxyInstance(
                SessionsTest.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("close")) {
                        return null;
                    }
                    boolean statement = method.getName().equals("prepareStatement");
                    int session = choice.applyAsInt(statement ? prepared.getAndIncrement() : 0);
                    try {
                        return method.invoke(sessions.get(session), arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        return new PGSimpleDataSource() {
            private static final long serialVersionUID = 1L;

            @Override
            public Connection getConnection() {
                return connection;
            }
        };
    }
}
