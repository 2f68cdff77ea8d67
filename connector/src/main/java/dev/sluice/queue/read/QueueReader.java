package dev.sluice.queue.read;

import dev.sluice.queue.Message;
import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.QueueException;
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
import java.util.Optional;
import java.util.function.Predicate;
import javax.sql.DataSource;

/**
 * Reads partitions by position. The caller names the seqs it wants and keeps its own positions. The reader takes no
 * lease and belongs to no consumer group, so consumers and retention do not wait for it.
 *
 * <p>The reader sees only committed messages. A seq is assigned under a lock that is held until the commit, so no
 * message can appear before a position that was read. A scheduled message has no seq until it is due. If the cipher
 * lacks the key of a payload, the reader returns the payload as it is stored.
 *
 * <p>Every method runs one transaction and blocks. Safe for use by many threads.
 */
public final class QueueReader {
    private final Transactions transactions;
    private final Transactions byIndex;
    private final Statements statements;
    private final Statements slices;
    private final PayloadCipher cipher;

    /** Makes a reader of a schema that {@link QueueSchema} has brought up to date. */
    public QueueReader(DataSource dataSource, String schema, PayloadCipher cipher) {
        this.transactions = new Transactions(dataSource);
        this.byIndex = Transactions.byIndex(dataSource);
        this.statements = Statements.read("queue_reader.sql", schema);
        this.slices = Statements.read("message_slice.sql", schema);
        this.cipher = cipher;
    }

    /**
     * A share of all partitions: the partitions whose id has the remainder {@code index} when divided by {@code count}.
     *
     * @param index index of the share, from 0
     * @param count number of shares
     */
    public record Share(int index, int count) {
        public Share {
            if (count < 1 || index < 0 || index >= count) {
                throw new IllegalArgumentException("share must be one of 0 to " + (count - 1) + ", was " + index);
            }
        }
    }

    /**
     * The state of a partition.
     *
     * @param id its id; never used again after the partition is deleted
     * @param queue name of its queue
     * @param name its name
     * @param lane its lane
     * @param head seq of the newest message, 0 before the first
     * @param tail seq of the oldest message that is not deleted
     */
    public record Partition(long id, String queue, String name, PriorityLane lane, long head, long tail) {}

    /**
     * Consecutive messages of one partition that are to be read.
     *
     * @param partition the partition
     * @param after seq before the first message
     * @param last seq of the last message, which must be committed
     */
    public record Run(Partition partition, long after, long last) {
        public Run {
            if (after < 0 || last <= after) {
                throw new IllegalArgumentException("run must have messages, was (" + after + ", " + last + "]");
            }
        }
    }

    /**
     * The part of a run that was read.
     *
     * @param run the run
     * @param through seq up to which the run was read; {@code run.after()} if nothing was read
     * @param messages the messages in order, without deleted ones
     */
    public record Slice(Run run, long through, List<Message> messages) {
        public Slice {
            messages = List.copyOf(messages);
        }

        /** Returns how many messages of this part are deleted, one by one or by retention. */
        public long deleted() {
            return through - run.after() - messages.size();
        }
    }

    /**
     * Returns the partitions of a share. Reads one row for each.
     *
     * @param queues selects queues by name; tested once for each queue, oldest queue first
     * @throws QueueException if PostgreSQL failed
     */
    public List<Partition> partitions(Predicate<String> queues, Share share) {
        return transactions.run("could not list the partitions", connection -> {
            List<NamedId> wanted = statements
                    .on(connection, "queues")
                    .list(row -> new NamedId(row.getLong("id"), row.getString("name")))
                    .stream()
                    .filter(queue -> queues.test(queue.name()))
                    .toList();
            return statements
                    .on(connection, "partitions")
                    .set("queues", wanted, NamedId::id)
                    .set("index", share.index())
                    .set("count", share.count())
                    .list(QueueReader::partition);
        });
    }

    private record NamedId(long id, String name) {}

    /**
     * Returns the partitions with these ids. An id without a partition is ignored.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public List<Partition> partitions(Collection<Long> ids) {
        return transactions.run(
                "could not look up the partitions",
                connection -> statements
                        .on(connection, "partitions-by-id")
                        .set("ids", ids, Long::longValue)
                        .list(QueueReader::partition));
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

    /**
     * Returns, by partition id, the seq of the last message that was written to each partition before a time.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Map<Long, Long> positionsAt(Instant time, List<Partition> partitions) {
        return byIndex.run("could not find the positions at a time", connection -> {
            var positions = new HashMap<Long, Long>();
            statements
                    .on(connection, "positions-at")
                    .set("time", time)
                    .set("partitions", partitions, Partition::id)
                    .forEach(row -> positions.put(row.getLong("id"), row.getLong("position")));
            return positions;
        });
    }

    /**
     * Returns when the reader of a name started for the first time, by the database's clock. The first call stores the
     * time.
     *
     * @throws QueueException if PostgreSQL failed
     */
    public Instant firstStart(String reader) {
        String key = "reader:" + reader;
        return transactions.run("could not store the start of " + reader, connection -> {
            Optional<Instant> known = start(connection, key);
            if (known.isEmpty()) {
                statements.on(connection, "remember-start").set("key", key).execute();
                known = start(connection, key);
            }
            return known.orElseThrow(() -> new IllegalStateException("sluice.state has no time under " + key));
        });
    }

    private Optional<Instant> start(Connection connection, String key) throws SQLException {
        return statements
                .on(connection, "start")
                .set("key", key)
                .first(row -> row.getString("started_at"))
                .map(Instant::parse);
    }

    /**
     * Reads runs in order until more than {@code maxBytes} of payloads and headers are read. The first segment is
     * always read.
     *
     * @return a slice for each run, in the same order; a slice after the bound is empty
     * @throws QueueException if PostgreSQL failed
     */
    public List<Slice> read(List<Run> runs, long maxBytes) {
        return byIndex.run("could not read messages", connection -> {
            List<MessageSlice> read = slices.on(connection, "read")
                    .set("partitions", runs, run -> run.partition().id())
                    .set("firsts", runs, run -> run.after() + 1)
                    .set("lasts", runs, Run::last)
                    .set("max_bytes", maxBytes)
                    .set("large_bytes", Message.LARGE_BYTES)
                    .list(MessageSlice::of);
            for (MessageSlice each : read) {
                if (each.isLarge()) {
                    each.readLarge(
                            slices, connection, runs.get(each.run()).partition().id());
                }
            }
            return slices(read, runs, maxBytes);
        });
    }

    private List<Slice> slices(List<MessageSlice> read, List<Run> runs, long maxBytes) {
        var messages = new ArrayList<List<Message>>();
        runs.forEach(run -> messages.add(new ArrayList<>()));
        for (MessageSlice each : read) {
            addMessages(each, runs.get(each.run()).partition(), messages.get(each.run()));
        }
        MessageSlice last = read.isEmpty() ? null : read.get(read.size() - 1);
        boolean isCut = last != null && last.totalBytes() > maxBytes;
        int cutRun = isCut ? last.run() : runs.size();
        long cutAt = isCut ? last.lastSeq() : 0;
        var slices = new ArrayList<Slice>(runs.size());
        for (int i = 0; i < runs.size(); i++) {
            Run run = runs.get(i);
            long through = i < cutRun ? run.last() : i == cutRun ? cutAt : run.after();
            slices.add(new Slice(run, through, messages.get(i)));
        }
        return slices;
    }

    private void addMessages(MessageSlice slice, Partition partition, List<Message> messages) {
        for (int i = 0; i < slice.size(); i++) {
            byte[] payload = slice.payload(i);
            if (payload != null) {
                byte[] opened = cipher.open(partition.queue(), payload);
                MessageHeaders headers = cipher.open(partition.queue(), slice.headers(i));
                messages.add(slice.message(i, opened, headers, partition.id(), partition.name(), partition.queue()));
            }
        }
    }
}
