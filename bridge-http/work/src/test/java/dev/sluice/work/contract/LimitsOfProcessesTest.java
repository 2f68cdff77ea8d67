package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Limits hold over processes, and the death of a process gives back exactly the room that it took. */
class LimitsOfProcessesTest extends WorkFixture {
    private static final String ROOM = "select count(*) from sluice.work_limits where running <> 0";

    /** For three processes on a busy machine. */
    private static final Duration LONG = Duration.ofSeconds(120);

    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void killAll() {
        processes.forEach(Process::destroyForcibly);
    }

    private Process startPool(int concurrency) throws Exception {
        Process process = LimitedPool.start(postgres.url(), concurrency);
        processes.add(process);
        return process;
    }

    private int runs() {
        return Integer.parseInt(
                postgres.query("select count(distinct id) from runs").get(0));
    }

    @Test
    void ofAThousandKeysWithALimitOfOneEachNeverTwoWorksRunAtATime() throws Exception {
        postgres.execute(LimitedPool.TABLES);
        for (int i = 0; i < 3; i++) {
            startPool(6);
        }
        WorkBuffer producer = start(builder());
        untilRows("select limit_key from sluice.work_types", "/key");
        for (int round = 0; round < 3; round++) {
            var works = new ArrayList<Work>();
            for (int key = 0; key < 1_000; key++) {
                works.add(Work.of(LimitedPool.TYPE, LimitedPool.payload("k" + key, key % 100 == 0 ? 20 : 0)));
            }
            producer.enqueue(works);
        }
        await().atMost(LONG).until(() -> runs() == 3_000);
        untilNothingIsLeft();
        untilRows(ROOM, "0");
        assertThat(postgres.query("select key from two_at_a_time")).isEmpty();
        assertThat(postgres.query("select count(*) from runs")).containsExactly("3000");
        assertThat(postgres.query("select count(*) from sluice.work_limits where name like '=k%'"))
                .containsExactly("1000");
    }

    /** The numbers of running works are those of the claims and items, whatever was killed when. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void aProcessThatIsKilledGivesItsRoomBack(long seed) throws Exception {
        postgres.execute(LimitedPool.TABLES);
        var random = new Random(seed);
        var pools = new ArrayList<Process>();
        for (int i = 0; i < 3; i++) {
            pools.add(startPool(6));
        }
        WorkBuffer producer = start(builder());
        untilRows("select limit_key from sluice.work_types", "/key");
        var works = new ArrayList<Work>();
        for (int i = 0; i < 300; i++) {
            works.add(Work.of(LimitedPool.TYPE, LimitedPool.payload("k" + i % 20, random.nextInt(30)))
                    .key(i % 4 == 0 ? "order-" + i % 7 : null));
        }
        producer.enqueue(works);
        for (int kill = 0; kill < 3; kill++) {
            int done = 40 + kill * 50;
            until(() -> runs() >= done);
            Process victim = pools.remove(random.nextInt(pools.size()));
            victim.destroyForcibly().waitFor();
            postgres.execute("insert into killed values (" + victim.pid() + ")");
            pools.add(startPool(6));
        }
        until(() -> runs() == 300);
        untilNothingIsLeft();
        untilRows(ROOM, "0");
        assertThat(postgres.query("select key from two_at_a_time")).isEmpty();
        assertThat(count("work_lines")).isZero();
        assertThat(count("dead_letters")).isZero();
    }
}
