package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Nothing that an engine or its handlers do keeps it from renewing the leases of its works. */
class StarvationTest extends WorkFixture {
    private static final Duration LEASE = Duration.ofSeconds(1);

    @Test
    void handlersThatUseTheWholePoolLoseNoLease() throws Exception {
        var config = new HikariConfig();
        config.setJdbcUrl(postgres.url());
        config.setUsername("postgres");
        config.setMaximumPoolSize(4);
        var runs = new CopyOnWriteArrayList<String>();
        try (var pool = new HikariDataSource(config);
                WorkBuffer work = WorkBuffer.builder(pool)
                        .concurrency(4)
                        .listen(false)
                        .lease(LEASE)
                        .handler("busy", (each, context) -> {
                            runs.add(each.payloadText() + "/" + context.crashes());
                            try (Connection own = pool.getConnection();
                                    Statement statement = own.createStatement()) {
                                statement.execute("select pg_sleep(2.5)");
                            }
                            return Outcome.done();
                        })
                        .start()) {
            work.enqueue(
                    IntStream.range(0, 4).mapToObj(i -> Work.of("busy", "" + i)).toList());
            until(() -> runs.size() == 4);
            start(builder().lease(LEASE).handler("busy", (each, context) -> {
                runs.add(each.payloadText() + "/" + context.crashes() + "/elsewhere");
                return Outcome.done();
            }));
            untilNothingIsLeft();
        }
        assertThat(runs).containsExactlyInAnyOrder("0/0", "1/0", "2/0", "3/0");
    }

    @Test
    void housekeepingWithMuchToDeleteLosesNoLease() throws Exception {
        postgres.execute("insert into sluice.work_keys"
                + " (queue_id, key, payload_hash, message_id, finished_at, expires_at)"
                + " select 1, 'k' || i, sha256('x'), gen_random_uuid(), now(), now() - interval '1 hour'"
                + " from generate_series(1, 20000) i");
        postgres.execute("create function slow() returns trigger language plpgsql as"
                + " $$ begin perform pg_sleep(0.2); return null; end $$;"
                + " create trigger slow before delete on sluice.work_keys for each statement execute function slow()");
        var runs = new CopyOnWriteArrayList<Integer>();
        WorkBuffer work = start(builder().lease(LEASE).handler("slow", (each, context) -> {
            runs.add(context.crashes());
            TimeUnit.MILLISECONDS.sleep(2_500);
            return Outcome.done();
        }));
        work.enqueue(Work.of("slow", "1"));
        until(() -> !runs.isEmpty());
        untilNothingIsLeft();
        assertThat(count("work_keys")).isPositive(); // It was under way all the time.
        assertThat(runs).containsExactly(0);
    }
}
