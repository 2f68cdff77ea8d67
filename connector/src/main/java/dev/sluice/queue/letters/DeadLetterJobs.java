package dev.sluice.queue.letters;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.admin.DeadLetters;
import dev.sluice.queue.letters.DeadLetterJob.Order;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The jobs that move dead letters back or delete them: makes them, lists them and cancels them.
 * {@link DeadLetterJobRunner} does them.
 *
 * <p>Safe for use by many threads and processes.
 */
public final class DeadLetterJobs {
    /** Most ids of letters in an order. */
    public static final int MAX_LETTERS = 10_000;

    /** Most letters that a job may do in a second, if it has a limit. */
    public static final int MAX_RATE = 100_000;

    /** Most refused letters whose reasons a job keeps. */
    public static final int MAX_ERRORS = 20;

    /** Most jobs that one transaction deletes. */
    private static final int PRUNED = 1_000;

    private final Transactions transactions;
    private final Transactions snapshots;
    private final Statements statements;
    private final DeadLetters letters;

    /** Makes the jobs of a schema that is up to date. Does not ask the database yet. */
    public DeadLetterJobs(DataSource dataSource, String schema, DeadLetters letters) {
        this.transactions = Transactions.byIndex(dataSource);
        this.snapshots = new Transactions(dataSource);
        this.statements = Statements.read("dead_letter_jobs.sql", schema);
        this.letters = letters;
    }

    /** Thrown if the target of an order does not exist. */
    public static final class NoSuchQueueException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NoSuchQueueException(String queue) {
            super("queue " + queue + " does not exist");
        }
    }

    /** Returns how many letters an order is about now, without making a job. */
    public long count(Order order) {
        return snapshots.run("could not count the dead letters", connection -> {
            requireTarget(connection, order);
            List<Long> ids = order.letters();
            return ids == null ? letters.count(connection, order.filter()) : letters.count(connection, ids);
        });
    }

    /**
     * Makes a job of an order. The job is about the letters that exist now.
     *
     * @throws NoSuchQueueException if the target does not exist
     * @throws QueueException if PostgreSQL failed; there is no job, unless the commit failed
     */
    public DeadLetterJob create(Order order) {
        return snapshots.run("could not make a job", connection -> {
            // The number of the letters and the newest of them are of one moment.
            int unused = statements.on(connection, "one-snapshot").execute();
            requireTarget(connection, order);
            List<Long> ids = order.letters();
            long total = ids == null ? letters.count(connection, order.filter()) : ids.size();
            return insert(connection, order, letters.newest(connection), total);
        });
    }

    private void requireTarget(Connection connection, Order order) throws SQLException {
        String target = order.target();
        if (target != null
                && !statements
                        .on(connection, "queue-exists")
                        .set("queue", target)
                        .first(row -> row.getBoolean("found"))
                        .orElseThrow()) {
            throw new NoSuchQueueException(target);
        }
    }

    private DeadLetterJob insert(Connection connection, Order order, long last, long total) throws SQLException {
        List<Long> ids = order.letters();
        Integer rate = order.rate();
        BoundStatement statement = statements.on(connection, "create");
        return statement
                .set("action", order.action().name().toLowerCase(Locale.ROOT))
                .set(
                        "letters",
                        ids == null ? null : ids.toString().replace('[', '{').replace(']', '}'))
                .set("queue", order.filter().queue())
                .set("namespace", order.filter().namespace())
                .set("group", order.filter().group())
                .set("partition", order.filter().partition())
                .set("shape", order.filter().shape())
                .set("error", order.filter().error())
                .set("from", order.filter().from())
                .set("to", order.filter().to())
                .set("target", order.target())
                .set("rate", rate == null ? null : (Long) (long) rate)
                .set("created_by", order.createdBy())
                .set("last", last)
                .set("total", total)
                .first(DeadLetterJob::of)
                .orElseThrow();
    }

    /** Returns a job; empty if there is none with this id. */
    public Optional<DeadLetterJob> get(long id) {
        return transactions.run(
                "could not read job " + id,
                connection -> statements.on(connection, "get").set("id", id).first(DeadLetterJob::of));
    }

    /**
     * Returns jobs, newest first.
     *
     * @param before id of the last job of the page before; null: begin with the newest
     */
    public List<DeadLetterJob> list(@Nullable Long before, int limit) {
        return transactions.run(
                "could not read the jobs",
                connection -> statements
                        .on(connection, "list")
                        .set("before", before)
                        .set("limit", limit)
                        .list(DeadLetterJob::of));
    }

    /**
     * Ends a job. If a process runs it, the process ends it after its step. What is done stays done.
     *
     * @return the job; empty if there is none with this id
     */
    public Optional<DeadLetterJob> cancel(long id) {
        return transactions.run("could not cancel job " + id, connection -> {
            int unused = statements.on(connection, "cancel").set("id", id).execute();
            return statements.on(connection, "get").set("id", id).first(DeadLetterJob::of);
        });
    }

    /** Deletes jobs that finished longer ago than {@code kept}. Returns how many. */
    public long prune(Duration kept) {
        return transactions.repeat(
                "could not delete old jobs",
                connection -> statements
                        .on(connection, "prune")
                        .set("kept_s", kept.toSeconds())
                        .set("limit", PRUNED)
                        .execute());
    }

    /** Takes jobs that nobody runs. */
    List<DeadLetterJob> claim(UUID owner, Duration lease, int limit) {
        return transactions.run(
                "could not look for jobs",
                connection -> statements
                        .on(connection, "claim")
                        .set("owner", owner)
                        .set("lease_ms", lease.toMillis())
                        .set("limit", limit)
                        .list(DeadLetterJob::of));
    }

    /**
     * What a step has done.
     *
     * @param position id of the last letter that is done
     */
    record Advance(long position, DeadLetterJob.Done done, List<DeadLetterJob.Refusal> errors) {}

    /**
     * Stores what a step has done, in its transaction.
     *
     * @return whether the job is to be cancelled; empty if the owner has lost the job
     */
    Optional<Boolean> advance(Connection connection, long id, UUID owner, Duration lease, Advance step)
            throws SQLException {
        return statements
                .on(connection, "advance")
                .set("id", id)
                .set("owner", owner)
                .set("lease_ms", lease.toMillis())
                .set("position", step.position())
                .set("moved", step.done().moved())
                .set("duplicates", step.done().duplicates())
                .set("deleted", step.done().deleted())
                .set("gone", step.done().gone())
                .set("refused", step.done().refused())
                .set("error_letters", step.errors(), DeadLetterJob.Refusal::letter)
                .setTexts("error_texts", step.errors(), DeadLetterJob.Refusal::reason)
                .first(row -> row.getBoolean("cancel_requested"));
    }

    /** Does the same in a transaction of its own. */
    Optional<Boolean> advance(long id, UUID owner, Duration lease, Advance step) {
        return transactions.run(
                "could not go on with job " + id, connection -> advance(connection, id, owner, lease, step));
    }

    /** Deletes letters, and stores that. */
    Optional<Boolean> delete(long id, UUID owner, Duration lease, List<Long> ids, long position) {
        return transactions.run("could not delete dead letters of job " + id, connection -> {
            int deleted = letters.purge(connection, ids);
            var done = new DeadLetterJob.Done(0, 0, deleted, ids.size() - (long) deleted, 0);
            Optional<Boolean> held = advance(connection, id, owner, lease, new Advance(position, done, List.of()));
            if (held.isEmpty()) {
                connection.rollback();
            }
            return held;
        });
    }

    /** Keeps a job whose step failed. Returns whether it is to be cancelled; empty if the owner has lost it. */
    Optional<Boolean> renew(long id, UUID owner, Duration lease, String failure) {
        return transactions.run(
                "could not keep job " + id,
                connection -> statements
                        .on(connection, "renew")
                        .set("id", id)
                        .set("owner", owner)
                        .set("lease_ms", lease.toMillis())
                        .set("failure", failure)
                        .first(row -> row.getBoolean("cancel_requested")));
    }

    /** Ends a job: it is cancelled if that was asked for, completed otherwise. */
    void finish(long id, UUID owner) {
        transactions.run(
                "could not end job " + id,
                connection -> statements
                        .on(connection, "finish")
                        .set("id", id)
                        .set("owner", owner)
                        .execute());
    }

    /** Gives jobs back. */
    void release(Collection<Long> ids, UUID owner) {
        transactions.run(
                "could not give jobs back",
                connection -> statements
                        .on(connection, "release")
                        .set("ids", ids, Long::longValue)
                        .set("owner", owner)
                        .execute());
    }
}
