package dev.sluice.work.contract;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Engines die by {@code kill -9}, or by what their handlers do, and nothing is lost or counted wrongly. */
class CrashTest extends WorkFixture {
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void killAll() {
        processes.forEach(Process::destroyForcibly);
    }

    private Process startPool(int concurrency, int maxCrashes) throws Exception {
        Process process = DyingPool.start(postgres.url(), "pool", concurrency, maxCrashes);
        processes.add(process);
        return process;
    }

    @Test
    void aWorkThatKillsItsProcessEndsInTheDeadLettersAndTheOthersDoNot() throws Exception {
        postgres.execute(DyingPool.TABLE);
        WorkBuffer work = start(builder());
        work.enqueue(Work.of("deadly", "\"halt\"").idempotencyKey("poison"));
        work.enqueue(IntStream.range(0, 30)
                .mapToObj(i -> Work.of("deadly", "20").idempotencyKey("k" + i))
                .toList());
        Process process = startPool(4, 3);
        for (int deaths = 0; deaths < 3; deaths++) {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            process = startPool(4, 3);
        }
        untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
        untilNothingIsLeft();
        assertThat(postgres.query("select payload, error from sluice.dead_letters"))
                .containsExactly("\"halt\"|crash_loop: 3 engines died while the work was begun");
        assertThat(postgres.query("select count(*) from sluice.work_keys where result is not null"))
                .containsExactly("30");
        assertThat(postgres.query("select max(attempt) from runs")).containsExactly("1");
        assertThat(postgres.query("select crashes from runs where not has_ended and id in"
                        + " (select message_id from sluice.dead_letters) order by crashes"))
                .as("what the engine told the handler of the work that kills")
                .containsExactly("0", "1", "2");
        assertThat(process.isAlive()).isTrue();
    }

    @Test
    void ofABatchThatKillsItsProcessOnlyTheWorkThatKillsBecomesADeadLetter() throws Exception {
        postgres.execute(DyingPool.TABLE);
        WorkBuffer work = start(builder());
        work.enqueue(Work.of("deadly", "\"halt\"").idempotencyKey("poison"));
        work.enqueue(IntStream.range(0, 12)
                .mapToObj(i -> Work.of("deadly", "5").idempotencyKey("k" + i))
                .toList());
        Process process = startBatches();
        for (int deaths = 0; deaths < 3; deaths++) {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            process = startBatches();
        }
        untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
        untilNothingIsLeft();
        assertThat(postgres.query("select payload, error from sluice.dead_letters"))
                .containsExactly("\"halt\"|crash_loop: 3 engines died while the work was begun");
        assertThat(postgres.query("select max(attempt) from runs")).containsExactly("1");
        assertThat(postgres.query("select count(*) from sluice.work_keys where result = '\"done\"'"))
                .containsExactly("12");
        assertThat(process.isAlive()).isTrue();
    }

    private Process startBatches() throws Exception {
        Process process = DyingPool.start(postgres.url(), "pool", 2, 3, 4);
        processes.add(process);
        return process;
    }

    /** Runs a short form of the campaign, which {@link CrashCampaign} starts with more works and seeds. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void killsAndStopsOfProcessesLoseNothingAndCountExactly(long seed) throws Exception {
        new CrashCampaign(postgres, seed, 300, 3).run();
    }

    @Test
    void aProcessThatIsStoppedForLongerThanItsLeaseAndContinuesRunsNothingTwice() throws Exception {
        postgres.execute(DyingPool.TABLE);
        WorkBuffer work = start(builder());
        work.enqueue(IntStream.range(0, 4)
                .mapToObj(i -> Work.of("deadly", "5000").idempotencyKey("k" + i))
                .toList());
        Process process = startPool(4, 3);
        untilRows("select count(*) from runs", "4");
        signal(process, "-STOP");
        untilRows("select bool_and(lease_until < now() - interval '500 ms') from sluice.work_claims", "t");
        signal(process, "-CONT");
        untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
        assertThat(postgres.query("select count(*), max(crashes) from runs")).containsExactly("4|0");
    }

    private static void signal(Process process, String signal) throws Exception {
        assertThat(new ProcessBuilder("kill", signal, "" + process.pid())
                        .start()
                        .waitFor())
                .isZero();
    }

    @Test
    void aStopOfAProcessCostsNothing() throws Exception {
        postgres.execute(DyingPool.TABLE);
        WorkBuffer work = start(builder());
        work.enqueue(IntStream.range(0, 200)
                .mapToObj(i -> Work.of("deadly", "15").idempotencyKey("k" + i))
                .toList());
        Process first = startPool(4, 3);
        untilRows("select count(*) > 20 from sluice.work_keys where finished_at is not null", "t");
        first.destroy();
        assertThat(first.waitFor(60, TimeUnit.SECONDS)).isTrue();
        untilRows("select count(*) from sluice.work_claims", "0");
        startPool(4, 3);
        untilRows("select count(*) from sluice.work_keys where finished_at is null", "0");
        assertThat(postgres.query("select max(crashes), max(attempt), count(*) = count(distinct id) from runs"))
                .containsExactly("0|1|t");
    }
}
