package dev.sluice.bridge.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.QueueWriterConfig;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What fails for one endpoint holds up no other. */
class FanOutFaultsTest extends EndpointFixture {
    private final String bad = unique("bad");
    private final String good = unique("good");

    private static FanOut fanOut() {
        var config = new QueueWriterConfig(
                "sluice", Duration.ofHours(1), 10_000, PayloadCipher.of(KEY, null), Duration.ofMillis(200));
        return new FanOut(
                postgres.dataSource(),
                config,
                new FanOutRows("sluice"),
                new EndpointRows("sluice", new Sealing(PayloadCipher.of(KEY, null))),
                1_000,
                woken -> {});
    }

    /** Makes two endpoints, each on a queue of its own name, with a message each. */
    private void makeBoth() {
        Running bridge = make(usual(), postgres.dataSource());
        create(bridge, spec(bad, List.of(bad)));
        create(bridge, spec(good, List.of(good)));
        push(bad, "1");
        push(good, "1");
    }

    private static Selection.Matcher matcher(String queue) {
        return new Selection.Matcher(new Selection(List.of(queue), List.of(), null));
    }

    @Test
    void aLockOfOneEndpointHoldsUpNoOther() throws SQLException {
        makeBoth();
        var active = Map.of(EndpointNames.type(bad), matcher(bad), EndpointNames.type(good), matcher(good));
        try (FanOut fanOut = fanOut()) {
            try (Connection holder = postgres.dataSource().getConnection();
                    Statement statement = holder.createStatement()) {
                holder.setAutoCommit(false);
                statement.execute("select from sluice.endpoints where id = '" + bad + "' for update");
                assertThat(fanOut.run(active)).isTrue();
                assertThat(works(good)).containsExactly("1");
                push(good, "2");
                assertThat(fanOut.run(active)).isTrue();
                assertThat(works(good)).containsExactly("1", "2");
                assertThat(fanOut.run(active)).isFalse(); // The one that is held is not tried again at once.
                assertThat(works(bad)).isEmpty();
                holder.rollback();
            }
            assertThat(fanOut.run(active)).isTrue();
            assertThat(works(bad)).containsExactly("1");
        }
    }

    @Test
    void aMessageThatCannotBeReadHoldsUpNoOtherEndpoint() {
        makeBoth();
        var isBroken = new AtomicBoolean(true);
        var broken = new Selection.Matcher(new Selection(List.of(bad), List.of(), null)) {
            @Override
            boolean wants(Message message) {
                if (isBroken.get()) {
                    throw new IllegalArgumentException("this message is bad");
                }
                return super.wants(message);
            }
        };
        var active = Map.of(EndpointNames.type(bad), broken, EndpointNames.type(good), matcher(good));
        try (FanOut fanOut = fanOut()) {
            fanOut.run(active);
            push(good, "2");
            fanOut.run(active);
            assertThat(works(good)).containsExactly("1", "2");
            assertThat(works(bad)).isEmpty();
            isBroken.set(false);
            fanOut.run(active);
            assertThat(works(bad)).containsExactly("1");
        }
    }

    @Test
    void aFailureOfTheDatabaseIsOneOfAllEndpoints() {
        makeBoth();
        var lost = new Selection.Matcher(new Selection(List.of(bad), List.of(), null)) {
            @Override
            boolean wants(Message message) {
                throw new QueueException("the connection is lost", "08006", null);
            }
        };
        try (FanOut fanOut = fanOut()) {
            assertThatThrownBy(() -> fanOut.run(Map.of(EndpointNames.type(bad), lost)))
                    .hasMessage("the connection is lost");
        }
    }

    @Test
    void anEndpointThatCannotBeRegisteredHoldsUpNoOther() {
        Running bridge = start();
        push(bad, "0"); // So the queue exists.
        postgres.execute("create function public.refuse() returns trigger language plpgsql as $$ begin"
                + " if new.name = 'endpoint." + bad + "' then raise exception 'refused'; end if; return new; end $$;"
                + " create trigger refuse before insert on sluice.consumer_groups for each row"
                + " execute function public.refuse()");
        try {
            assertThatThrownBy(() -> create(bridge, spec(bad, List.of(bad)))).hasMessageContaining("refused");
            create(bridge, spec(good, List.of(good + "*")));
            for (String queue : List.of(good, good + ".later")) {
                push(queue, "1");
                until(() -> bridge.registry().lag(good).containsKey(queue));
            }
            untilWorks(good, "1", "1");
            assertThat(bridge.registry().find(bad)).isPresent();
        } finally {
            postgres.execute("drop function public.refuse() cascade");
        }
        push(bad, "2"); // It gets what has come since it was made.
        untilWorks(bad, "2");
    }

    @Test
    void aDeletionThatTakesLongHoldsUpNoEndpoint() throws SQLException {
        Running bridge = start();
        create(bridge, spec(bad, List.of(bad)));
        create(bridge, spec(good, List.of(good)));
        push(bad, "0");
        untilWorks(bad, "0");
        try (Connection holder = postgres.dataSource().getConnection();
                Statement statement = holder.createStatement()) {
            holder.setAutoCommit(false);
            statement.execute("select from sluice.consumer_groups where name = 'endpoint." + bad + "' for update");
            postgres.execute(
                    "update sluice.endpoints set state = 'deleting', version = version + 1 where id = '" + bad + "'");
            until(() -> bridge.service().states().containsKey(Endpoint.State.DELETING));
            until(() -> postgres.query("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
                    .equals(List.of("1")));
            for (String payload : List.of("1", "2")) {
                push(good, payload);
                until(() -> works(good).contains(payload));
            }
            holder.rollback();
        }
        until(() -> postgres.query("select id from sluice.endpoints where id = '" + bad + "'")
                .isEmpty());
    }
}
