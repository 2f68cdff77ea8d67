package dev.sluice.work.bench;

import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Handler;
import dev.sluice.work.Outcome;
import dev.sluice.work.Work;
import dev.sluice.work.WorkBuffer;
import java.util.stream.LongStream;

/** Fills a queue of works, and lets an engine run it dry. */
final class Backlog {
    private static final int BATCH = 5_000;

    /** Each program has a partition in a lane, which it chooses by chance. */
    private static final int PROGRAMS = 40;

    private static final String TEXT = "abcdefghij0123456789".repeat(8);

    private final TestPostgres postgres;

    Backlog(TestPostgres postgres) {
        this.postgres = postgres;
    }

    /** Returns a work of about 200 bytes. */
    static Work work(String type, long number) {
        return Work.of(type, "{\"number\":" + number + ",\"text\":\"" + TEXT + "\"}");
    }

    /** Enqueues works, one part after the other from programs of their own. */
    void fill(String type, long works) throws InterruptedException {
        for (int program = 0; program < PROGRAMS; program++) {
            try (WorkBuffer producer =
                    WorkBuffer.builder(postgres.dataSource()).listen(false).start()) {
                long end = works * (program + 1) / PROGRAMS;
                for (long from = works * program / PROGRAMS; from < end; from += BATCH) {
                    producer.enqueue(LongStream.range(from, Math.min(end, from + BATCH))
                            .mapToObj(number -> work(type, number).priority(PriorityLane.NORMAL))
                            .toList());
                }
            }
        }
    }

    /** Brings statistics and files up to date. */
    void settle() {
        postgres.execute("vacuum analyze");
        postgres.execute("checkpoint");
    }

    /** Returns how many works of a backlog an engine with a handler handles a second. */
    double rate(String type, long works, int workers, Handler handler) throws InterruptedException {
        var progress = new Progress(works);
        Handler counting = (work, context) -> {
            Outcome outcome = handler.handle(work, context);
            progress.add(1);
            return outcome;
        };
        try (WorkBuffer engine = WorkBuffer.builder(postgres.dataSource())
                .concurrency(workers)
                .handler(type, counting)
                .start()) {
            double rate = progress.rate();
            engine.pause(type);
            return rate;
        }
    }
}
