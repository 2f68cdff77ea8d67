package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.Lane;
import dev.sluice.bridge.ingest.MessageCodec;
import dev.sluice.bridge.ingest.MessageFormatException;
import dev.sluice.buffer.Entry;
import dev.sluice.buffer.LogReader;
import dev.sluice.connect.sink.OutcomeObserver;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.SessionFailures;
import dev.sluice.queue.write.SourceMovedException;
import dev.sluice.queue.write.SourcePartition;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drives one life of a sink task, as {@code org.apache.kafka.connect.runtime.WorkerSinkTask} does: initialize, start,
 * then open, put, preCommit and close for each epoch of the log, and stop, all on one thread.
 *
 * <p>It delivers the same records again after a {@link RetriableException}, seeks to where {@code context.offset} says,
 * and commits in the log only what {@code preCommit} returns. Any other exception ends this life.
 */
final class TaskDriver {
    private static final Logger log = LoggerFactory.getLogger(TaskDriver.class);

    /** How long to wait for entries before checking whether the drain stops. */
    private static final Duration IDLE_WAIT = Duration.ofMillis(200);

    /** Pause before a batch is delivered again if the task asks for none. */
    private static final long DEFAULT_RETRY_MS = 500;

    private static final long NONE = -1;

    /** What the drain wants of its lanes. */
    interface Control {
        /** Returns whether the lane must end when it is empty; nothing is appended any more. */
        boolean isStopping();

        /** Returns whether the lane must end now, even if messages are left. */
        boolean isOver();

        /** Returns whether and why the lane moves nothing. */
        Drain.Hold hold();

        /** Returns whether the bridge knows that the database is unreachable, even if the lane still waits for it. */
        boolean isAway();

        /** Reports that PostgreSQL refused a connection because it has too many. */
        void connectionRefused(String reason);

        /** Waits, but not beyond a stop of the drain. Returns false if the drain stops. */
        boolean pause(long millis);
    }

    /**
     * What all lives of a lane's task share.
     *
     * @param lane the lane
     * @param remembersOffsets see {@link Destination#remembersOffsets}
     * @param reader reads the lane's log
     * @param batches reads batches with {@code reader}
     * @param outage told of failed and successful tries
     * @param control what the drain wants
     * @param observer told of records that the driver does not deliver because they are stored
     */
    record LaneParts(
            Lane lane,
            boolean remembersOffsets,
            LogReader reader,
            BatchReader batches,
            Outage outage,
            Control control,
            OutcomeObserver observer) {}

    private final Lane lane;
    private final boolean remembersOffsets;
    private final LogReader reader;
    private final BatchReader batches;
    private final Outage outage;
    private final Control control;
    private final OutcomeObserver observer;
    private final SinkTask task;
    private final TaskContext context;

    private @Nullable TopicPartition partition;
    private long epoch;

    /** Next offset of the open epoch to give to the task. */
    private long delivered;

    /** Next offset of the open epoch for the task to confirm. */
    private long confirmed;

    /** PostgreSQL has all entries of the open epoch below this offset. */
    private long storedBelow;

    /** Offset of the first entry that the log has of the open epoch. */
    private long firstHeld;

    /** PostgreSQL has said where the open epoch continues, and no entry from there has been delivered yet. */
    private boolean isCompared;

    TaskDriver(LaneParts parts, SinkTask task, TaskContext context) {
        this.lane = parts.lane;
        this.remembersOffsets = parts.remembersOffsets;
        this.reader = parts.reader;
        this.batches = parts.batches;
        this.outage = parts.outage;
        this.control = parts.control;
        this.observer = parts.observer;
        this.task = task;
        this.context = context;
    }

    /** Starts the task, and drains until the drain stops. The caller calls {@link #stop} afterwards. */
    void run() throws IOException, InterruptedException, SourceTakenException {
        task.initialize(context);
        task.start(context.configs());
        startOver();
        while (step()) {
            // step() does the work.
        }
    }

    /**
     * Seeks to the first entry that the log still has, because PostgreSQL may have lost entries of any epoch: each
     * epoch is compared with PostgreSQL, and stored entries are skipped. A destination that remembers no offsets
     * continues at the committed position.
     */
    private void startOver() {
        closePartition();
        confirmed = delivered;
        if (remembersOffsets) {
            lane.segments().retain(0);
            reader.seek(0);
        } else {
            reader.seek(lane.segments().committedOffset());
        }
    }

    /** Closes and stops the task, whatever its state. */
    void stop() {
        try {
            closePartition();
        } finally {
            task.stop();
        }
    }

    /** Reads and delivers one batch. Returns false if the lane must end. */
    private boolean step() throws IOException, InterruptedException, SourceTakenException {
        TopicPartition open = partition;
        if (open != null && context.isPaused(open)) {
            put(List.of());
            return control.pause(context.takeTimeoutMs(IDLE_WAIT.toMillis()));
        }
        if (control.isOver()) {
            return false;
        }
        long end = control.isStopping() ? lane.segments().nextOffset() : NONE;
        boolean isWritten = end != NONE && isWritten(end);
        if (end == NONE && !lane.awaitLinger(reader.position(), IDLE_WAIT)) {
            return confirmHeld();
        }
        var entries = new ArrayDeque<Entry>(batches.read(!control.isStopping()));
        if (!entries.isEmpty()) {
            return deliver(entries);
        }
        if (isWritten && confirmed == delivered) {
            lane.segments().commit(end); // Lost entries and failed writes have offsets too.
            lane.drainedTo(end);
            return false;
        }
        long committed = lane.segments().committedOffset();
        if (reader.position() < committed) {
            reader.seek(committed); // A power cut took the entries between.
        }
        return idle();
    }

    /** Returns whether every entry below the offset is in the file, or will never be. */
    private boolean isWritten(long end) {
        return end <= reader.position() || lane.segments().sync(end - 1).isDone();
    }

    /** Waits for entries, and has the task write what it holds. Returns false if the lane must end. */
    private boolean idle() throws InterruptedException, SourceTakenException {
        Duration wait = IDLE_WAIT;
        if (context.hasTimeout()) {
            wait = Duration.ofMillis(Math.min(wait.toMillis(), context.takeTimeoutMs(wait.toMillis())));
        }
        return reader.await(wait) || confirmHeld();
    }

    /** Has the task write the records that it holds. Returns false if the lane must end. */
    private boolean confirmHeld() throws SourceTakenException {
        if (confirmed < delivered) {
            if (!put(List.of())) {
                return false;
            }
            confirm();
        }
        return true;
    }

    /** Delivers the entries, and removes each as it decodes it, so that memory holds a large message once. */
    private boolean deliver(ArrayDeque<Entry> entries) throws SourceTakenException {
        Entry first = entries.getFirst();
        long end = entries.getLast().offset() + 1;
        long committed = lane.segments().committedOffset();
        TopicPartition open = enter(first);
        var records = new ArrayList<SinkRecord>(entries.size());
        var stored = new ArrayList<SinkRecord>();
        boolean isNoted = false;
        while (!entries.isEmpty()) {
            Entry entry = entries.removeFirst();
            boolean isCommitted = entry.offset() < committed;
            if (!isCommitted && !isNoted) {
                isNoted = true;
                lane.draining(entry.appendedAtMillis());
            }
            if (entry.offset() >= storedBelow) {
                records.add(record(open, entry));
            } else if (!isCommitted) {
                stored.add(record(open, entry));
            }
        }
        if (!stored.isEmpty()) {
            observer.alreadyStored(stored);
        }
        if (!records.isEmpty()) {
            reportRepetition(records.get(0).kafkaOffset(), committed);
            if (!put(records)) {
                return false;
            }
        }
        delivered = end;
        seekIfAsked(open, delivered);
        confirm();
        return true;
    }

    private static SinkRecord record(TopicPartition open, Entry entry) {
        return new SinkRecord(open.topic(), open.partition(), null, null, null, value(entry), entry.offset());
    }

    /** Returns the message, or an {@code Unreadable} that the mapping of the task refuses and reports. */
    private static Object value(Entry entry) {
        try {
            return MessageCodec.decode(entry.payload());
        } catch (MessageFormatException e) {
            return new MessageCodec.Unreadable(entry.payload(), String.valueOf(e.getMessage()));
        }
    }

    /** Opens the epoch of the entry, after it has closed the epoch before. */
    private TopicPartition enter(Entry first) throws SourceTakenException {
        TopicPartition open = partition;
        if (open != null && epoch == first.epoch()) {
            return open;
        }
        if (open != null && storedBelow > delivered) {
            log.warn(
                    "PostgreSQL has more entries of an epoch than this log: a power cut took entries that were stored"
                            + " but not synced here; nothing is lost lane={} epoch={} stored={} logEndsAt={}",
                    lane.name(),
                    epoch,
                    storedBelow,
                    delivered);
        }
        closePartition();
        String topic = SourcePartition.LOG_TOPIC + lane.segments().id() + "-" + first.epoch();
        var next = new TopicPartition(topic, lane.number());
        context.assign(next);
        partition = next;
        epoch = first.epoch();
        delivered = first.offset();
        confirmed = first.offset();
        storedBelow = 0;
        firstHeld = first.offset();
        task.open(List.of(next));
        if (remembersOffsets) {
            compare(next);
        }
        return next;
    }

    /** Notes where the epoch continues in PostgreSQL, and warns of missing entries that the log has deleted. */
    private void compare(TopicPartition open) throws SourceTakenException {
        OptionalLong asked = context.takeOffset(open);
        isCompared = asked.isPresent()
                || task.preCommit(Map.of(open, new OffsetAndMetadata(firstHeld)))
                        .containsKey(open);
        if (asked.isEmpty() && !(isCompared && epoch == 1)) {
            return; // Nothing is stored, and the first offset of a later epoch is unknown.
        }
        long offset = asked.orElse(0);
        failIfBeyond(offset);
        storedBelow = offset;
        long goneBelow = Math.min(firstHeld, lane.segments().committedOffset());
        if (offset < goneBelow) {
            log.warn(
                    "PostgreSQL lacks entries that the log has deleted: they were stored once, and PostgreSQL was"
                            + " restored from a backup or failed over since; they are lost unless its predecessor has"
                            + " them lane={} epoch={} stored={} logBeginsAt={} missing={}",
                    lane.name(),
                    epoch,
                    offset,
                    firstHeld,
                    goneBelow - offset);
        }
    }

    /** Warns if entries are delivered again that the log has committed. */
    private void reportRepetition(long offset, long committed) {
        if (isCompared && offset < committed) {
            log.warn(
                    "PostgreSQL has fewer entries of a lane than the log has committed: it was restored from a backup,"
                            + " failed over, or is another database; repeating what the log still has, which begins at"
                            + " logBeginsAt lane={} epoch={} stored={} logBeginsAt={} repeatedFrom={} committed={}",
                    lane.name(),
                    epoch,
                    storedBelow == 0 ? "nothing" : storedBelow,
                    firstHeld,
                    offset,
                    committed);
        }
        isCompared = false;
    }

    private void closePartition() {
        TopicPartition open = partition;
        if (open != null) {
            partition = null;
            task.close(List.of(open));
        }
    }

    /**
     * Continues where the task asked to, if it asked.
     *
     * @param next offset of the entry that comes otherwise
     */
    private void seekIfAsked(TopicPartition open, long next) throws SourceTakenException {
        OptionalLong asked = context.takeOffset(open);
        if (asked.isEmpty()) {
            return;
        }
        long offset = asked.getAsLong();
        failIfBeyond(offset);
        storedBelow = offset;
        if (offset < next) {
            log.warn(
                    "PostgreSQL has lost entries that were stored while the bridge ran: it failed over or was restored;"
                            + " comparing everything the log still has lane={} epoch={} continuesAt={} committed={}",
                    lane.name(),
                    epoch,
                    offset,
                    lane.segments().committedOffset());
            startOver();
        }
    }

    private void failIfBeyond(long offset) throws SourceTakenException {
        if (epoch == lane.segments().epoch() && offset > lane.segments().nextOffset()) {
            throw new SourceTakenException("PostgreSQL has stored lane " + lane.name() + " up to offset " + offset
                    + ", its log " + lane.segments().id() + " in " + lane.directory() + " ends at "
                    + lane.segments().nextOffset() + ": this directory is an old copy");
        }
    }

    /** Waits while the drain is held. Returns false if the drain stops before. */
    private boolean awaitRelease() {
        while (control.hold() != Drain.Hold.NONE) {
            if (!control.pause(IDLE_WAIT.toMillis())) {
                return false;
            }
        }
        return true;
    }

    /** Delivers until the task takes the records. Returns false if the lane must end before. */
    private boolean put(Collection<SinkRecord> records) throws SourceTakenException {
        while (true) {
            if (!awaitRelease()) {
                return false;
            }
            try {
                task.put(records);
                outage.succeeded();
                return true;
            } catch (RetriableException e) {
                failIfTaken(e);
                reportIfRefused(e);
                outage.failed(e, isLostConnection(e));
                if (!control.pause(context.takeTimeoutMs(DEFAULT_RETRY_MS))) {
                    return false;
                }
            } catch (ConnectException e) {
                confirm(); // What it wrote before it failed need not be repeated.
                throw e;
            }
        }
    }

    /**
     * Fails if another process has moved the source. A move within the log as it was at opening may be a late commit of
     * the process before this one; every copy of the log has the same records there.
     */
    private void failIfTaken(RetriableException e) throws SourceTakenException {
        if (!(e.getCause() instanceof SourceMovedException moved) || moved.storedOffset() < moved.expectedOffset()) {
            return;
        }
        if (moved.storedOffset() > lane.firstOwnOffset()) {
            throw new SourceTakenException("another process has moved " + moved.partition() + " from offset "
                    + moved.expectedOffset() + " to " + moved.storedOffset() + ": a copy of " + lane.directory()
                    + " is in use");
        }
        log.warn(
                "A commit of an earlier process of this lane took effect late, continuing from there lane={}"
                        + " expected={} stored={}",
                lane.name(),
                moved.expectedOffset(),
                moved.storedOffset());
    }

    private void reportIfRefused(RetriableException e) {
        if (e.getCause() instanceof QueueException cause
                && cause.sqlState().equals(SessionFailures.TOO_MANY_CONNECTIONS)) {
            control.connectionRefused(String.valueOf(cause.getMessage()));
        }
    }

    private static boolean isLostConnection(RetriableException e) {
        if (e.getCause() instanceof TimeoutException) {
            return true;
        }
        if (!(e.getCause() instanceof QueueException cause)) {
            return false;
        }
        String state = cause.sqlState();
        return state.isEmpty() || List.of("08", "53", "57", "58").contains(state.substring(0, 2));
    }

    /** Asks the task how far it is, and commits that offset in the log. */
    private void confirm() {
        TopicPartition open = partition;
        if (open == null) {
            return;
        }
        context.takeCommitRequest();
        OffsetAndMetadata next =
                task.preCommit(Map.of(open, new OffsetAndMetadata(delivered))).get(open);
        if (next != null) {
            confirmed = Math.min(next.offset(), delivered);
            lane.segments().commit(confirmed);
            lane.drainedTo(confirmed);
        }
    }
}
