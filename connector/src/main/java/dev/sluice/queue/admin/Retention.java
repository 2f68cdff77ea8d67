package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes expired messages by the options of their queue, old dead letters, unused rows ({@link UnusedRows}), and the
 * rows of deleted queues, deleted partitions and cleared messages.
 *
 * <p>A sweep consists of short transactions, called steps. There are two kinds of steps for messages:
 *
 * <ol>
 *   <li>The first kind advances the tails of partitions and the cursors behind them ({@link TailAdvance}). From its
 *       commit on the messages are invisible. It skips partitions and cursors that another transaction has locked, and
 *       tries them again soon: under load a pop or a flush has a lock of each partition most of the time, for
 *       milliseconds each. If they stay locked, the next sweep tries them again.
 *   <li>The second kind deletes invisible segments, a bounded number in each step. Pushes, pops and acknowledgements
 *       need none of its locks.
 * </ol>
 *
 * <p>Retention deletes the oldest messages of a partition, whole segments only. All messages of a segment have one age.
 * A position never moves back.
 *
 * <p>Several processes may run sweeps; an advisory lock admits one of them at a time. Safe for use by many threads.
 */
public final class Retention {
    private static final Logger log = LoggerFactory.getLogger(Retention.class);

    /** Default for how long a partition must be empty and without pushes before it is deleted. */
    public static final Duration IDLE_PARTITIONS = Duration.ofDays(30);

    /** Partitions that one statement examines, without locks. */
    private static final int PAGE = 500;
    /** Partitions that one step locks. */
    private static final int PARTITIONS = 50;
    /** Segments of a partition that one step examines, and segments that one step deletes. */
    private static final int SEGMENTS = 100;
    /** Rounds in which all partitions were locked, after which a sweep leaves them to the next one. */
    private static final int MOST_LOCKED_ROUNDS = 50;
    /** How long a sweep waits after such a round. */
    private static final long LOCKED_PAUSE_MS = 10;
    /** Rows of the index of transaction ids that one step deletes: those of a hundred blocks. */
    private static final int HASHES = 6400;
    /** Other rows that one step deletes. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;
    private final PartitionPages pages;
    private final TailAdvance tailAdvance;
    private final UnusedRows unusedRows;
    private final String lockKey;
    private final Duration deadLetters;
    private final RetentionListener listener;

    /**
     * Makes the retention of a schema that {@link QueueSchema} has brought up to date, with {@link #IDLE_PARTITIONS}.
     */
    public Retention(DataSource dataSource, String schema) {
        this(dataSource, schema, IDLE_PARTITIONS, Duration.ZERO, (queue, aged, completed, waitedTooLong) -> {});
    }

    /** Makes the same, with other times for partitions; dead letters stay. */
    public Retention(DataSource dataSource, String schema, Duration idlePartitions, RetentionListener listener) {
        this(dataSource, schema, idlePartitions, Duration.ZERO, listener);
    }

    /**
     * Makes the retention of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param idlePartitions how long a partition must be empty and without pushes before it is deleted; zero: empty
     *     partitions stay
     * @param deadLetters how long dead letters stay after they failed; zero: until somebody deletes them
     * @param listener is told what was deleted
     */
    public Retention(
            DataSource dataSource,
            String schema,
            Duration idlePartitions,
            Duration deadLetters,
            RetentionListener listener) {
        this.listener = listener;
        this.deadLetters = deadLetters;
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("retention.sql", schema);
        this.pages = new PartitionPages(transactions, schema, PAGE);
        this.tailAdvance = new TailAdvance(schema);
        this.unusedRows = new UnusedRows(schema, idlePartitions);
        this.lockKey = "sluice retention " + schema;
    }

    /**
     * Deletes everything that is due. Returns when nothing is left to do or when another process runs a sweep. Blocks
     * during that time. An interrupt ends the sweep after the current step and stays set.
     *
     * @throws QueueException if PostgreSQL failed; earlier steps are committed, and the next sweep continues there
     */
    public RetentionResult sweep() {
        return new Sweep().run();
    }

    /** The new tail of a partition by each reason to delete, or 0. */
    private record Expired(long id, long ttl, long retention, long completed, long waitedTooLong, boolean more) {
        long tail() {
            return Math.max(Math.max(ttl, retention), Math.max(completed, waitedTooLong));
        }

        /** Counts the messages from the old tail on; a message counts for the first reason that applies. */
        Counts since(long oldTail) {
            long afterTtl = Math.max(oldTail, ttl);
            long afterRetention = Math.max(afterTtl, retention);
            long afterCompleted = Math.max(afterRetention, completed);
            return new Counts(
                    afterTtl - oldTail,
                    afterRetention - afterTtl,
                    afterCompleted - afterRetention,
                    Math.max(afterCompleted, waitedTooLong) - afterCompleted);
        }
    }

    /** Deleted messages by reason. */
    private record Counts(long ttl, long retention, long completed, long waitedTooLong) {
        static final Counts NONE = new Counts(0, 0, 0, 0);

        Counts plus(Counts more) {
            return new Counts(
                    ttl + more.ttl,
                    retention + more.retention,
                    completed + more.completed,
                    waitedTooLong + more.waitedTooLong);
        }
    }

    /**
     * What a step did.
     *
     * @param messages those that it made invisible
     * @param again partitions in which more messages may have expired, or that other transactions had locked
     */
    private record Advanced(Counts messages, List<Long> again) {
        static final Advanced NOTHING = new Advanced(Counts.NONE, List.of());
    }

    /** One sweep with its result so far. */
    private final class Sweep {
        private Counts messages = Counts.NONE;
        private Counts ofQueue = Counts.NONE;
        private long segments;
        private long deadLettersDeleted;
        private long scheduled;
        /** Whether the sweep must end: its thread is interrupted, or another process runs a sweep. */
        private boolean stopped;

        RetentionResult run() {
            for (String queue : queuesWithLimits()) {
                deleteExpired(queue);
            }
            deleteOldDeadLetters();
            deleteUnusedRows();
            deleteRemains();
            return new RetentionResult(
                    !stopped,
                    messages.ttl(),
                    messages.retention(),
                    messages.completed(),
                    messages.waitedTooLong(),
                    segments,
                    deadLettersDeleted,
                    scheduled);
        }

        private List<String> queuesWithLimits() {
            return transactions.run(
                    "could not read the queues",
                    connection ->
                            statements.on(connection, "queues-with-limits").list(row -> row.getString("name")));
        }

        /** Deletes the expired messages of a queue, and tells the listener even if a later step fails. */
        private void deleteExpired(String queue) {
            String what = "could not delete old messages of queue " + queue;
            ofQueue = Counts.NONE;
            try {
                PartitionPages.Walk walk = pages.walk(what, queue, null);
                while (!stopped) {
                    List<Long> page = walk.next();
                    if (page.isEmpty()) {
                        return;
                    }
                    deleteExpired(what, page);
                }
            } finally {
                messages = messages.plus(ofQueue);
                if (!ofQueue.equals(Counts.NONE)) {
                    listener.messagesDeleted(
                            queue, ofQueue.ttl() + ofQueue.retention(), ofQueue.completed(), ofQueue.waitedTooLong());
                }
            }
        }

        private void deleteExpired(String what, List<Long> page) {
            List<Long> candidates = page;
            int lockedRounds = 0;
            while (!candidates.isEmpty() && lockedRounds <= MOST_LOCKED_ROUNDS && !stopped) {
                Counts before = ofQueue;
                List<Long> examined = candidates;
                List<Long> expired = transactions.run(what, connection -> expired(connection, examined)).stream()
                        .map(Expired::id)
                        .toList();
                candidates = new ArrayList<>();
                for (int i = 0; i < expired.size(); i += PARTITIONS) {
                    List<Long> some = expired.subList(i, Math.min(expired.size(), i + PARTITIONS));
                    Advanced advanced = step(what, Advanced.NOTHING, connection -> advanceTails(connection, some));
                    ofQueue = ofQueue.plus(advanced.messages());
                    candidates.addAll(advanced.again());
                    if (!advanced.messages().equals(Counts.NONE)) {
                        deleteRemains(some);
                    }
                }
                if (!ofQueue.equals(before)) {
                    lockedRounds = 0;
                } else if (!candidates.isEmpty()) {
                    lockedRounds++;
                    pause();
                }
            }
        }

        /** Waits a moment. An interrupt ends the wait and stays set. */
        private void pause() {
            try {
                Thread.sleep(LOCKED_PAUSE_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        /** Deletes the dead letters that are too old. The oldest have the smallest ids. */
        private void deleteOldDeadLetters() {
            if (deadLetters.isZero()) {
                return;
            }
            long total = repeat(
                    "could not delete old dead letters",
                    connection -> statements
                            .on(connection, "delete-old-dead-letters")
                            .set("kept_s", deadLetters.toSeconds())
                            .set("rows", UnusedRows.ROWS)
                            .execute());
            deadLettersDeleted += total;
            if (total > 0) {
                log.info("Retention deleted old dead letters deadLetters={}", total);
            }
        }

        private void deleteUnusedRows() {
            long partitions = deleteIdlePartitions();
            long subscriptions =
                    repeat("could not delete subscriptions that have ended", unusedRows::deleteSubscriptions);
            long offsets = repeat("could not delete the offsets of old epochs", unusedRows::deleteOffsets);
            if (partitions + subscriptions + offsets > 0) {
                log.info(
                        "Retention deleted unused rows idlePartitions={} pendingSubscriptions={} oldEpochs={}",
                        partitions,
                        subscriptions,
                        offsets);
            }
        }

        private long deleteIdlePartitions() {
            long partitions = 0;
            long last = 0;
            while (!stopped) {
                long after = last;
                List<Long> idle = transactions.run(
                        "could not read the idle partitions",
                        connection -> unusedRows.idlePartitions(connection, after));
                if (idle.isEmpty()) {
                    break;
                }
                Map<String, Long> deleted = step(
                        "could not delete idle partitions",
                        Map.of(),
                        connection -> unusedRows.deletePartitions(connection, idle));
                deleted.forEach(listener::partitionsDeleted);
                partitions +=
                        deleted.values().stream().mapToLong(Long::longValue).sum();
                last = idle.get(idle.size() - 1);
            }
            return partitions;
        }

        /** Repeats a step until it deletes fewer rows than it may; returns how many rows there were. */
        private long repeat(String what, Transactions.Work<Integer> work) {
            long total = 0;
            int deleted;
            do {
                deleted = step(what, 0, work);
                total += deleted;
            } while (deleted == UnusedRows.ROWS);
            return total;
        }

        private void deleteRemains() {
            long last = 0;
            while (!stopped) {
                long after = last;
                List<Long> page = transactions.run(
                        "could not read the deletions",
                        connection -> statements
                                .on(connection, "deletions")
                                .set("after", after)
                                .set("limit", PAGE)
                                .list(row -> row.getLong("partition_id")));
                if (page.isEmpty()) {
                    return;
                }
                deleteRemains(page);
                last = page.get(page.size() - 1);
            }
        }

        /** Deletes the invisible rows of partitions. */
        private void deleteRemains(List<Long> partitions) {
            segments += deleteAll(partitions, "delete-segments", SEGMENTS);
            deadLettersDeleted += deleteAll(partitions, "delete-dead-letters-of-deleted", ROWS);
            scheduled += deleteAll(partitions, "delete-scheduled-of-deleted", ROWS);
            deleteAll(partitions, "delete-hashes", HASHES);
            deleteAll(partitions, "delete-traces-of-deleted", ROWS);
            deleteAll(partitions, "delete-stream-state-of-deleted", ROWS);
            step("could not finish deletions", 0, connection -> finishDeletions(connection, partitions));
        }

        /** Runs a statement that deletes at most {@code rows} until it finds no more; returns how many there were. */
        private long deleteAll(List<Long> partitions, String name, int rows) {
            long total = 0;
            int deleted;
            do {
                deleted = step(
                        "could not delete invisible rows",
                        0,
                        connection -> statements
                                .on(connection, name)
                                .set("partitions", partitions, Long::longValue)
                                .set("rows", rows)
                                .execute());
                total += deleted;
            } while (deleted == rows);
            return total;
        }

        /**
         * Runs one short transaction, unless the sweep must end.
         *
         * @param ifStopped returned without running the work if the sweep must end
         */
        private <T> T step(String what, T ifStopped, Transactions.Work<T> work) {
            stopped |= Thread.currentThread().isInterrupted();
            if (stopped) {
                return ifStopped;
            }
            return transactions.run(what, connection -> {
                if (!tryLock(connection)) {
                    stopped = true;
                    return ifStopped;
                }
                statements.on(connection, "set-up-step").run();
                return work.on(connection);
            });
        }
    }

    /** Takes the lock of the sweep until the end of the transaction; returns false if another process has it. */
    private boolean tryLock(Connection connection) throws SQLException {
        return statements
                .on(connection, "sweep-lock")
                .set("key", lockKey)
                .first(row -> row.getBoolean("locked"))
                .orElseThrow();
    }

    private Advanced advanceTails(Connection connection, List<Long> partitions) throws SQLException {
        Map<Long, Long> oldTails = new TreeMap<>();
        statements
                .on(connection, "try-lock-partitions")
                .set("partitions", partitions, Long::longValue)
                .forEach(row -> oldTails.put(row.getLong("id"), row.getLong("tail")));
        // Read again under the lock: a seek may have moved a position back, or a group may have registered.
        Map<Long, Expired> expired = new TreeMap<>();
        expired(connection, oldTails.keySet()).forEach(each -> expired.put(each.id(), each));
        NavigableMap<Long, Long> newTails = new TreeMap<>();
        expired.forEach((id, each) -> newTails.put(id, each.tail()));
        var again = new ArrayList<Long>(partitions);
        again.removeAll(oldTails.keySet());
        for (long busy : partitionsOf("busy-partitions", connection, newTails)) {
            newTails.remove(busy);
            again.add(busy);
        }
        for (long claimed : partitionsOf("claimed-partitions", connection, newTails)) {
            newTails.remove(claimed);
            again.add(claimed);
        }
        tailAdvance.advance(connection, newTails);

        Counts messages = Counts.NONE;
        for (Expired each : expired.values()) {
            if (newTails.containsKey(each.id())) {
                messages = messages.plus(each.since(oldTails.getOrDefault(each.id(), each.tail())));
                if (each.more()) {
                    again.add(each.id());
                }
            }
        }
        return new Advanced(messages, again);
    }

    private List<Expired> expired(Connection connection, Collection<Long> partitions) throws SQLException {
        return statements
                .on(connection, "expired")
                .set("partitions", partitions, Long::longValue)
                .set("segments", SEGMENTS)
                .list(row -> new Expired(
                        row.getLong("id"),
                        row.getLong("ttl_tail"),
                        row.getLong("retention_tail"),
                        row.getLong("completed_tail"),
                        row.getLong("max_wait_tail"),
                        row.getBoolean("more")));
    }

    private List<Long> partitionsOf(String statement, Connection connection, NavigableMap<Long, Long> tails)
            throws SQLException {
        return statements
                .on(connection, statement)
                .set("partitions", tails.keySet(), Long::longValue)
                .set("tails", tails.values(), Long::longValue)
                .list(row -> row.getLong("partition_id"));
    }

    /** Deletes the deletions of partitions that have no rows left; returns how many. */
    private int finishDeletions(Connection connection, List<Long> partitions) throws SQLException {
        List<Long> locked = statements
                .on(connection, "lock-deletions")
                .set("partitions", partitions, Long::longValue)
                .list(row -> row.getLong("partition_id"));
        return statements
                .on(connection, "finish-deletions")
                .set("partitions", locked, Long::longValue)
                .execute();
    }
}
