package dev.sluice.work.bench;

import com.github.kagkarlsson.scheduler.Scheduler;
import com.github.kagkarlsson.scheduler.SchedulerBuilder;
import com.github.kagkarlsson.scheduler.SchedulerName;
import com.github.kagkarlsson.scheduler.task.helper.OneTimeTask;
import com.github.kagkarlsson.scheduler.task.helper.Tasks;
import dev.sluice.queue.TestPostgres;
import dev.sluice.work.Outcome;
import dev.sluice.work.bench.Figures.Figure;
import dev.sluice.work.bench.Figures.Goal;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The same job on ten threads: works or one-time tasks that do nothing, from a backlog. db-scheduler runs with both of
 * its ways to poll: the default, and lock-and-fetch with the limits that its manual names for a high throughput. Its
 * tasks have no data, while the works have 200 bytes.
 */
final class BesideDbScheduler implements Part {
    private static final int THREADS = 10;
    private static final long WORKS_A_SECOND = 40_000;
    private static final long TASKS_A_SECOND = 3_000;

    private static final String TABLE = """
            create table scheduled_tasks (
              task_name text not null, task_instance text not null, task_data bytea, execution_time timestamptz,
              picked boolean not null, picked_by text, last_success timestamptz, last_failure timestamptz,
              consecutive_failures integer, last_heartbeat timestamptz, version bigint not null, priority smallint,
              state text,
              primary key (task_name, task_instance));
            create index execution_time_idx on scheduled_tasks (execution_time);
            create index last_heartbeat_idx on scheduled_tasks (last_heartbeat);
            create index priority_execution_time_idx on scheduled_tasks (priority desc, execution_time asc)
            """;

    private interface Contender {
        double rate() throws InterruptedException;
    }

    @Override
    public void measure(TestPostgres postgres, Part.Round round) throws InterruptedException {
        postgres.execute(TABLE);
        var backlog = new Backlog(postgres);
        long works = WORKS_A_SECOND * round.seconds();
        long tasks = TASKS_A_SECOND * round.seconds();
        var contenders = List.<Contender>of(
                () -> works(backlog, works),
                () -> tasks(postgres, backlog, tasks, builder -> builder),
                () -> tasks(postgres, backlog, tasks, builder -> builder.pollUsingLockAndFetch(1.0, 4.0)));
        var rates = new double[contenders.size()];
        for (int i = 0; i < rates.length; i++) {
            int which = (i + round.number()) % rates.length;
            rates[which] = contenders.get(which).rate();
        }
        Figures figures = round.figures();
        figures.add(new Figure("rival", "this engine, 10 workers", "works/s", Goal.NONE), rates[0]);
        figures.add(new Figure("rival", "db-scheduler, default polling, 10 threads", "works/s", Goal.NONE), rates[1]);
        figures.add(new Figure("rival", "db-scheduler, lock-and-fetch, 10 threads", "works/s", Goal.NONE), rates[2]);
        figures.add(
                new Figure("rival", "this engine beside the default polling", "times", Goal.atLeast(5)),
                rates[0] / rates[1]);
        figures.add(
                new Figure("rival", "this engine beside lock-and-fetch", "times", Goal.atLeast(5)),
                rates[0] / rates[2]);
    }

    private static double works(Backlog backlog, long works) throws InterruptedException {
        backlog.fill("rival", works);
        backlog.settle();
        return backlog.rate("rival", works, THREADS, (work, context) -> Outcome.done());
    }

    private static double tasks(
            TestPostgres postgres, Backlog backlog, long tasks, UnaryOperator<SchedulerBuilder> polling)
            throws InterruptedException {
        postgres.execute("truncate scheduled_tasks");
        postgres.execute("insert into scheduled_tasks (task_name, task_instance, execution_time, picked, version)"
                + " select 'noop', i::text, now(), false, 1 from generate_series(1, " + tasks + ") i");
        backlog.settle();
        var progress = new Progress(tasks);
        OneTimeTask<Void> task = Tasks.oneTime("noop").execute((instance, context) -> progress.add(1));
        Scheduler scheduler = polling.apply(Scheduler.create(postgres.dataSource(), List.of(task)))
                .threads(THREADS)
                .schedulerName(new SchedulerName.Fixed("benchmark"))
                .build();
        scheduler.start();
        try {
            return progress.rate();
        } finally {
            scheduler.stop();
        }
    }
}
