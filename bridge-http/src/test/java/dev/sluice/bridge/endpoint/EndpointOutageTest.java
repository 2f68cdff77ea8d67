package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bridge.endpoint.Delivery.Outcome;
import dev.sluice.queue.QueueException;
import java.io.PrintWriter;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** While the database is away, answers say so, and nothing is lost when it is back. */
class EndpointOutageTest extends EndpointFixture {
    private final AtomicBoolean away = new AtomicBoolean();

    /** A pool that gives no connection while the database is away. */
    private DataSource moody() {
        return (DataSource) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("getConnection")) {
                        if (away.get()) {
                            throw new SQLException("the database is away", "08001");
                        }
                        Connection connection = postgres.dataSource().getConnection();
                        return connection;
                    }
                    return method.getReturnType() == PrintWriter.class ? null : method.invoke(this, arguments);
                });
    }

    @Test
    void nothingIsLostWhileTheDatabaseIsAway() {
        Running bridge = start(usual(), moody());
        String id = unique("outage");
        String queue = unique("queue");
        create(bridge, spec(id, List.of(queue)));
        push(queue, "1");
        untilWorks(id, "1");
        away.set(true);
        push(queue, "2");
        bridge.delivery().observer.ended(id, FakeDelivery.ended(Outcome.FAILED, UUID.randomUUID()));
        bridge.delivery().observer.gone(id, "it answered 410");
        assertThatThrownBy(() -> create(bridge, spec(unique("never"), List.of(queue))))
                .isInstanceOf(QueueException.class)
                .hasMessageContaining("the database is away");
        assertThatThrownBy(() -> bridge.registry().find(id)).isInstanceOf(QueueException.class);
        assertThatThrownBy(() -> bridge.registry().delete(id)).isInstanceOf(QueueException.class);
        assertThat(bridge.delivery().delivered).containsKey(id);
        away.set(false);
        until(() -> bridge.registry().attempts(id, null, null, null, 10).size() == 1);
        until(() -> bridge.registry().find(id).orElseThrow().condition().state() == Endpoint.State.DISABLED);
        assertThat(events().stream().filter(each -> each.contains("\"" + id + "\"")))
                .hasSize(1);
        bridge.registry().setState(id, Endpoint.State.ACTIVE);
        untilWorks(id, "1", "2");
    }
}
