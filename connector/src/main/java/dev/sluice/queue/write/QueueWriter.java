package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.sql.OutcomeUnknownException;
import dev.sluice.queue.write.OffsetTable.StoredOffset;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes messages into the queue, many at a time, exactly once: the flush. One transaction (1) moves the offsets of the
 * sources by compare-and-set, (2) locks the partitions in order of their ids and moves their heads in the same
 * statement, as if every message were new and due, (3) wakes the cursors that are idle, (4) drops duplicates, (5) gives
 * out seqs and corrects the heads where fewer or more were needed, (6) copies the segments. The first three are one
 * round trip. Messages that are not due are set aside; {@link #releaseDue} gives them seqs once they are due.
 *
 * <p>The transaction holds the locks under which it gives out seqs until it commits, so no reader can pass a message
 * that commits later. Offsets commit with the data, so a replay after a crash changes nothing.
 *
 * <p>Owned by one thread. Any number of writers, in any number of processes, may write to the same partitions.
 */
public final class QueueWriter implements AutoCloseable {
    private static final int QUEUES_IN_LOG = 10;

    private static final Logger log = LoggerFactory.getLogger(QueueWriter.class);

    private final WriterSession session;
    private final OffsetTable offsets;
    private final Parking parking;
    private final ParkedRelease parkedRelease;
    private final DueRelease dueRelease;
    private final boolean parks;

    /** Makes a writer; its first use opens its connection. */
    public QueueWriter(DataSource dataSource, QueueWriterConfig config) {
        this(dataSource, config, DedupWindow.partitionsFor(config.dedupMaxIds()));
    }

    /** Makes a writer that caches the transaction ids of at most {@code maxPartitions} partitions. */
    public QueueWriter(DataSource dataSource, QueueWriterConfig config, int maxPartitions) {
        this.parking = new Parking(config.cipher(), config.schema());
        this.session = new WriterSession(dataSource, config, maxPartitions, parking::forget);
        this.offsets = new OffsetTable(config.schema());
        this.parkedRelease = new ParkedRelease(session, parking);
        this.dueRelease = new DueRelease(session, config.schema());
        this.parks = !config.lockTimeout().isZero();
    }

    /**
     * Messages that were moved into their queues.
     *
     * @param messages how many; 0: there was nothing to move
     * @param queues the queues they are in
     */
    public record Released(int messages, Set<String> queues) {
        static final Released NONE = new Released(0, Set.of());

        public Released {
            queues = Set.copyOf(queues);
        }

        static Released of(Flush flush) {
            return new Released(flush.outcomes().size(), flush.queues());
        }
    }

    /**
     * Writes messages and moves sources on, both or neither. If the writer parks, and a queue cannot be written to in
     * time, parks the messages of that queue and writes the others.
     *
     * @param messages in the order in which their partitions get them; may be empty
     * @param progress the sources that move on with them
     * @return the outcome of each message, in the same order. Committed
     * @throws SourceMovedException if a source is not where its progress expects it; nothing was written
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit, and its outcome could not be found out:
     *     {@link #storedOffset} tells later
     * @throws QueueException if PostgreSQL failed; nothing was written
     */
    public List<PushOutcome> write(List<NewMessage> messages, List<SourceProgress> progress) {
        String what = "could not write " + messages.size() + " messages";
        if (!parks) {
            var flush = new Flush(messages);
            return session.run(
                    what,
                    transaction ->
                            write(transaction, flush, progress) ? Ending.commit(flush.outcomes()) : Ending.restart());
        }
        try {
            return writeOrPark(what, messages, progress, Set.of());
        } catch (QueueException e) {
            if (!e.isTimeout()) {
                throw e;
            }
            Set<String> held = heldQueues(messages);
            if (held.isEmpty()) {
                throw e;
            }
            log.warn(
                    "Parked the messages of queues that another transaction keeps locked, and wrote those of the others; end the"
                            + " transaction queues={} reason={}",
                    held.stream().limit(QUEUES_IN_LOG).toList(),
                    e.getMessage());
            return writeOrPark(what, messages, progress, held);
        }
    }

    private boolean write(WriterTransaction transaction, Flush flush, List<SourceProgress> progress)
            throws SQLException {
        return transaction.locate(flush) && transaction.write(flush, progress);
    }

    /** Writes messages, and parks those of queues that are held and of queues that have parked messages. */
    private List<PushOutcome> writeOrPark(
            String what, List<NewMessage> messages, List<SourceProgress> progress, Set<String> held) {
        List<PushOutcome> outcomes = session.run(what, transaction -> {
            var aside = new HashSet<>(parking.queues(transaction.connection()));
            aside.addAll(held);
            SplitMessages parts = SplitMessages.of(messages, aside);
            var direct = new Flush(parts.direct());
            if (!write(transaction, direct, progress)) {
                return Ending.restart();
            }
            parking.park(transaction.connection(), parts.parked());
            return Ending.commit(parts.outcomes(direct.outcomes()));
        });
        parking.parked(held);
        return outcomes;
    }

    /**
     * Returns the queues that keep a write of these messages from going on: those in which another transaction holds a
     * row, or the only queue of the batch. Empty if the writer cannot tell.
     */
    private Set<String> heldQueues(List<NewMessage> messages) {
        var flush = new Flush(messages);
        return session.run("could not find out which queues are held", transaction -> {
            Set<String> queues = flush.queues();
            queues.removeAll(parking.queues(transaction.connection()));
            if (queues.size() <= 1) {
                return Ending.rollBack(queues);
            }
            Set<String> held = parking.held(transaction.connection(), flush.names(), session::partitionId);
            held.retainAll(queues);
            return Ending.rollBack(held);
        });
    }

    /**
     * Writes parked messages to their queues, those of one queue in the order in which they were parked. Tries a queue
     * that still cannot be written to again later.
     *
     * @param limit most messages of a queue to move in one transaction
     * @return how many were moved, and to which queues. Committed
     * @throws QueueException if PostgreSQL failed
     */
    public Released releaseParked(int limit) {
        return parkedRelease.run(limit);
    }

    /**
     * Writes scheduled messages that are due to their queues, in the order of their times. Skips a partition that
     * another transaction holds.
     *
     * @param limit most messages to move
     * @return how many were moved, and to which queues. Committed
     * @throws OutcomeUnknownException if PostgreSQL did not confirm the commit; calling again does no harm
     * @throws QueueException if PostgreSQL failed; nothing was moved
     */
    public Released releaseDue(int limit) {
        return dueRelease.run(limit);
    }

    /**
     * Returns the next offset of a source that is stored, or nothing if it has never written. Waits for a write of that
     * source whose commit is still under way, and returns only what a crash of the server, or a failover to a
     * synchronous standby, cannot take back. Another writer may have parked messages of the source before that offset,
     * so the next write looks again which queues have parked messages.
     *
     * @throws SourceRefusedException if the source was refused, and its offset not set since
     * @throws QueueException if PostgreSQL cannot be asked
     */
    public OptionalLong storedOffset(SourcePartition source) {
        StoredOffset stored = session.run(
                "could not read the offset of " + source,
                transaction -> Ending.commit(offsets.confirmed(transaction.connection(), source)));
        parking.forget();
        return stored.next();
    }

    /**
     * Keeps a source from going on until an operator has set its offset: it has delivered another record at an offset
     * that is stored.
     *
     * @param offset of that record
     * @param reason what {@link SourceRefusedException} will say
     * @return false if the offset is not stored; nothing was done then
     * @throws QueueException if PostgreSQL failed
     */
    public boolean refuse(SourcePartition source, long offset, String reason) {
        return session.run(
                "could not refuse " + source,
                transaction -> Ending.commit(offsets.refuse(transaction.connection(), source, offset, reason)));
    }

    /** Returns how many transaction ids the writer caches. */
    long rememberedIds() {
        return session.rememberedIds();
    }

    WriterSession session() {
        return session;
    }

    /** Gives the connection back. The writer can be used again. */
    @Override
    public void close() {
        session.close();
    }
}
