package dev.sluice.work.bench;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Outcome;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.concurrent.TimeUnit;

/** A million works wait, a pool works on them, and now and then a critical work comes. */
final class MillionWaiting implements Part {
    private static final long WAITING = 1_000_000;
    private static final int WORKERS = 10;
    private static final long PAUSE_MS = 20;
    private static final String TYPE = "million";

    /** The rate is that of so many works: all others still wait meanwhile. */
    private static final long MEASURED = 200_000;

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws Exception {
        var backlog = new Backlog(postgres);
        long before = System.nanoTime();
        backlog.fill(TYPE, WAITING);
        round.figures()
                .add(
                        new Figure("million", "enqueue of a million, 5,000 a call", "works/s", Goal.NONE),
                        WAITING * 1e9 / (System.nanoTime() - before));
        backlog.settle();
        var progress = new Progress(MEASURED);
        var times = new StartTimes();
        try (WorkBuffer engine = WorkBuffer.builder(postgres.dataSource())
                        .concurrency(WORKERS)
                        .handler(TYPE, (work, context) -> {
                            String due = work.metadata().get("due");
                            if (due != null) {
                                times.add(Long.parseLong(due));
                            } else {
                                progress.add(1);
                            }
                            return Outcome.done();
                        })
                        .start();
                WorkBuffer producer = WorkBuffer.builder(postgres.dataSource()).start()) {
            while (!progress.isOver()) {
                producer.enqueue(Backlog.work(TYPE, 0)
                        .priority(PriorityLane.CRITICAL)
                        .metadata("due", Long.toString(System.nanoTime())));
                TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
            }
            round.figures()
                    .add(
                            new Figure("million", "handlers that do nothing, 10 workers", "works/s", Goal.NONE),
                            progress.rate());
            engine.pause(TYPE);
        }
        times.describe(round.figures(), "million", "critical work among them", Goal.below(100));
    }
}
