package dev.sluice.work.bench;

import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/** How long after its enqueue a work starts. */
final class StartLatency implements Part {
    private static final String TYPE = "latency";
    private static final String CLOSED = "largest";
    private static final long PAUSE_MS = 5;

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws Exception {
        var starts = new AtomicReference<>(new StartTimes());
        try (WorkBuffer engine = WorkBuffer.builder(postgres.dataSource())
                        .handler(TYPE, (work, context) -> {
                            starts.get().add(Long.parseLong(work.payloadText()));
                            return Outcome.done();
                        })
                        .handler(CLOSED, (work, context) -> Outcome.done())
                        .start();
                WorkBuffer producer = WorkBuffer.builder(postgres.dataSource()).start()) {
            idle(engine, starts, round, "idle, same buffer");
            idle(producer, starts, round, "idle, another buffer");
            postgres.execute("checkpoint");
            double largest = Enqueues.rate(engine, CLOSED, Enqueues.MANY_THREADS, 1, round.seconds());
            round.figures()
                    .add(
                            new Figure("latency", "largest rate, one work a call, 16 threads", "works/s", Goal.NONE),
                            largest);
            drain(postgres);
            atRate(engine, starts, round, largest / 2);
        }
    }

    private static void drain(TestPostgres postgres) throws InterruptedException {
        while (!postgres.query("select count(*) from sluice.work_claims").equals(List.of("0"))) {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
        }
    }

    private static void idle(WorkBuffer producer, AtomicReference<StartTimes> starts, Part.Round round, String what)
            throws InterruptedException {
        var times = new StartTimes();
        starts.set(times);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(round.seconds());
        for (int enqueued = 1; System.nanoTime() - end < 0; enqueued++) {
            producer.enqueue(Work.of(TYPE, Long.toString(System.nanoTime())));
            while (times.size() < enqueued) {
                LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(100));
            }
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS + enqueued % 7); // Not in step with the engine.
        }
        times.describe(round.figures(), "latency", what, Goal.below(10));
    }

    private static void atRate(WorkBuffer engine, AtomicReference<StartTimes> starts, Part.Round round, double rate)
            throws InterruptedException, ExecutionException {
        var times = new StartTimes();
        starts.set(times);
        long works = (long) (rate * round.seconds());
        openLoop(engine, rate, works);
        while (times.size() < works) {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
        }
        times.describe(round.figures(), "latency", "at half of the largest rate", Goal.below(100));
    }

    /** Enqueues works, each at its time. */
    private static void openLoop(WorkBuffer producer, double rate, long works)
            throws InterruptedException, ExecutionException {
        long start = System.nanoTime();
        double gapNanos = TimeUnit.SECONDS.toNanos(1) / rate;
        var pool = Executors.newFixedThreadPool(Enqueues.MANY_THREADS);
        try {
            var callers = new ArrayList<Future<?>>();
            for (int i = 0; i < Enqueues.MANY_THREADS; i++) {
                long first = i;
                callers.add(pool.submit(() -> {
                    for (long work = first; work < works; work += Enqueues.MANY_THREADS) {
                        long due = start + (long) (work * gapNanos);
                        for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
                            LockSupport.parkNanos(left);
                        }
                        producer.enqueue(Work.of(TYPE, Long.toString(due)));
                    }
                    return null;
                }));
            }
            for (Future<?> caller : callers) {
                caller.get();
            }
        } finally {
            pool.shutdown();
        }
    }
}
