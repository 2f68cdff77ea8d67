package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.QueueSchema;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.Transactions;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Reads partitions by position: the reader says from which seq on, and remembers itself how far it came. It takes no
 * lease and belongs to no consumer group, so it holds nobody up and nothing waits for it, retention neither. Only what
 * is committed is read; seqs are given out under the lock that commits them, so nothing can appear behind a position
 * that was read.
 *
 * <p>Payloads are decrypted where the cipher has the key, and given as they are stored where it has not. Messages that
 * wait for their time have no seq yet: they are read when they are due.
 *
 * <p>Every method is one transaction and blocks. Safe for use by many threads.
 */
public final class QueueReader {
    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final Statements segments;
    private final PayloadCipher cipher;

    /** Makes a reader of a schema that {@link QueueSchema} has brought up to date. */
    public QueueReader(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("by_position.sql", schema);
        this.segments = Statements.read("reader.sql", schema);
        this.cipher = cipher;
    }

    /**
     * A part of all partitions: those whose id has the remainder {@code index} by {@code count}.
     *
     * @param index from 0
     * @param count how many shares there are
     */
    public record Share(int index, int count) {
        public Share {
            if (count < 1 || index < 0 || index >= count) {
                throw new IllegalArgumentException("share must be one of 0 to " + (count - 1) + ", was " + index);
            }
        }
    }

    /**
     * A partition as it stands.
     *
     * @param id its id, which is never used again
     * @param queue name of its queue
     * @param name its name
     * @param lane its lane
     * @param head seq of the newest message, 0 before the first
     * @param tail seq of the oldest message that is kept
     */
    public record Partition(long id, String queue, String name, PriorityLane lane, long head, long tail) {}

    /**
     * Messages of one partition that are wanted.
     *
     * @param partition where
     * @param after seq before the first
     * @param last seq of the last, which is committed
     */
    public record Run(Partition partition, long after, long last) {
        public Run {
            if (after < 0 || last <= after) {
                throw new IllegalArgumentException("run must have messages, was (" + after + ", " + last + "]");
            }
        }
    }

    /**
     * What was read of a run.
     *
     * @param run what was wanted
     * @param through seq up to which the partition has been read; {@code run.after()} if nothing was
     * @param messages in order; those that were deleted are not among them
     */
    public record Slice(Run run, long through, List<Message> messages) {
        public Slice {
            messages = List.copyOf(messages);
        }

        /** Returns how many messages have been deleted, one by one or by retention. */
        public long deleted() {
            return through - run.after() - messages.size();
        }
    }

    /**
     * Returns the partitions of a share, with where they stand. Costs a row each.
     *
     * @param queues says which queues, by name; asked once for each queue, older ones first
     * @throws QueueException if PostgreSQL failed
     */
    public List<Partition> partitions(Predicate<String> queues, Share share) {
        return transactions.run("could not list the partitions", connection -> {
            var partitions = new ArrayList<Partition>();
            try (var statement = new BoundStatement(connection, statements.get("partitions"))
                            .set("queues", ids(connection, queues))
                            .set("index", share.index())
                            .set("count", share.count());
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    partitions.add(partition(row));
                }
            }
            return partitions;
        });
    }

    /**
     * Returns the partitions of some ids, with where they stand; none for an id that no partition has.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public List<Partition> partitions(Collection<Long> ids) {
        return transactions.run("could not look up the partitions", connection -> {
            var partitions = new ArrayList<Partition>();
            try (var statement = new BoundStatement(connection, statements.get("partitions-by-id"))
                            .set("ids", ids.stream().mapToLong(Long::longValue).toArray());
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    partitions.add(partition(row));
                }
            }
            return partitions;
        });
    }

    private static Partition partition(ResultSet row) throws SQLException {
        return new Partition(
                row.getLong("id"),
                row.getString("queue"),
                row.getString("partition"),
                PriorityLane.ofNumber(row.getInt("lane")),
                row.getLong("head"),
                row.getLong("tail"));
    }

    private long[] ids(Connection connection, Predicate<String> queues) throws SQLException {
        var ids = new ArrayList<Long>();
        try (var statement = new BoundStatement(connection, statements.get("queues"));
                ResultSet row = statement.query()) {
            while (row.next()) {
                if (queues.test(row.getString("name"))) {
                    ids.add(row.getLong("id"));
                }
            }
        }
        return ids.stream().mapToLong(Long::longValue).toArray();
    }

    /**
     * Returns for each partition the seq of the last message that was written before a time, by partition id.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<Long, Long> positionsAt(Instant time, List<Partition> partitions) {
        return byIndex.run("could not find where partitions stood", connection -> {
            var positions = new HashMap<Long, Long>();
            try (var statement = new BoundStatement(connection, statements.get("positions-at"))
                            .set("time", time)
                            .set(
                                    "partitions",
                                    partitions.stream().mapToLong(Partition::id).toArray());
                    ResultSet row = statement.query()) {
                while (row.next()) {
                    positions.put(row.getLong("id"), row.getLong("position"));
                }
            }
            return positions;
        });
    }

    /**
     * Returns when a reader of that name started for the first time, by the database's clock, which is now if it has
     * not.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Instant firstStart(String reader) {
        String key = "reader:" + reader;
        return transactions.run("could not remember when " + reader + " started", connection -> {
            Instant known = start(connection, key);
            if (known == null) {
                try (var statement = new BoundStatement(connection, statements.get("remember-start")).set("key", key)) {
                    statement.update();
                }
                known = start(connection, key);
            }
            if (known == null) {
                throw new IllegalStateException("sluice.state has no time under " + key);
            }
            return known;
        });
    }

    private @Nullable Instant start(Connection connection, String key) throws SQLException {
        try (var statement = new BoundStatement(connection, statements.get("start")).set("key", key);
                ResultSet row = statement.query()) {
            String text = row.next() ? row.getString("started_at") : null;
            return text == null ? null : Instant.parse(text);
        }
    }

    /**
     * Reads runs in their order, until more than {@code maxBytes} of payloads are read; the first segment is read in
     * any case.
     *
     * @return a slice for each run, in the same order; those the bytes did not reach are empty
     * @throws QueueException if PostgreSQL failed
     */
    public List<Slice> read(List<Run> runs, long maxBytes) {
        return byIndex.run("could not read messages", connection -> {
            try (var statement = new BoundStatement(connection, segments.get("read"))
                            .set(
                                    "partitions",
                                    runs.stream()
                                            .mapToLong(run -> run.partition().id())
                                            .toArray())
                            .set(
                                    "firsts",
                                    runs.stream()
                                            .mapToLong(run -> run.after() + 1)
                                            .toArray())
                            .set("lasts", runs.stream().mapToLong(Run::last).toArray())
                            .set("max_bytes", maxBytes);
                    ResultSet row = statement.query()) {
                return slices(row, runs, maxBytes);
            }
        });
    }

    private List<Slice> slices(ResultSet row, List<Run> runs, long maxBytes) throws SQLException {
        var messages = new ArrayList<List<Message>>();
        runs.forEach(run -> messages.add(new ArrayList<>()));
        int cutRun = runs.size();
        long cutAt = 0;
        while (row.next()) {
            int index = row.getInt("ordinal") - 1;
            addMessages(row, runs.get(index).partition(), messages.get(index));
            if (row.getLong("total_bytes") > maxBytes) {
                cutRun = index;
                cutAt = row.getLong("slice_end");
            }
        }
        var slices = new ArrayList<Slice>(runs.size());
        for (int i = 0; i < runs.size(); i++) {
            Run run = runs.get(i);
            long through = i < cutRun ? run.last() : i == cutRun ? cutAt : run.after();
            slices.add(new Slice(run, through, messages.get(i)));
        }
        return slices;
    }

    private void addMessages(ResultSet row, Partition partition, List<Message> messages) throws SQLException {
        UUID[] ids = (UUID[]) row.getArray("ids").getArray();
        String[] transactionIds = (String[]) row.getArray("transaction_ids").getArray();
        @Nullable String[] payloads = (String[]) row.getArray("payloads").getArray();
        @Nullable
        UUID[] traceIds = row.getArray("trace_ids") == null
                ? null
                : (UUID[]) row.getArray("trace_ids").getArray();
        @Nullable
        String[] subs = row.getArray("producer_subs") == null
                ? null
                : (String[]) row.getArray("producer_subs").getArray();
        MessageTimes times = MessageTimes.of(row);
        long firstSeq = row.getLong("slice_seq");
        for (int i = 0; i < ids.length; i++) {
            String payload = payloads[i];
            if (payload != null) {
                messages.add(new Message(
                        partition.id(),
                        partition.name(),
                        partition.queue(),
                        firstSeq + i,
                        ids[i],
                        transactionIds[i],
                        cipher.open(partition.queue(), payload),
                        traceIds == null ? null : traceIds[i],
                        subs == null ? null : subs[i],
                        times.get(i)));
            }
        }
    }
}
