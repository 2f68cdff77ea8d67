package dev.sluice.queue.letters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.sluice.queue.letters.DeadLetterJob.Done;
import dev.sluice.queue.letters.DeadLetterJob.State;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** A job survives the processes that run it. */
class JobKillTest extends LettersFixture {
    private static final int LETTERS = 4_000;
    private static final int KILLS = 3;

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /** The transaction of a step is open most of the time, so a kill hits one that has moved letters. */
    private void makeStepsSlow() {
        postgres.execute("create function sluice.slow() returns trigger language plpgsql as $$ begin"
                + " perform pg_sleep(0.2); return new; end $$;"
                + " create trigger slow before update of position on sluice.dead_letter_jobs"
                + " for each row when (new.position <> old.position) execute function sluice.slow()");
    }

    @Test
    void eachLetterIsMovedOnceThoughProcessesAreKilled() throws Exception {
        bury("q", LETTERS, "x");
        makeStepsSlow();
        DeadLetterJob job = jobs.create(redrive(ofQueue("q")));
        for (int i = 0; i < KILLS; i++) {
            long before = job(job).done().moved();
            Process process = DyingRunner.start(postgres.url());
            try {
                await().atMost(PATIENCE)
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> job(job).done().moved() > before);
            } finally {
                process.destroyForcibly().waitFor();
            }
            assertThat(job(job).state()).isEqualTo(State.RUNNING);
        }
        // Another process waits for the lease of the dead one, and goes on.
        DeadLetterJobRunner runner = runner();
        await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5)).until(() -> {
            nanos.addAndGet(runner.turn(Duration.ofSeconds(1)).toNanos());
            return job(job).state() == State.COMPLETED;
        });
        assertThat(job(job).done()).isEqualTo(new Done(LETTERS, 0, 0, 0, 0));
        assertThat(left("q")).isZero();
        assertThat(moved("q")).isEqualTo(LETTERS);
    }
}
