package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.QueueOptions;
import dev.sluice.queue.sql.BoundStatement;
import dev.sluice.queue.sql.Commit;
import dev.sluice.queue.sql.CommitGate;
import dev.sluice.queue.sql.Effects;
import dev.sluice.queue.sql.IndexPlans;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.sql.Outcomes;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import dev.sluice.queue.write.DedupWindow.Suspect;
import dev.sluice.queue.write.Flush.Rules;
import dev.sluice.queue.write.Flush.Run;
import dev.sluice.queue.write.Flush.Waiting;
import dev.sluice.queue.write.OffsetTable.StoredOffset;
import dev.sluice.queue.write.PartitionDirectory.Name;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes messages into the queue, many at a time, exactly once: the flush. One transaction (1) moves the offsets of the
 * sources by compare-and-set, (2) locks the partitions in order of their ids and moves their heads in the same
 * statement, as if every message were new and due, (3) drops duplicates, (4) gives out seqs and corrects the heads
 * where some were not needed, (5) copies the segments, (6) wakes the cursors that were idle. Messages whose time has
 * not come are set aside, and get their seqs when {@link #releaseDue} finds them due.
 *
 * <p>Because seqs are given out under the lock that is held until the commit, no reader can pass a message that commits
 * later; because offsets commit with the data, a replay after any crash changes nothing.
 *
 * <p>One thread owns a writer. It keeps one connection from the data source while all goes well, and takes a new one
 * after a failure. Any number of writers, in any number of processes, may write to the same partitions.
 */
public final class QueueWriter implements AutoCloseable {
    /** Times a flush starts again because a partition was deleted under it. */
    private static final int MAX_RESTARTS = 5;

    /** How long the release of parked messages waits for a lock: it is tried again, and others wait for it. */
    private static final Duration RELEASE_LOCK_TIMEOUT = Duration.ofMillis(50);

    /** Shortest pause after a release in vain; after one that took long, the pause is this many times as long. */
    private static final Duration RELEASE_PAUSE = Duration.ofMillis(500);

    private static final int RELEASE_PAUSE_FACTOR = 10;

    private static final String COULD_NOT_RELEASE = "could not release scheduled messages";

    /** Payloads that a release moves in one transaction; the message that passes it is still in it. */
    private static final long RELEASE_BYTES = 4L << 20;

    /**
     * How long the release of scheduled messages waits for a lock before it passes over the partitions that are held.
     */
    private static final Duration DUE_LOCK_TIMEOUT = Duration.ofSeconds(1);

    /** How long it passes over them. */
    private static final Duration DUE_PAUSE = Duration.ofSeconds(5);

    private static final int QUEUES_IN_LOG = 10;

    private static final Logger log = LoggerFactory.getLogger(QueueWriter.class);

    private final DataSource dataSource;
    private final Outcomes outcomes;
    private final Statements statements;
    private final DedupWindow dedup;
    private final Duration usualDedupWindow;
    private final PayloadCipher cipher;
    private final PartitionDirectory directory;
    private final OffsetTable offsets;
    private final SegmentCopy segments = new SegmentCopy();
    private final Duration lockTimeout;
    private final Parking parking;
    /** When releasing parked messages may be tried again. */
    private long releaseAtNanos = System.nanoTime();

    /** Partitions that are passed over until {@link #dueAtNanos}, for somebody holds them. */
    private final Set<Long> heldDue = new HashSet<>();

    private long dueAtNanos = System.nanoTime();

    private final String copySql;
    private @Nullable Connection connection;
    /** When the server was started whose partitions and transaction ids are known. */
    private String serverStart = "";
    /** Whether the server compresses payloads. */
    private boolean compressesPayloads;

    /** Makes a writer; the first use opens its connection. */
    public QueueWriter(DataSource dataSource, QueueWriterConfig config) {
        this(dataSource, config, DedupWindow.partitionsFor(config.dedupMaxIds()));
    }

    /** Makes one that remembers the transaction ids of so many partitions at once. */
    public QueueWriter(DataSource dataSource, QueueWriterConfig config, int maxPartitions) {
        this.dataSource = dataSource;
        this.outcomes = new Outcomes(dataSource);
        this.statements = Statements.read("writer.sql", config.schema());
        this.dedup = new DedupWindow(config.dedupMaxIds(), maxPartitions, statements, System::nanoTime);
        this.usualDedupWindow = config.dedupWindow();
        this.cipher = config.cipher();
        this.lockTimeout = config.lockTimeout();
        this.parking = new Parking(statements, cipher, config.schema());
        this.directory = new PartitionDirectory(statements);
        this.offsets = new OffsetTable(statements);
        this.copySql = statements.get("copy-segments").text();
    }

    /**
     * Writes messages and moves sources on, both or neither.
     *
     * @param messages in the order they shall have in their partitions; may be empty
     * @param progress the sources that move on with them
     * @return what became of each message, in the same order. Committed
     * @throws SourceMovedException if a source is not where its progress expects it; nothing was written
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit, and its outcome could not be found out:
     *     {@link #storedOffset} tells later
     * @throws QueueException if PostgreSQL failed; nothing was written
     */
    public List<PushOutcome> write(List<NewMessage> messages, List<SourceProgress> progress) {
        if (lockTimeout.isZero()) {
            return writeAll(messages, progress);
        }
        try {
            return write(messages, progress, Set.of());
        } catch (QueueException e) {
            if (!e.isTimeout()) {
                throw e;
            }
            Set<String> held = held(messages);
            if (held.isEmpty()) {
                throw e;
            }
            log.warn(
                    "Queues cannot be written to in time, so their messages wait in the table parked, and the messages of other"
                            + " queues go on queues={} reason={}",
                    held.stream().limit(QUEUES_IN_LOG).toList(),
                    e.getMessage());
            return write(messages, progress, held);
        }
    }

    private List<PushOutcome> writeAll(List<NewMessage> messages, List<SourceProgress> progress) {
        return committed(couldNotWrite(messages), new Flush(messages), (open, flush) -> {
                    flushIn(open, flush, progress);
                    return flush;
                })
                .outcomes();
    }

    private static String couldNotWrite(List<NewMessage> messages) {
        return "could not write " + messages.size() + " messages";
    }

    /**
     * Writes messages and moves sources on; parks those of queues that are held, and of queues that have parked
     * messages.
     */
    private List<PushOutcome> write(List<NewMessage> messages, List<SourceProgress> progress, Set<String> held) {
        var split = new AtomicReference<>(SplitMessages.of(messages, held));
        Flush flush = committed(couldNotWrite(messages), new Flush(List.of()), (open, none) -> {
            var aside = new HashSet<>(parking.queues(open));
            aside.addAll(held);
            SplitMessages parts = SplitMessages.of(messages, aside);
            split.set(parts);
            var direct = new Flush(parts.direct());
            flushIn(open, direct, progress);
            parking.park(open, parts.parked());
            return direct;
        });
        parking.parked(held);
        return split.get().outcomes(flush.outcomes());
    }

    /**
     * Returns the queues that keep a write of these messages from going on: those in which another transaction holds a
     * row, or the only queue of the batch. Empty if the writer cannot tell.
     */
    private Set<String> held(List<NewMessage> messages) {
        var flush = new Flush(messages);
        var queues = new HashSet<String>();
        flush.names().forEach(name -> queues.add(name.queue()));
        try {
            Connection open = connection();
            queues.removeAll(parking.queues(open));
            if (queues.size() <= 1) {
                return queues;
            }
            Set<String> held = parking.held(open, flush.names(), directory::idOf);
            held.retainAll(queues);
            return held;
        } catch (SQLException e) {
            giveUpConnection();
            throw new QueueException("could not find out which queues are held", e);
        } finally {
            rollback();
        }
    }

    /**
     * Writes parked messages to their queues, those of one queue in the order in which they were parked. A queue that
     * still cannot be written to is tried again later.
     *
     * @param limit most messages of a queue to move in one transaction
     * @return how many were moved, and to which queues. Committed
     * @throws QueueException if PostgreSQL failed
     */
    public Released releaseParked(int limit) {
        var moved = new HashSet<String>();
        int messages = 0;
        if (System.nanoTime() - releaseAtNanos < 0) {
            return new Released(0, Set.of());
        }
        var queues = new ArrayList<>(parkedQueues());
        Collections.shuffle(queues);
        for (String queue : queues) {
            long start = System.nanoTime();
            try {
                int count = releaseParked(queue, limit);
                messages += count;
                if (count > 0) {
                    moved.add(queue);
                }
            } catch (QueueException e) {
                if (!e.isTimeout()) {
                    throw e;
                }
                // One failed attempt a call: the caller has other work.
                long spent = System.nanoTime() - start;
                releaseAtNanos = System.nanoTime() + Math.max(RELEASE_PAUSE.toNanos(), RELEASE_PAUSE_FACTOR * spent);
                break;
            }
        }
        return new Released(messages, moved);
    }

    private Set<String> parkedQueues() {
        try {
            return parking.all(connection());
        } catch (SQLException e) {
            giveUpConnection();
            throw new QueueException("could not read the parked messages", e);
        } finally {
            rollback();
        }
    }

    private int releaseParked(String queue, int limit) {
        return committed(
                        "could not release the parked messages of queue " + queue,
                        new Flush(List.of()),
                        (open, none) -> {
                            boundLocks(open, RELEASE_LOCK_TIMEOUT);
                            List<Parking.Parked> next = parking.next(open, queue, limit, RELEASE_BYTES);
                            var flush = new Flush(
                                    next.stream().map(Parking.Parked::message).toList());
                            resolve(open, flush); // May end the transaction, and with it what is set and locked.
                            boundLocks(open, RELEASE_LOCK_TIMEOUT);
                            if (next.isEmpty() || !parking.lock(open, queue)) {
                                return none;
                            }
                            flushIn(open, flush, List.of());
                            parking.remove(open, queue, next);
                            return flush;
                        })
                .outcomes()
                .size();
    }

    private static void boundLocks(Connection open, Duration timeout) throws SQLException {
        try (var statement = open.createStatement()) {
            statement.execute("set local lock_timeout = " + timeout.toMillis());
        }
    }

    /**
     * Puts scheduled messages that are due into the queue, in the order of their times. Those of a partition that
     * somebody holds wait, and the others go on.
     *
     * @param limit most messages to move
     * @return how many were moved, and to which queues. Committed
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit; calling again does no harm
     * @throws QueueException if PostgreSQL failed; nothing was moved
     */
    public Released releaseDue(int limit) {
        Flush released = releaseFlush(limit);
        var queues = new HashSet<String>();
        released.names().forEach(name -> queues.add(name.queue()));
        return new Released(released.outcomes().size(), queues);
    }

    private Flush releaseFlush(int limit) {
        if (System.nanoTime() - dueAtNanos >= 0) {
            heldDue.clear();
            try {
                return committed(COULD_NOT_RELEASE, new Flush(List.of()), (open, none) -> {
                    boundLocks(open, DUE_LOCK_TIMEOUT);
                    Map<Name, Long> due = duePartitions(open, limit);
                    if (!due.isEmpty()) {
                        due.values().retainAll(locked(open, "lock-partitions", due.values()));
                    }
                    return due.isEmpty() ? none : release(open, due, limit);
                });
            } catch (QueueException e) {
                if (!e.isTimeout()) {
                    throw e;
                }
                dueAtNanos = System.nanoTime() + DUE_PAUSE.toNanos();
            }
        }
        return committed(COULD_NOT_RELEASE, new Flush(List.of()), (open, none) -> {
            boundLocks(open, DUE_LOCK_TIMEOUT);
            Map<Name, Long> due = freeDuePartitions(open, limit);
            return due.isEmpty() ? none : release(open, due, limit);
        });
    }

    /** Returns and locks partitions with messages that are due, without those that somebody holds. */
    private Map<Name, Long> freeDuePartitions(Connection open, int limit) throws SQLException {
        while (true) {
            Map<Name, Long> due = duePartitions(open, limit);
            Set<Long> free = due.isEmpty() ? Set.of() : locked(open, "free-partitions", due.values());
            heldDue.addAll(due.values());
            heldDue.removeAll(free);
            boolean isOver = due.isEmpty();
            due.values().retainAll(free);
            if (isOver || !due.isEmpty()) {
                return due;
            }
        }
    }

    private Set<Long> locked(Connection open, String name, Collection<Long> partitions) throws SQLException {
        var locked = new HashSet<Long>();
        try (var statement = new BoundStatement(open, statements.get(name))
                        .set(
                                "partitions",
                                partitions.stream().mapToLong(Long::longValue).toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                locked.add(row.getLong("id"));
            }
        }
        return locked;
    }

    /**
     * What {@link #releaseDue} has moved.
     *
     * @param messages how many; 0: nothing was due
     * @param queues the queues they are in
     */
    public record Released(int messages, Set<String> queues) {
        public Released {
            queues = Set.copyOf(queues);
        }
    }

    /**
     * Returns how long until the next scheduled message is due, zero if one is; or null when none is scheduled.
     *
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public @Nullable Duration nextDueIn() {
        try {
            Connection open = connection();
            Duration next;
            try (var statement = new BoundStatement(open, statements.get("next-due"));
                    ResultSet row = statement.query()) {
                row.next();
                double ms = row.getDouble("next_ms");
                next = row.wasNull() ? null : Duration.ofMillis((long) Math.ceil(Math.max(0, ms)));
            }
            open.rollback();
            return next;
        } catch (SQLException e) {
            giveUpConnection();
            throw new QueueException("could not read the scheduled messages", e);
        }
    }

    /**
     * Returns the next offset of a source that is stored, or nothing when it has never written. Waits for a write of
     * that source whose commit is still under way, and returns only what a crash of the server, or a failover to a
     * synchronous standby, cannot take back. Another writer may have parked messages of the source before that offset,
     * so the next write looks again which queues have parked messages.
     *
     * @throws SourceRefusedException if the source was refused, and its offset not set since
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public OptionalLong storedOffset(SourcePartition source) {
        try {
            Connection open = connection();
            StoredOffset stored = offsets.confirmed(open, source);
            Commit.run(open, "could not confirm the offset of " + source, null);
            parking.forget();
            return stored.next();
        } catch (OutcomeUnknownException e) {
            giveUpConnection();
            throw e;
        } catch (SQLException e) {
            giveUpConnection();
            throw new QueueException("could not read the offset of " + source, e);
        }
    }

    /**
     * Keeps a source from going on until somebody has set its offset: it has delivered another record at an offset that
     * is stored.
     *
     * @param offset of that record
     * @param reason what {@link SourceRefusedException} will say
     * @return false if the offset is not stored; nothing was done then
     * @throws QueueException if PostgreSQL failed
     */
    public boolean refuse(SourcePartition source, long offset, String reason) {
        try {
            Connection open = connection();
            boolean isRefused = offsets.refuse(open, source, offset, reason);
            Commit.run(open, "could not refuse " + source, null);
            return isRefused;
        } catch (OutcomeUnknownException e) {
            giveUpConnection();
            throw e;
        } catch (SQLException e) {
            giveUpConnection();
            throw new QueueException("could not refuse " + source, e);
        }
    }

    /** Transaction ids this writer remembers now. */
    long rememberedIds() {
        return dedup.size();
    }

    /** Gives the connection back. The writer can be used again. */
    @Override
    public void close() {
        giveUpConnection();
    }

    /** What is done in a transaction; returns the flush it has written. */
    public interface Step {
        Flush in(Connection open, Flush flush) throws SQLException;
    }

    /** Runs a step and commits, and remembers what it has added. */
    public Flush committed(String what, Flush given, Step step) {
        Flush flush = given;
        try {
            Connection open = connection();
            flush = step.in(open, given);
            TransactionId id = TransactionId.of(open);
            if (id != null) {
                CommitGate.pass(dataSource);
            }
            Commit.run(open, what, id);
            flush.rememberIn(dedup);
            if (id != null) {
                Effects.changed();
            }
        } catch (OutcomeUnknownException e) {
            giveUpConnection();
            requireCommitted(what, e);
            flush.rememberIn(dedup);
            Effects.changed();
        } catch (SQLException e) {
            var failure = new QueueException(what, e);
            if (failure.isTransient()) {
                giveUpConnection();
            } else {
                rollback();
            }
            throw failure;
        } catch (QueueException e) {
            rollback();
            throw e;
        } catch (RuntimeException | Error e) {
            giveUpConnection();
            dedup.forgetAll(); // It may have been at it.
            throw e;
        }
        return flush;
    }

    /** Finds out what became of a commit that PostgreSQL did not confirm, and throws unless it happened. */
    private void requireCommitted(String what, OutcomeUnknownException unknown) {
        switch (outcomes.await(unknown)) {
            case COMMITTED -> {}
            case ROLLED_BACK -> throw new QueueException(what + ": rolled back", "40000", unknown);
            case PENDING, LOST -> throw unknown;
        }
    }

    /** Writes a flush, without committing. Partitions that do not exist are created, and stay whatever comes after. */
    public void flushIn(Connection open, Flush flush, List<SourceProgress> progress) throws SQLException {
        for (int restart = 0; restart <= MAX_RESTARTS; restart++) {
            boolean located = resolve(open, flush);
            for (SourceProgress each : progress) {
                offsets.move(open, each);
            }
            if (located && tryFlush(open, flush)) {
                return;
            }
            open.rollback();
        }
        throw new QueueException(
                "partitions were deleted " + MAX_RESTARTS + " times while they were written to", "55000", null);
    }

    /**
     * Tells a flush the ids of its partitions; creates those that are missing. May end the transaction. Returns false
     * if one is gone right after that: try again.
     */
    public boolean resolve(Connection open, Flush flush) throws SQLException {
        if (locate(flush)) {
            return true;
        }
        directory.resolve(open, flush.names(), flush::lane);
        return locate(flush);
    }

    /** Tells a flush the ids of its partitions. Returns false if one is not known: {@link #resolve} it. */
    public boolean locate(Flush flush) {
        return flush.locate(directory::idOf);
    }

    /**
     * Writes a flush that knows the ids of its partitions, without committing. Returns false if a partition is gone:
     * then the transaction must be rolled back.
     *
     * @throws IllegalStateException if the flush does not know them
     */
    public boolean tryFlush(Connection open, Flush flush) throws SQLException {
        boolean claimed = claim(open, flush, false);
        if (claimed) {
            write(open, flush, false);
        }
        return claimed;
    }

    /** What is taken is gone from the scheduled messages: so only from partitions that are locked, and there. */
    private Flush release(Connection open, Map<Name, Long> due, int limit) throws SQLException {
        Flush flush = new Flush(takeDue(open, due, limit));
        if (!flush.locate(name -> due.getOrDefault(name, PartitionDirectory.UNKNOWN)) || !claim(open, flush, true)) {
            throw new IllegalStateException("a partition is gone that was locked");
        }
        write(open, flush, true);
        return flush;
    }

    private Map<Name, Long> duePartitions(Connection open, int limit) throws SQLException {
        var due = new HashMap<Name, Long>();
        try (var statement = new BoundStatement(open, statements.get("due-partitions"))
                        .set("limit", limit)
                        .set(
                                "except",
                                heldDue.stream().mapToLong(Long::longValue).toArray());
                ResultSet row = statement.query()) {
            while (row.next()) {
                due.put(new Name(row.getString("queue"), row.getString("partition")), row.getLong("id"));
            }
        }
        return due;
    }

    private List<NewMessage> takeDue(Connection open, Map<Name, Long> due, int limit) throws SQLException {
        var names = new HashMap<Long, Name>();
        due.forEach((name, id) -> names.put(id, name));
        var messages = new ArrayList<NewMessage>();
        try (var statement = new BoundStatement(open, statements.get("take-due"))
                        .set(
                                "partitions",
                                due.values().stream().mapToLong(Long::longValue).toArray())
                        .set("limit", limit)
                        .set("max_bytes", RELEASE_BYTES);
                ResultSet row = statement.query()) {
            while (row.next()) {
                Name name = names.get(row.getLong("partition_id"));
                messages.add(new NewMessage(
                        row.getObject("message_id", UUID.class),
                        name.queue(),
                        name.partition(),
                        row.getString("transaction_id"),
                        false,
                        row.getString("payload").getBytes(StandardCharsets.UTF_8),
                        row.getObject("trace_id", UUID.class),
                        row.getString("producer_sub")));
            }
        }
        return messages;
    }

    /**
     * Locks the partitions, moves their heads and notes where they stood. Returns false when one is not there any more.
     */
    private boolean claim(Connection open, Flush flush, boolean allDue) throws SQLException {
        List<Run> runs = flush.runs();
        if (runs.isEmpty()) {
            return true;
        }
        long[] partitions = partitionIds(runs);
        requireAscending(partitions);
        long[] counts =
                runs.stream().mapToLong(run -> flush.expectedSeqs(run, allDue)).toArray();
        var claimed = new BitSet(runs.size());
        try (var statement = new BoundStatement(open, statements.get("claim"))
                        .set("partitions", partitions)
                        .set("counts", counts)
                        .set("each", each(counts));
                ResultSet row = statement.query()) {
            int id = row.findColumn("id");
            int queueId = row.findColumn("queue_id");
            int head = row.findColumn("head");
            int scheduled = row.findColumn("scheduled");
            while (row.next()) {
                int next = claimed.length(); // Rows come in the order of the ids, without partitions that are gone.
                long found = row.getLong(id);
                int i = next < partitions.length && partitions[next] == found
                        ? next
                        : Arrays.binarySearch(partitions, found);
                runs.get(i)
                        .claimed(
                                counts[i], row.getLong(queueId), row.getLong(head) - counts[i], row.getLong(scheduled));
                claimed.set(i);
            }
        }
        for (int i = claimed.nextClearBit(0); i < runs.size(); i = claimed.nextClearBit(i + 1)) {
            directory.forget(runs.get(i).name());
            dedup.forget(partitions[i]);
        }
        return claimed.cardinality() == runs.size() && readOptions(open, runs);
    }

    /** Returns the count that all are, null if they differ. */
    private static @Nullable Long each(long[] counts) {
        for (long count : counts) {
            if (count != counts[0]) {
                return null;
            }
        }
        return counts[0];
    }

    /** In another order claim would take one partition's count for another. */
    private static void requireAscending(long[] partitions) {
        for (int i = 1; i < partitions.length; i++) {
            if (partitions[i - 1] >= partitions[i]) {
                throw new IllegalStateException(
                        "partitions out of order: " + partitions[i - 1] + " before " + partitions[i]);
            }
        }
    }

    /** Returns false when a queue is not there any more. */
    private boolean readOptions(Connection open, List<Run> runs) throws SQLException {
        long[] queues = runs.stream().mapToLong(Run::queueId).distinct().toArray();
        var rules = new HashMap<Long, Rules>();
        try (var statement = new BoundStatement(open, statements.get("options")).set("queues", queues);
                ResultSet row = statement.query()) {
            while (row.next()) {
                rules.put(
                        row.getLong("id"),
                        new Rules(
                                dedupWindow(row),
                                row.getBoolean("encryption_enabled"),
                                row.getTimestamp("now").toInstant()));
            }
        }
        for (Run run : runs) {
            Rules ofQueue = rules.get(run.queueId());
            if (ofQueue == null) {
                directory.forget(run.name());
            } else {
                run.under(ofQueue);
            }
        }
        return rules.size() == queues.length;
    }

    /** The window of the queue, or else the writer's; longer ones than any option may be would only overflow. */
    private Duration dedupWindow(ResultSet row) throws SQLException {
        long millis = row.getLong("dedup_window_ms");
        Duration window = row.wasNull() ? usualDedupWindow : Duration.ofMillis(millis);
        return window.compareTo(QueueOptions.MAX_TIME) > 0 ? QueueOptions.MAX_TIME : window;
    }

    private void write(Connection open, Flush flush, boolean allDue) throws SQLException {
        flush.place(findDuplicates(open, flush, allDue), allDue, cipher);
        correct(open, flush.runs().stream().filter(Run::isMisclaimed).toList());
        List<SegmentCopy.Run> rows = flush.rows();
        if (!rows.isEmpty()) {
            segments.write(open, copySql, rows, compressesPayloads);
            wake(open, flush.runs().stream().filter(Run::isMoved).toList());
        }
        schedule(open, flush.waiting());
    }

    private Map<Integer, UUID> findDuplicates(Connection open, Flush flush, boolean released) throws SQLException {
        var suspects = new ArrayList<Suspect>();
        var mayWait = new ArrayList<Suspect>();
        for (Run run : flush.runs()) {
            if (!run.dropsRepeats()) {
                dedup.forget(run.partitionId()); // What is written now would be missing from it.
                continue;
            }
            if (!run.mayRepeat()) {
                continue;
            }
            if (released) { // Looked for when they were set aside; what came since was compared with them.
                hash(flush, run);
                continue;
            }
            DedupWindow.Known known = dedup.catchUp(open, run.partitionId(), run.head(), run.dedupWindow());
            run.comparedWith(known);
            for (int i = 0; i < run.size(); i++) {
                int index = run.index(i);
                NewMessage message = flush.message(index);
                if (message.generatedTransactionId()) {
                    continue;
                }
                long hash = SeenIds.hash(message.transactionId());
                flush.hashed(index, hash);
                for (long seq : known.seqsOf(hash)) {
                    suspects.add(
                            new Suspect(index, run.partitionId(), seq, message.transactionId(), run.dedupWindow()));
                }
                if (run.scheduled() > 0) {
                    mayWait.add(new Suspect(index, run.partitionId(), 0, message.transactionId(), run.dedupWindow()));
                }
            }
        }
        Map<Integer, UUID> duplicates = dedup.verify(open, suspects);
        findWaiting(open, mayWait, duplicates);
        return duplicates;
    }

    private static void hash(Flush flush, Run run) {
        for (int i = 0; i < run.size(); i++) {
            int index = run.index(i);
            flush.hashed(index, SeenIds.hash(flush.message(index).transactionId()));
        }
    }

    /** Adds the messages whose transaction id is that of a scheduled one. */
    private void findWaiting(Connection open, List<Suspect> suspects, Map<Integer, UUID> duplicates)
            throws SQLException {
        if (suspects.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(open, statements.get("find-scheduled"))
                        .set(
                                "partitions",
                                suspects.stream()
                                        .mapToLong(Suspect::partitionId)
                                        .toArray())
                        .set(
                                "transaction_ids",
                                suspects.stream().map(Suspect::transactionId).toArray(String[]::new));
                ResultSet row = statement.query()) {
            while (row.next()) {
                Suspect suspect = suspects.get(row.getInt("ordinal") - 1);
                duplicates.put(suspect.messageIndex(), row.getObject("id", UUID.class));
            }
        }
    }

    private void schedule(Connection open, List<Waiting> waiting) throws SQLException {
        if (waiting.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(open, statements.get("schedule"))
                .set(
                        "partitions",
                        waiting.stream().mapToLong(Waiting::partitionId).toArray())
                .set(
                        "due_at",
                        waiting.stream().map(each -> each.dueAt().toString()).toArray(String[]::new))
                .set("ids", waiting.stream().map(each -> each.message().id()).toArray(UUID[]::new))
                .set(
                        "transaction_ids",
                        waiting.stream()
                                .map(each -> each.message().transactionId())
                                .toArray(String[]::new))
                .set(
                        "payloads",
                        waiting.stream()
                                .map(each -> new String(each.message().payload(), StandardCharsets.UTF_8))
                                .toArray(String[]::new))
                .set(
                        "trace_ids",
                        waiting.stream().map(each -> each.message().traceId()).toArray(UUID[]::new))
                .set(
                        "producer_subs",
                        waiting.stream()
                                .map(each -> each.message().producerSub())
                                .toArray(String[]::new))) {
            statement.update();
        }
    }

    private void correct(Connection open, List<Run> misclaimed) throws SQLException {
        if (misclaimed.isEmpty()) {
            return;
        }
        try (var statement = new BoundStatement(open, statements.get("correct"))
                .set("partitions", partitionIds(misclaimed))
                .set("heads", misclaimed.stream().mapToLong(Run::newHead).toArray())
                .set("are_new", misclaimed.stream().map(Run::isMoved).toArray(Boolean[]::new))) {
            statement.update();
        }
    }

    private void wake(Connection open, List<Run> moved) throws SQLException {
        try (var statement = new BoundStatement(open, statements.get("wake")).set("partitions", partitionIds(moved))) {
            statement.update();
        }
    }

    private static long[] partitionIds(Collection<Run> runs) {
        return runs.stream().mapToLong(Run::partitionId).toArray();
    }

    private Connection connection() throws SQLException {
        Connection open = connection;
        if (open == null) {
            open = dataSource.getConnection();
            connection = open;
            try {
                IndexPlans.on(open);
                setLockTimeout(open);
                parking.forget();
                readServer(open);
                open.setAutoCommit(false);
            } catch (SQLException | RuntimeException | Error e) {
                giveUpConnection();
                throw e;
            }
        }
        return open;
    }

    /** If the server was started since it was known, or is another one, all that is known is looked up anew. */
    private void readServer(Connection open) throws SQLException {
        try (var statement = new BoundStatement(open, statements.get("server"));
                ResultSet row = statement.query()) {
            row.next();
            compressesPayloads = row.getBoolean("compresses_payloads");
            String start = row.getString("started_at");
            if (!start.equals(serverStart)) {
                dedup.forgetAll();
                directory.forgetAll();
                serverStart = start;
            }
        }
    }

    private void setLockTimeout(Connection open) throws SQLException {
        if (!lockTimeout.isZero()) {
            try (var statement = open.createStatement()) {
                statement.execute("set lock_timeout = " + lockTimeout.toMillis());
            }
        }
    }

    private void resetLockTimeout(Connection open) throws SQLException {
        if (!lockTimeout.isZero()) {
            try (var statement = open.createStatement()) {
                statement.execute("set lock_timeout = 0"); // A reset would bring back the default of the role.
            }
        }
    }

    private void rollback() {
        Connection open = connection;
        if (open != null) {
            try {
                open.rollback();
            } catch (SQLException e) {
                giveUpConnection();
            }
        }
    }

    private void giveUpConnection() {
        Connection open = connection;
        connection = null;
        if (open == null) {
            return;
        }
        try (open) {
            if (!open.getAutoCommit()) {
                open.rollback();
            }
            open.setAutoCommit(true);
            resetLockTimeout(open);
            IndexPlans.off(open);
        } catch (SQLException ignored) {
            // The connection is of no use any more; whoever called us reports why.
        }
    }
}
