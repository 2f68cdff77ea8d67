package dev.sluice.work.bench;

import dev.sluice.queue.Acknowledgement;
import dev.sluice.queue.PopRequest;
import dev.sluice.queue.PopResult;
import dev.sluice.queue.PopTarget;
import dev.sluice.queue.Subscription;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.work.Outcome;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Handlers that do nothing, beside loops that pop and acknowledge the same messages. */
final class NoopHandlers implements Part {
    private static final int WORKERS = 10;
    private static final int POP = 100;
    private static final String GROUP = "readers";

    /** Works for each second that a measurement is to take. */
    private static final long WORKS_A_SECOND = 40_000;

    private interface Contender {
        double rate() throws Exception;
    }

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws Exception {
        var backlog = new Backlog(postgres);
        long works = WORKS_A_SECOND * round.seconds();
        for (String type : List.of("noop", "one", "ten")) {
            backlog.fill(type, works);
        }
        var rates = new double[3];
        var contenders = List.<Contender>of(
                () -> backlog.rate("noop", works, WORKERS, (work, context) -> Outcome.done()),
                () -> loops(postgres, "work.one", works, 1),
                () -> loops(postgres, "work.ten", works, WORKERS));
        for (int i = 0; i < rates.length; i++) {
            int which = (i + round.number()) % rates.length;
            backlog.settle();
            rates[which] = contenders.get(which).rate();
        }
        Figures figures = round.figures();
        figures.add(new Figure("noop", "handlers that do nothing, 10 workers", "works/s", Goal.NONE), rates[0]);
        figures.add(new Figure("noop", "pop of 100 and ack, 1 loop", "works/s", Goal.NONE), rates[1]);
        figures.add(new Figure("noop", "pop of 100 and ack, 10 loops", "works/s", Goal.NONE), rates[2]);
        figures.add(new Figure("noop", "handlers beside 1 loop", "%", Goal.atLeast(70)), 100 * rates[0] / rates[1]);
        figures.add(new Figure("noop", "handlers beside 10 loops", "%", Goal.NONE), 100 * rates[0] / rates[2]);
    }

    private static double loops(TestPostgres postgres, String name, long works, int loops)
            throws InterruptedException, ExecutionException {
        var queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        var progress = new Progress(works);
        var threads = Executors.newFixedThreadPool(loops);
        try {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < loops; i++) {
                running.add(threads.submit(() -> loop(queue, name, progress)));
            }
            for (Future<?> each : running) {
                each.get();
            }
            return progress.rate();
        } finally {
            threads.shutdown();
        }
    }

    private static void loop(Queue queue, String name, Progress progress) {
        var target = new PopTarget(name, null, GROUP);
        var request = List.of(new PopRequest(POP, 1, false, Subscription.ALL));
        while (!progress.isOver()) {
            PopResult result = queue.pop(target, request).get(0);
            if (!result.messages().isEmpty()) {
                queue.acknowledge(result.messages().stream()
                        .map(message -> new Acknowledgement(
                                GROUP,
                                message.partitionId(),
                                message.transactionId(),
                                result.leaseId(),
                                Acknowledgement.Verdict.COMPLETED,
                                null))
                        .toList());
                progress.add(result.messages().size());
            }
        }
    }
}
