package dev.sluice.work.bench;

import dev.sluice.queue.TestPostgres;
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
import java.util.stream.IntStream;

/** Works that callers enqueue a second: one or a hundred a call, from one or sixteen threads. */
final class Enqueues implements Part {
    static final int MANY_THREADS = 16;
    private static final int[] THREADS = {1, MANY_THREADS};
    private static final int[] BATCHES = {1, 100};

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws Exception {
        for (int threads : THREADS) {
            for (int batch : BATCHES) {
                postgres.execute("checkpoint");
                try (WorkBuffer producer =
                        WorkBuffer.builder(postgres.dataSource()).start()) {
                    double rate = rate(producer, "enqueue", threads, batch, round.seconds());
                    round.figures()
                            .add(
                                    new Figure(
                                            "enqueue",
                                            threads + " threads, " + batch + " works a call",
                                            "works/s",
                                            Goal.NONE),
                                    rate);
                }
            }
        }
    }

    /** Returns how many works threads enqueue a second that call again at once. */
    static double rate(WorkBuffer producer, String type, int threads, int batch, int seconds)
            throws InterruptedException, ExecutionException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        var pool = Executors.newFixedThreadPool(threads);
        try {
            var callers = new ArrayList<Future<Long>>();
            for (int i = 0; i < threads; i++) {
                callers.add(pool.submit(() -> {
                    List<Work> works = IntStream.range(0, batch)
                            .mapToObj(number -> Backlog.work(type, number))
                            .toList();
                    long enqueued = 0;
                    while (System.nanoTime() - end < 0) {
                        enqueued += producer.enqueue(works).size();
                    }
                    return enqueued;
                }));
            }
            long all = 0;
            for (Future<Long> caller : callers) {
                all += caller.get();
            }
            return (double) all / seconds;
        } finally {
            pool.shutdown();
        }
    }
}
