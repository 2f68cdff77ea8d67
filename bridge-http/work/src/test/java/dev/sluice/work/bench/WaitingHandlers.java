package dev.sluice.work.bench;

import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Outcome;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.concurrent.TimeUnit;

/** Handlers that wait 50 ms, on pools of 1 to 100 workers. */
final class WaitingHandlers implements Part {
    private static final int[] WORKERS = {1, 5, 20, 50, 100};
    private static final int WAIT_MS = 50;
    private static final int WORKS_A_SECOND = 1_000 / WAIT_MS;

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws InterruptedException {
        var backlog = new Backlog(postgres);
        for (int workers : WORKERS) {
            String type = "waiting-" + workers;
            long works = (long) workers * WORKS_A_SECOND * round.seconds();
            backlog.fill(type, works);
            backlog.settle();
            double rate = backlog.rate(type, works, workers, (work, context) -> {
                TimeUnit.MILLISECONDS.sleep(WAIT_MS);
                return Outcome.done();
            });
            round.figures()
                    .add(
                            new Figure("waiting", "efficiency of " + workers + " workers", "%", Goal.atLeast(90)),
                            100 * rate / (workers * WORKS_A_SECOND));
        }
    }
}
