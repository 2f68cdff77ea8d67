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
 * One life of a sink task, driven as {@code org.apache.kafka.connect.runtime.WorkerSinkTask} drives it: initialize,
 * start, then open, put, preCommit and close for each epoch of the log, and stop, all on one thread. It delivers the
 * same records again after a {@link RetriableException}, goes where {@code context.offset} says, and lets the log
 * forget only what {@code preCommit} returns. Any other exception ends this life.
 */
final class TaskDriver {
    private static final Logger log = LoggerFactory.getLogger(TaskDriver.class);

    /** How long to wait for entries before looking whether the drain shall stop. */
    private static final Duration IDLE_WAIT = Duration.ofMillis(200);

    /** Wait before a batch is delivered again when the task does not say. */
    private static final long DEFAULT_RETRY_MS = 500;

    private static final long NONE = -1;

    /** What the drain wants of its lanes. */
    interface Control {
        /** Says whether nothing more will be appended and the lane shall end when it is empty. */
        boolean isStopping();

        /** Says whether the lane shall end now, with whatever is left. */
        boolean isOver();

        /** Says whether to move anything. */
        Drain.Hold hold();

        /**
         * Says whether others have found that the database cannot be used, even if the lane still waits for its answer.
         */
        default boolean isAway() {
            return false;
        }

        /** Notes that PostgreSQL takes no more connections, so this lane gets none. */
        void connectionRefused(String reason);

        /** Waits; less if the drain is told to stop. Returns false if it is no use to go on. */
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

    /** Starts the task and drains until the drain stops. Always followed by {@link #stop}. */
    void run() throws IOException, InterruptedException, SourceTakenException {
        task.initialize(context);
        task.start(context.configs());
        startOver();
        while (step()) {
            // All is in the step.
        }
    }

    /**
     * Begins with all the log still has, moved on or not: PostgreSQL may have lost some of it, in any epoch, so each is
     * compared with what is stored of it. What is stored is passed over. A destination that remembers nothing gets what
     * is not moved on.
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

    /** Ends the task, whatever state it is in. */
    void stop() {
        try {
            closePartition();
        } finally {
            task.stop();
        }
    }

    /** Reads and delivers one batch; false when the drain shall end, and there is nothing left or no use to try. */
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
        if (end == NONE && !lane.lingerGate().await(reader.position(), IDLE_WAIT)) {
            return confirmHeld();
        }
        List<Entry> entries = batches.read(!control.isStopping());
        if (!entries.isEmpty()) {
            return deliver(entries);
        }
        if (isWritten && confirmed == delivered) {
            lane.segments().commit(end); // Entries that were lost, or failed to be written, have offsets too.
            lane.drainedTo(end);
            return false;
        }
        long movedOn = lane.segments().committedOffset();
        if (reader.position() < movedOn) {
            reader.seek(movedOn); // A power cut took what lay between; there is nothing to wait for.
        }
        return idle();
    }

    /** Says whether everything below the offset is in the file, or will never be. */
    private boolean isWritten(long end) {
        return end <= reader.position() || lane.segments().sync(end - 1).isDone();
    }

    /** Waits for entries, and looks after what the task holds; false if the drain shall end. */
    private boolean idle() throws InterruptedException, SourceTakenException {
        Duration wait = IDLE_WAIT;
        if (context.hasTimeout()) {
            wait = Duration.ofMillis(Math.min(wait.toMillis(), context.takeTimeoutMs(wait.toMillis())));
        }
        return reader.await(wait) || confirmHeld();
    }

    /** Has the task write what it holds, if it holds anything; false if the drain shall end. */
    private boolean confirmHeld() throws SourceTakenException {
        if (confirmed < delivered) {
            if (!put(List.of())) {
                return false;
            }
            confirm();
        }
        return true;
    }

    private boolean deliver(List<Entry> entries) throws SourceTakenException {
        Entry first = entries.get(0);
        long movedOn = lane.segments().committedOffset();
        TopicPartition open = enter(first);
        var records = new ArrayList<SinkRecord>(entries.size());
        var stored = new ArrayList<SinkRecord>();
        boolean isWaitedFor = false;
        for (Entry entry : entries) {
            boolean isMovedOn = entry.offset() < movedOn;
            if (!isMovedOn && !isWaitedFor) {
                isWaitedFor = true;
                lane.draining(entry.appendedAtMillis());
            }
            if (entry.offset() >= storedBelow) {
                records.add(record(open, entry));
            } else if (!isMovedOn) {
                stored.add(record(open, entry));
            }
        }
        if (!stored.isEmpty()) {
            observer.alreadyStored(stored);
        }
        if (!records.isEmpty()) {
            reportRepetition(records.get(0).kafkaOffset(), movedOn);
            if (!put(records)) {
                return false;
            }
        }
        delivered = entries.get(entries.size() - 1).offset() + 1;
        goWhereAsked(open, delivered);
        confirm();
        return true;
    }

    private static SinkRecord record(TopicPartition open, Entry entry) {
        return new SinkRecord(open.topic(), open.partition(), null, null, null, value(entry), entry.offset());
    }

    /** Returns the message, or what says why the entry is none; the task's mapping refuses that and has it reported. */
    private static Object value(Entry entry) {
        try {
            return MessageCodec.decode(entry.payload());
        } catch (MessageFormatException e) {
            return new MessageCodec.Unreadable(entry.payload(), String.valueOf(e.getMessage()));
        }
    }

    /** Opens the epoch of the entry, after closing that before it. */
    private TopicPartition enter(Entry first) throws SourceTakenException {
        TopicPartition open = partition;
        if (open != null && epoch == first.epoch()) {
            return open;
        }
        if (open != null && storedBelow > delivered) {
            log.warn(
                    "PostgreSQL has more of an epoch than this log: a power cut took what was stored and not synced here."
                            + " Nothing is lost. lane={} epoch={} stored={} logEndsAt={}",
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

    /**
     * Takes in where PostgreSQL says the epoch continues, and says so if it lacks what the log does not have either.
     */
    private void compare(TopicPartition open) throws SourceTakenException {
        OptionalLong asked = context.takeOffset(open);
        isCompared = asked.isPresent()
                || task.preCommit(Map.of(open, new OffsetAndMetadata(firstHeld)))
                        .containsKey(open);
        if (asked.isEmpty() && !(isCompared && epoch == 1)) {
            return; // Nothing is stored, and where a later epoch began is not known.
        }
        long offset = asked.orElse(0);
        failIfBeyond(offset);
        storedBelow = offset;
        long goneBelow = Math.min(firstHeld, lane.segments().committedOffset());
        if (offset < goneBelow) {
            log.warn(
                    "PostgreSQL lacks entries that are not in the log any more: they were moved on once, and it was restored"
                            + " from a backup or failed over since. They are lost unless its predecessor has them. lane={}"
                            + " epoch={} stored={} logBeginsAt={} missing={}",
                    lane.name(),
                    epoch,
                    offset,
                    firstHeld,
                    goneBelow - offset);
        }
    }

    /** Says so if entries are delivered that were moved on before. */
    private void reportRepetition(long offset, long movedOn) {
        if (isCompared && offset < movedOn) {
            log.warn(
                    "PostgreSQL has less of a lane than was moved on from its log: it was restored from a backup, failed over,"
                            + " or is another database. Repeating what the log still has; nothing below logBeginsAt can be repeated."
                            + " lane={} epoch={} stored={} logBeginsAt={} repeatedFrom={} movedOn={}",
                    lane.name(),
                    epoch,
                    storedBelow == 0 ? "nothing" : storedBelow,
                    firstHeld,
                    offset,
                    movedOn);
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
     * Continues where the task asked to, if it did.
     *
     * @param next offset of the entry that would come otherwise
     */
    private void goWhereAsked(TopicPartition open, long next) throws SourceTakenException {
        OptionalLong asked = context.takeOffset(open);
        if (asked.isEmpty()) {
            return;
        }
        long offset = asked.getAsLong();
        failIfBeyond(offset);
        storedBelow = offset;
        if (offset < next) {
            log.warn(
                    "PostgreSQL has lost what was moved on to it while we ran: it failed over, or was restored. Comparing all that"
                            + " the log still has. lane={} epoch={} continuesAt={} movedOn={}",
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

    /** Waits while the drain is held; false if it is told to stop before that ends. */
    private boolean awaitRelease() {
        while (control.hold() != Drain.Hold.NONE) {
            if (!control.pause(IDLE_WAIT.toMillis())) {
                return false;
            }
        }
        return true;
    }

    /** Delivers until the task takes the records; false if the drain shall end before it does. */
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
                tellIfRefused(e);
                outage.failed(e, isLostConnection(e));
                if (!control.pause(context.takeTimeoutMs(DEFAULT_RETRY_MS))) {
                    return false;
                }
            } catch (ConnectException e) {
                confirm(); // What was done before it failed need not be done again.
                throw e;
            }
        }
    }

    /**
     * Tells whether somebody else has moved the source. Up to where the log ended when it was opened it may have been a
     * commit of the process before us that took effect late, and every copy of the log has the same records there.
     */
    private void failIfTaken(RetriableException e) throws SourceTakenException {
        if (!(e.getCause() instanceof SourceMovedException moved) || moved.storedOffset() < moved.expectedOffset()) {
            return;
        }
        if (moved.storedOffset() > lane.firstOwnOffset()) {
            throw new SourceTakenException("somebody else has moved " + moved.partition() + " from offset "
                    + moved.expectedOffset() + " to " + moved.storedOffset() + ": a copy of " + lane.directory()
                    + " is in use");
        }
        log.warn(
                "An earlier process of this lane has moved its source late; going on from there. lane={} expected={} stored={}",
                lane.name(),
                moved.expectedOffset(),
                moved.storedOffset());
    }

    private void tellIfRefused(RetriableException e) {
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

    /** Asks the task how far it is and lets the log forget what is below. */
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
