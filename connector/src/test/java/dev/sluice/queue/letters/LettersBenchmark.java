package dev.sluice.queue.letters;

import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.State;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.LongFunction;

/**
 * Measures counts and jobs on many dead letters: {@code LettersBenchmark [letters]}, a million by default. They belong
 * to 20 queues and have 40 shapes, 200 bytes of payload each.
 */
final class LettersBenchmark {
    private static final int ROUNDS = 7;

    private LettersBenchmark() {}

    public static void main(String[] arguments) throws Exception {
        int letters = arguments.length == 0 ? 1_000_000 : Integer.parseInt(arguments[0]);
        try (TestPostgres postgres = TestPostgres.withSchema().withoutSyncs()) {
            fill(postgres, letters);
            measure(postgres, letters);
        }
    }

    private static void fill(TestPostgres postgres, int letters) {
        postgres.execute("insert into sluice.queues (name) select 'work.t' || i from generate_series(0, 19) i;"
                + " insert into sluice.partitions (queue_id, name) select id, 'p' from sluice.queues;"
                + " drop index sluice.dead_letters_by_shape");
        LongFunction<String> error = kind -> "Handler " + (char) ('a' + kind % 20)
                + (kind < 20 ? " timed out" : " failed") + " after ' || n || ' ms for user ' || n % 977 || '";
        var cases = new StringBuilder();
        for (int kind = 0; kind < 40; kind++) {
            ErrorShape shape = ErrorShape.of(error.apply(kind).replaceAll("' \\|\\| n.*? \\|\\| '", "7"));
            cases.append(kind == 0 ? "" : ", ").append("(" + kind + ", '" + shape.text() + "', " + shape.id() + ")");
        }
        postgres.execute("insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name,"
                + " message_id, transaction_id, payload, error, retries, created_at, failed_at, error_shape, shape_id)"
                + " select p.queue_id, p.id, 'p', n, 'work', gen_random_uuid(), 't' || n,"
                + " '\"' || repeat('x', 198) || '\"',"
                + " replace(replace(k.shape, 'after # ms', 'after ' || n || ' ms'), 'user #', 'user ' || n % 977),"
                + " 5, now(), now() - (" + letters + " - n) * interval '1 second', k.shape, k.id"
                + " from generate_series(1, " + letters + ") n"
                + " join sluice.partitions p on p.queue_id = 1 + n % 20"
                + " join (values " + cases + ") as k (kind, shape, id) on k.kind = n % 40");
        time("create the index of the shapes", () -> {
            postgres.execute("create index dead_letters_by_shape on sluice.dead_letters"
                    + " (queue_id, group_name, shape_id, failed_at, id)");
            return null;
        });
        postgres.execute("vacuum analyze sluice.dead_letters");
        System.out.println(postgres.query("select pg_size_pretty(pg_table_size('sluice.dead_letters')),"
                + " pg_size_pretty(pg_relation_size('sluice.dead_letters_by_shape'))"));
    }

    private static void measure(TestPostgres postgres, int count) throws Exception {
        var groups = new ErrorGroups(postgres.dataSource(), "sluice");
        var letters = new DeadLetters(postgres.dataSource(), "sluice", PayloadCipher.NONE);
        var jobs = new DeadLetterJobs(postgres.dataSource(), "sluice", letters);
        var all = new ErrorGroups.Filter(null, null, null, null, null, null);
        ErrorGroups.Found found = groups.find(all, true, ErrorGroups.Order.COUNT, 100);
        System.out.println(found.groups().size() + " groups of " + found.letters() + " letters");
        time("groups, all", () -> groups.find(all, true, ErrorGroups.Order.COUNT, 100));
        time("groups, by queue", () -> groups.find(all, false, ErrorGroups.Order.LAST, 100));
        var ofQueue = new ErrorGroups.Filter("work.t3", null, null, null, null, null);
        time("groups, one queue", () -> groups.find(ofQueue, true, ErrorGroups.Order.COUNT, 100));
        var withText = new ErrorGroups.Filter(null, null, null, null, null, "TIMED out");
        time("groups, with a text", () -> groups.find(withText, true, ErrorGroups.Order.COUNT, 100));
        time(
                "count for a job, by shape",
                () -> letters.count(new DeadLetterFilter(
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        found.groups().get(0).shapeId())));
        time(
                "count for a job, by text",
                () -> letters.count(new DeadLetterFilter(null, null, null, null, null, "user 17", null, null)));
        time(
                "a step that finds nothing",
                () -> letters.next(
                        new DeadLetterFilter("nowhere", null, null, null, null, null, null, null),
                        0,
                        Long.MAX_VALUE,
                        500));
        fold(postgres, groups, count);
        run(postgres, jobs, letters, Action.REDRIVE, "work.t1");
        run(postgres, jobs, letters, Action.DELETE, "work.t2");
        time("groups, all, after that", () -> groups.find(all, true, ErrorGroups.Order.COUNT, 100));
    }

    private static void fold(TestPostgres postgres, ErrorGroups groups, int count) {
        int some = Math.min(50_000, count);
        postgres.execute("update sluice.dead_letters set shape_id = null where id <= " + some);
        long begun = System.nanoTime();
        boolean more = true;
        while (more) {
            more = groups.fold();
        }
        double seconds = (System.nanoTime() - begun) / 1e9;
        System.out.printf("fold: %.0f letters a second%n", some / seconds);
    }

    private static void run(
            TestPostgres postgres, DeadLetterJobs jobs, DeadLetters letters, Action action, String queue) {
        var redrive = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        var filter = new DeadLetterFilter(queue, null, null, null, null, null, null, null);
        try (var runner = new DeadLetterJobRunner(jobs, letters, redrive, queues -> {})) {
            long begun = System.nanoTime();
            DeadLetterJob job = jobs.create(new DeadLetterJob.Order(action, null, filter, null, null, null));
            while (jobs.get(job.id()).orElseThrow().state() != State.COMPLETED) {
                Duration unused = runner.turn(Duration.ofSeconds(1));
            }
            double seconds = (System.nanoTime() - begun) / 1e9;
            System.out.printf("%s of %d letters of one queue: %.1f s%n", action, job.total(), seconds);
        }
    }

    private static <T> void time(String what, Callable<T> call) {
        List<Double> millis = new ArrayList<>();
        int rounds = what.startsWith("create") ? 1 : ROUNDS;
        try {
            for (int i = 0; i < rounds; i++) {
                long begun = System.nanoTime();
                T unused = call.call();
                millis.add((System.nanoTime() - begun) / 1e6);
            }
        } catch (Exception e) {
            throw new IllegalStateException(what, e);
        }
        millis.sort(null);
        System.out.printf(
                "%s: %.0f ms (%.0f to %.0f)%n", what, millis.get(rounds / 2), millis.get(0), millis.get(rounds - 1));
    }
}
