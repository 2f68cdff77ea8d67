package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.sql.Statements;
import dev.sluice.queue.sql.TransactionId;
import dev.sluice.queue.write.DedupWindow.Suspect;
import dev.sluice.queue.write.Flush.Run;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * Writes a {@link Flush} within a transaction: opens it ({@link FlushOpening}), finds duplicates, lets the flush
 * decide, corrects the heads, copies the segments and stores the messages that are not due. Owns the caches of a
 * {@link WriterSession}: ids of partitions and transaction ids.
 *
 * <p>Owned by one thread.
 */
final class FlushWriter {
    private final Statements statements;
    private final PayloadCipher cipher;
    private final DedupWindow dedup;
    private final PartitionDirectory directory;
    private final HeadClaim heads;
    private final FlushOpening opening;
    private final Scheduled scheduled;
    private final SegmentCopy segments;
    private final PartitionLocks locks;
    private final ItemLanes lanes;

    /** When the server was started that the caches describe. */
    private String serverStart = "";

    private boolean serverCompresses;

    FlushWriter(QueueWriterConfig config, int maxPartitions) {
        this.statements = Statements.read("flush_writer.sql", config.schema());
        this.cipher = config.cipher();
        this.dedup = new DedupWindow(config.dedupMaxIds(), maxPartitions, config.schema(), System::nanoTime);
        this.directory = new PartitionDirectory(config.schema());
        this.heads = new HeadClaim(config, directory, dedup);
        this.opening = new FlushOpening(heads, new OffsetTable(config.schema()));
        this.scheduled = new Scheduled(config.schema());
        this.segments = new SegmentCopy(config.schema());
        this.locks = new PartitionLocks(config.schema());
        this.lanes = new ItemLanes(config.schema());
    }

    private record Server(String start, boolean compressesPayloads) {}

    /** Reads which server a new connection leads to. Drops the caches if they describe another one. */
    void connected(Connection connection) throws SQLException {
        Server server = statements
                .on(connection, "server")
                .first(row -> new Server(row.getString("started_at"), row.getBoolean("compresses_payloads")))
                .orElseThrow();
        serverCompresses = server.compressesPayloads();
        if (!server.start().equals(serverStart)) {
            forgetAll();
            serverStart = server.start();
        }
    }

    /** Drops all caches. */
    void forgetAll() {
        dedup.forgetAll();
        directory.forgetAll();
    }

    /** Returns the id of a partition, {@link PartitionDirectory#UNKNOWN} if it is not cached. */
    long partitionId(PartitionName name) {
        return directory.idOf(name);
    }

    /** Returns how many transaction ids are cached. */
    long rememberedIds() {
        return dedup.size();
    }

    /** Gives a flush the ids of its partitions. See {@link WriterTransaction#locate}. */
    boolean locate(Connection connection, Flush flush) throws SQLException {
        if (locateCached(flush)) {
            return true;
        }
        directory.resolve(connection, flush.names(), flush::lane);
        return locateCached(flush);
    }

    boolean locateCached(Flush flush) {
        return flush.locate(directory::idOf);
    }

    /**
     * Writes a flush of new messages, and moves its sources on.
     *
     * @param id takes the id of the transaction
     * @return false if a partition was deleted
     * @throws SourceMovedException if a source is not where its progress expects it
     */
    boolean write(Connection connection, Flush flush, List<SourceProgress> progress, Consumer<TransactionId> id)
            throws SQLException {
        if (!opening.run(connection, flush, false, progress, id)) {
            return false;
        }
        flush.place(findDuplicates(connection, flush), false, cipher);
        store(connection, flush);
        return true;
    }

    /**
     * Writes a flush of scheduled messages that are due. They are no duplicates: the writer compared them when it
     * scheduled them, and compared every later message with them.
     *
     * @throws IllegalStateException if a partition was deleted: the transaction must have locked it before
     */
    void release(Connection connection, Flush flush, Consumer<TransactionId> id) throws SQLException {
        if (!opening.run(connection, flush, true, List.of(), id)) {
            throw new IllegalStateException("a locked partition was deleted");
        }
        for (Run run : flush.runs()) {
            if (!run.dropsRepeats()) {
                dedup.forget(run.partitionId());
            } else if (run.mayRepeat()) {
                for (int i = 0; i < run.size(); i++) {
                    int index = run.index(i);
                    flush.hashed(index, SeenIds.hash(flush.message(index).transactionId()));
                }
            }
        }
        flush.place(Map.of(), true, cipher);
        store(connection, flush);
    }

    /**
     * Removes messages that are scheduled. Locks their partitions and those of a flush, in order of their ids, so that
     * the flush can be written in the same transaction.
     *
     * @return those that were scheduled
     */
    Set<UUID> withdraw(Connection connection, Flush flush, Collection<ScheduledMessage> messages) throws SQLException {
        var partitions = new HashSet<>(flush.partitionIds());
        messages.forEach(message -> partitions.add(message.partitionId()));
        locks.lock(connection, partitions);
        return scheduled.withdraw(connection, messages);
    }

    /** Enters a flush into the caches, after its commit. */
    void committed(Flush flush) {
        flush.rememberIn(dedup);
    }

    private void store(Connection connection, Flush flush) throws SQLException {
        heads.correct(connection, flush.runs());
        List<SegmentCopy.Run> rows = flush.rows();
        if (!rows.isEmpty()) {
            segments.write(connection, rows, serverCompresses);
        }
        scheduled.add(connection, flush.waiting());
        lanes.note(connection, flush.runs());
    }

    /** Returns the ids of the first messages, by index of the messages that repeat them. */
    private Map<Integer, UUID> findDuplicates(Connection connection, Flush flush) throws SQLException {
        var inSegments = new ArrayList<Suspect>();
        var amongScheduled = new ArrayList<Suspect>();
        var compared = new ArrayList<Run>();
        for (Run run : flush.runs()) {
            if (!run.dropsRepeats()) {
                dedup.forget(run.partitionId()); // The cache would lack the ids of this flush.
            } else if (run.mayRepeat()) {
                compared.add(run);
            }
        }
        for (int from = 0; from < compared.size(); from += SeenSegments.MAX_PARTITIONS) {
            int to = Math.min(compared.size(), from + SeenSegments.MAX_PARTITIONS);
            List<Run> piece = compared.subList(from, to);
            SeenSegments.Ahead ahead =
                    dedup.readAhead(connection, piece.stream().map(Run::locked).toList());
            for (Run run : piece) {
                DedupWindow.CachedIds known = dedup.catchUp(connection, run.locked(), ahead);
                run.comparedWith(known);
                suspect(flush, run, known, inSegments, amongScheduled);
            }
        }
        var duplicates = new HashMap<>(dedup.verify(connection, inSegments));
        duplicates.putAll(scheduled.findDuplicates(connection, amongScheduled));
        return duplicates;
    }

    private static void suspect(
            Flush flush, Run run, DedupWindow.CachedIds known, List<Suspect> inSegments, List<Suspect> amongScheduled) {
        for (int i = 0; i < run.size(); i++) {
            int index = run.index(i);
            NewMessage message = flush.message(index);
            if (message.generatedTransactionId()) {
                continue;
            }
            long hash = SeenIds.hash(message.transactionId());
            flush.hashed(index, hash);
            for (long seq : known.seqsOf(hash)) {
                inSegments.add(new Suspect(index, run.partitionId(), seq, message.transactionId(), run.dedupWindow()));
            }
            if (run.scheduled() > 0) {
                amongScheduled.add(
                        new Suspect(index, run.partitionId(), 0, message.transactionId(), run.dedupWindow()));
            }
        }
    }
}
