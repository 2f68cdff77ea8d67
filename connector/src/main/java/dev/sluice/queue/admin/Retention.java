package dev.sluice.queue.admin;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import dev.sluice.queue.write.TailAdvance;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes what has had its time, by the options of its queue, what nobody will ask for again ({@link UnusedRows}), and
 * what queues, partitions and clearings have left behind.
 *
 * <p>In two kinds of steps, each a short transaction. The first moves tails and the cursors before them
 * ({@link TailAdvance}): from then on the messages are invisible. It leaves out partitions and cursors that somebody
 * else holds; the next sweep comes by again. The second deletes segments nobody can see, a bounded number at a time,
 * with no lock that a push, a pop or an ack could wait for.
 *
 * <p>A partition is a sequence: what is deleted is always its oldest part, whole segments at a time. Messages written
 * together are of one age and go together. A position never goes back.
 *
 * <p>Any number of processes may sweep; an advisory lock lets one of them at a time. Safe for use by many threads.
 */
public final class Retention {
    private static final Logger log = LoggerFactory.getLogger(Retention.class);

    /** How long nothing may have come into an empty partition before it is deleted, unless said otherwise. */
    public static final Duration IDLE_PARTITIONS = Duration.ofDays(30);

    /** Partitions looked at in one statement, without locks. */
    private static final int PAGE = 500;
    /** Partitions trimmed in one transaction. */
    private static final int PARTITIONS = 50;
    /** Segments looked at in a partition, and segments deleted in one transaction. */
    private static final int SEGMENTS = 100;
    /** Dead letters and scheduled messages deleted in one transaction. */
    private static final int ROWS = 1000;

    private final Transactions transactions;
    private final Statements statements;
    private final PartitionPages partitions;
    private final TailAdvance trim;
    private final UnusedRows leftovers;
    private final String lockKey;
    private final RetentionListener listener;

    /**
     * Makes the retention of a schema that {@link QueueSchema} has brought up to date, with {@link #IDLE_PARTITIONS}.
     */
    public Retention(DataSource dataSource, String schema) {
        this(dataSource, schema, IDLE_PARTITIONS, (queue, aged, completed, waitedTooLong) -> {});
    }

    /**
     * Makes the retention of a schema that {@link QueueSchema} has brought up to date.
     *
     * @param idlePartitions how long nothing may have come into an empty partition before it is deleted; zero: it stays
     * @param listener hears what is deleted
     */
    public Retention(DataSource dataSource, String schema, Duration idlePartitions, RetentionListener listener) {
        this.listener = listener;
        this.transactions = Transactions.byIndex(dataSource);
        this.statements = Statements.read("retention.sql", schema);
        this.partitions = new PartitionPages(transactions, schema, PAGE);
        this.trim = new TailAdvance(schema);
        this.leftovers = new UnusedRows(schema, idlePartitions);
        this.lockKey = "sluice retention " + schema;
    }

    /** Up to where each reason lets a partition be deleted: a new tail, or 0. */
    private record Expired(long ttl, long retention, long completed, long waitedTooLong, boolean more) {
        long tail() {
            return Math.max(Math.max(ttl, retention), Math.max(completed, waitedTooLong));
        }
    }

    /** Thrown to end a sweep early; not an error. */
    private static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Stopped() {
            super(null, null, false, false);
        }
    }

    /** What a sweep has done so far. */
    private static final class Done {
        private long ttl;
        private long retention;
        private long completed;
        private long waitedTooLong;
        private long segments;
        private long deadLetters;
        private long scheduled;

        void add(long tail, Expired expired) {
            long reached = tail;
            ttl += Math.max(0, expired.ttl() - reached);
            reached = Math.max(reached, expired.ttl());
            retention += Math.max(0, expired.retention() - reached);
            reached = Math.max(reached, expired.retention());
            completed += Math.max(0, expired.completed() - reached);
            reached = Math.max(reached, expired.completed());
            waitedTooLong += Math.max(0, expired.waitedTooLong() - reached);
        }

        RetentionResult sweep(boolean complete) {
            return new RetentionResult(
                    complete, ttl, retention, completed, waitedTooLong, segments, deadLetters, scheduled);
        }
    }

    /**
     * Deletes everything that is due, and returns when nothing is left to do or another process is at it. Blocks as
     * long as that takes; an interrupt ends it after the step under way and stays set.
     *
     * @throws QueueException if PostgreSQL failed; what was done before is committed, and the next sweep goes on from
     *     there
     */
    public RetentionResult sweep() {
        return run(true);
    }

    /**
     * As {@link #sweep}, but deletes only what queues, partitions and clearings have left behind; worth calling right
     * after them.
     *
     * @throws QueueException if PostgreSQL failed; what was done before is committed
     */
    public RetentionResult deleteRemains() {
        return run(false);
    }

    private RetentionResult run(boolean retire) {
        var done = new Done();
        try {
            if (retire) {
                for (String queue : queuesWithLimits()) {
                    retireAndTell(queue, done);
                }
            }
            if (retire) {
                deleteLeftovers();
            }
            deleteRemains(done);
            return done.sweep(true);
        } catch (Stopped e) {
            return done.sweep(false);
        }
    }

    private void deleteLeftovers() {
        long partitions = 0;
        long after = 0;
        while (true) {
            long start = after;
            List<Long> idle = transactions.run(
                    "could not read the idle partitions", connection -> leftovers.idlePartitions(connection, start));
            if (idle.isEmpty()) {
                break;
            }
            Map<String, Long> deleted = step(
                    "could not delete idle partitions", connection -> leftovers.deletePartitions(connection, idle));
            deleted.forEach(listener::partitionsDeleted);
            partitions += deleted.values().stream().mapToLong(Long::longValue).sum();
            after = idle.get(idle.size() - 1);
        }
        long subscriptions = many("could not delete subscriptions that have ended", leftovers::deleteSubscriptions);
        long offsets = many("could not delete the offsets of old epochs", leftovers::deleteOffsets);
        if (partitions + subscriptions + offsets > 0) {
            log.info(
                    "Deleted what nobody asks for. idlePartitions={} pendingSubscriptions={} oldEpochs={}",
                    partitions,
                    subscriptions,
                    offsets);
        }
    }

    /** Repeats a step until it finds fewer rows than it may delete; returns how many there were. */
    private long many(String what, Transactions.Work<Integer> work) {
        long total = 0;
        int deleted;
        do {
            deleted = step(what, work);
            total += deleted;
        } while (deleted == UnusedRows.ROWS);
        return total;
    }

    private List<String> queuesWithLimits() {
        return transactions.run("could not read the queues", connection -> {
            var queues = new ArrayList<String>();
            try (var statement = new BoundStatement(connection, statements.get("queues-with-limits"));
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    queues.add(row.getString("name"));
                }
            }
            return queues;
        });
    }

    private void retireAndTell(String queue, Done done) {
        long aged = done.ttl + done.retention;
        long completed = done.completed;
        long waited = done.waitedTooLong;
        try {
            retire(queue, done);
        } finally {
            long nowAged = done.ttl + done.retention - aged;
            long nowCompleted = done.completed - completed;
            long nowWaited = done.waitedTooLong - waited;
            if (nowAged + nowCompleted + nowWaited > 0) {
                listener.retired(queue, nowAged, nowCompleted, nowWaited);
            }
        }
    }

    private void retire(String queue, Done done) {
        String what = "could not delete old messages of queue " + queue;
        PartitionPages.Walk walk = partitions.walk(what, queue, null);
        for (List<Long> page = walk.next(); !page.isEmpty(); page = walk.next()) {
            List<Long> candidates = page;
            while (!candidates.isEmpty()) {
                List<Long> asked = candidates;
                List<Long> found = List.copyOf(transactions
                        .run(what, connection -> expired(connection, asked))
                        .keySet());
                var more = new ArrayList<Long>();
                for (int i = 0; i < found.size(); i += PARTITIONS) {
                    List<Long> some = found.subList(i, Math.min(found.size(), i + PARTITIONS));
                    more.addAll(step(what, connection -> retire(connection, some, done)));
                    deleteRemains(some, done);
                }
                candidates = more;
            }
        }
    }

    /** Trims partitions; returns those that have more to trim. */
    private List<Long> retire(Connection connection, List<Long> candidates, Done done) throws SQLException {
        SortedMap<Long, Long> locked = lock(connection, candidates);
        // Read again under the lock: a seek may have gone back, a group may have come.
        SortedMap<Long, Expired> expired = expired(connection, locked.keySet());
        SortedMap<Long, Long> tails = new TreeMap<>();
        expired.forEach((id, each) -> tails.put(id, each.tail()));
        for (Long busy : busy(connection, tails)) {
            tails.remove(busy);
        }
        trim.run(connection, tails);
        var more = new ArrayList<Long>();
        for (Long id : tails.keySet()) {
            Expired each = expired.get(id);
            Long tail = locked.get(id);
            if (each != null && tail != null) {
                done.add(tail, each);
                if (each.more()) {
                    more.add(id);
                }
            }
        }
        return more;
    }

    private SortedMap<Long, Expired> expired(Connection connection, Collection<Long> partitions) throws SQLException {
        var expired = new TreeMap<Long, Expired>();
        try (var statement = new BoundStatement(connection, statements.get("expired"))
                        .set("partitions", TailAdvance.longs(partitions))
                        .set("segments", SEGMENTS);
                ResultSet row = statement.query()) {
            while (row.next()) {
                expired.put(
                        row.getLong("id"),
                        new Expired(
                                row.getLong("ttl_tail"),
                                row.getLong("retention_tail"),
                                row.getLong("completed_tail"),
                                row.getLong("max_wait_tail"),
                                row.getBoolean("more")));
            }
        }
        return expired;
    }

    /** Locks those of the partitions that nobody holds; returns their tails. */
    private SortedMap<Long, Long> lock(Connection connection, Collection<Long> partitions) throws SQLException {
        var tails = new TreeMap<Long, Long>();
        try (var statement = new BoundStatement(connection, statements.get("lock-partitions-to-trim"))
                        .set("partitions", TailAdvance.longs(partitions));
                ResultSet row = statement.query()) {
            while (row.next()) {
                tails.put(row.getLong("id"), row.getLong("tail"));
            }
        }
        return tails;
    }

    private List<Long> busy(Connection connection, SortedMap<Long, Long> tails) throws SQLException {
        return ids(new BoundStatement(connection, statements.get("busy-partitions"))
                .set("partitions", TailAdvance.longs(tails.keySet()))
                .set("tails", TailAdvance.longs(tails.values())));
    }

    private void deleteRemains(Done done) {
        long after = 0;
        while (true) {
            long start = after;
            List<Long> page = transactions.run(
                    "could not read what is to be deleted",
                    connection -> ids(new BoundStatement(connection, statements.get("deletions"))
                            .set("after", start)
                            .set("limit", PAGE)));
            if (page.isEmpty()) {
                return;
            }
            deleteRemains(page, done);
            after = page.get(page.size() - 1);
        }
    }

    private void deleteRemains(List<Long> partitions, Done done) {
        long[] ids = TailAdvance.longs(partitions);
        done.segments += all(ids, "delete-segments", "segments", SEGMENTS);
        done.deadLetters += all(ids, "delete-dead-letters-of-deleted", "rows", ROWS);
        done.scheduled += all(ids, "delete-scheduled-of-deleted", "rows", ROWS);
        all(ids, "delete-traces-of-deleted", "rows", ROWS);
        all(ids, "delete-stream-state-of-deleted", "rows", ROWS);
        step("could not strike off what is deleted", connection -> finish(connection, ids));
    }

    /** Runs a statement that deletes a bounded number of rows until it finds no more; returns how many there were. */
    private long all(long[] partitions, String name, String bound, int rows) {
        long total = 0;
        int deleted;
        do {
            deleted = step("could not delete what is not visible any more", connection -> {
                try (var statement = new BoundStatement(connection, statements.get(name))
                        .set("partitions", partitions)
                        .set(bound, rows)) {
                    return statement.update();
                }
            });
            total += deleted;
        } while (deleted == rows);
        return total;
    }

    /** Strikes off what is wholly deleted; returns how many partitions. */
    private int finish(Connection connection, long[] partitions) throws SQLException {
        List<Long> locked =
                ids(new BoundStatement(connection, statements.get("lock-deletions")).set("partitions", partitions));
        try (var statement = new BoundStatement(connection, statements.get("finish-deletions"))
                .set("partitions", TailAdvance.longs(locked))) {
            return statement.update();
        }
    }

    private static List<Long> ids(BoundStatement statement) throws SQLException {
        try (statement;
                ResultSet row = statement.query()) {
            var ids = new ArrayList<Long>();
            while (row.next()) {
                ids.add(row.getLong("partition_id"));
            }
            return ids;
        }
    }

    /** Runs one short transaction, if no other process is at it. */
    private <T> T step(String what, Transactions.Work<T> work) {
        if (Thread.currentThread().isInterrupted()) {
            throw new Stopped();
        }
        return transactions.run(what, connection -> {
            try (var statement = new BoundStatement(connection, statements.get("sweep-lock")).set("key", lockKey);
                    ResultSet row = statement.query()) {
                row.next();
                if (!row.getBoolean(1)) {
                    throw new Stopped();
                }
            }
            try (var statement = new BoundStatement(connection, statements.get("set-up-step"))) {
                statement.query().close();
            }
            return work.on(connection);
        });
    }
}
