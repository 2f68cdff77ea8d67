package dev.sluice.queue.letters;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AdministrationFixture;
import dev.sluice.queue.ErrorShape;
import dev.sluice.queue.Messages;
import dev.sluice.queue.TestPostgres;
import dev.sluice.queue.admin.DeadLetterFilter;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.letters.DeadLetterJob.Action;
import dev.sluice.queue.letters.DeadLetterJob.Order;
import dev.sluice.queue.letters.DeadLetterJob.State;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.write.QueueWriterConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A database with dead letters, jobs on them, and runners that end with the test. */
class LettersFixture {
    static final Duration LEASE = Duration.ofSeconds(2);

    protected AdministrationFixture sluice;
    protected TestPostgres postgres;
    protected DeadLetters letters;
    protected DeadLetterJobs jobs;
    protected final AtomicLong nanos = new AtomicLong(1);
    private final List<DeadLetterJobRunner> runners = new ArrayList<>();

    @BeforeEach
    void open() {
        sluice = new AdministrationFixture();
        postgres = sluice.postgres.withoutSyncs();
        letters = sluice.deadLetters;
        jobs = new DeadLetterJobs(postgres.dataSource(), "sluice", letters);
    }

    @AfterEach
    void close() {
        runners.forEach(DeadLetterJobRunner::close);
        sluice.close();
    }

    /** Makes dead letters of group g in partition p of a queue. {@code %} in the error is the number of the letter. */
    void bury(String queue, int count, String error) {
        sluice.push(Messages.message(queue, "p", "first", "1"));
        postgres.execute("insert into sluice.dead_letters (queue_id, partition_id, partition_name, seq, group_name,"
                + " message_id, transaction_id, payload, error, retries, created_at, error_shape, shape_id)"
                + " select q.id, p.id, 'p', n, 'g', gen_random_uuid(), 't' || n, '{\"n\":' || n || '}', replace('"
                + error
                + "', '%', n::text), 3, now(), '"
                + ErrorShape.of(error.replace("%", "1")).text() + "', "
                + ErrorShape.of(error.replace("%", "1")).id() + " from generate_series(1, " + count
                + ") n, sluice.queues q join sluice.partitions p on p.queue_id = q.id where q.name = '" + queue + "'");
    }

    static DeadLetterFilter ofQueue(String queue) {
        return new DeadLetterFilter(queue, null, null, null, null, null, null, null);
    }

    static Order redrive(DeadLetterFilter filter) {
        return new Order(Action.REDRIVE, null, filter, null, null, null);
    }

    static Order redrive(DeadLetterFilter filter, @Nullable String target, @Nullable Integer rate) {
        return new Order(Action.REDRIVE, null, filter, target, rate, null);
    }

    DeadLetterJobRunner runner() {
        return runner(queues -> {});
    }

    /** A runner whose clock the test turns. */
    DeadLetterJobRunner runner(Consumer<Set<String>> wake) {
        var redrive = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        var runner = new DeadLetterJobRunner(jobs, letters, redrive, wake, LEASE, nanos::get);
        runners.add(runner);
        return runner;
    }

    DeadLetterJob job(DeadLetterJob job) {
        return jobs.get(job.id()).orElseThrow();
    }

    /** Runs a job to its end. Turns the clock as far as the runner asks. */
    DeadLetterJob finish(DeadLetterJobRunner runner, DeadLetterJob job) {
        for (int turns = 0; turns < 10_000; turns++) {
            DeadLetterJob now = job(job);
            if (now.state() == State.COMPLETED || now.state() == State.CANCELLED) {
                return now;
            }
            nanos.addAndGet(runner.turn(Duration.ofSeconds(1)).toNanos());
        }
        throw new AssertionError("the job does not end: " + job(job));
    }

    long left(String queue) {
        return letters.count(ofQueue(queue));
    }

    /** Returns how many messages with a letter's id a queue has. */
    long moved(String queue) {
        List<String> rows = postgres.query("select count(*), count(distinct transaction_id) from sluice.messages"
                + " where queue = '" + queue + "' and transaction_id like 'dlq:%'");
        String[] counts = rows.get(0).split("\\|", -1);
        assertThat(counts[0]).as("no letter is moved twice").isEqualTo(counts[1]);
        return Long.parseLong(counts[0]);
    }
}
