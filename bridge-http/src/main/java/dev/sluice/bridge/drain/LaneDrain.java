package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.FailedRecords;
import dev.sluice.bridge.ingest.FailedRecordsFullException;
import dev.sluice.bridge.ingest.Intake;
import dev.sluice.bridge.ingest.Lane;
import dev.sluice.buffer.LogReader;
import dev.sluice.buffer.LogStatus;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PushOutcome;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Drains one lane on one thread: makes a task, drives it, and replaces it when it fails. */
final class LaneDrain implements Runnable, Destination.Observer {
    private static final Logger log = LoggerFactory.getLogger(LaneDrain.class);

    /** Longest wait for a connection to PostgreSQL. */
    private static final String CONNECTION_TIMEOUT_MS = "4000";

    /** Longest wait for an answer of PostgreSQL, which bounds how long a lost answer holds the lane. */
    private static final String WRITE_TIMEOUT_MS = "6000";

    private final Lane lane;
    private final DrainConfig config;
    private final Intake intake;
    private final FailedRecords failed;
    private final Destination destination;
    private final Consumer<Set<String>> committedQueues;
    private final TaskDriver.Control control;
    private final Outage outage;
    private final AnsweredPushes answered = new AnsweredPushes(System::nanoTime, AnsweredPushes.MOST);
    private final LongAdder messages = new LongAdder();
    private final LongAdder duplicates = new LongAdder();
    private final LongAdder batches = new LongAdder();
    private final LongAdder skipped = new LongAdder();
    private final LongAdder refused = new LongAdder();
    private final LongAdder restarts = new LongAdder();
    private volatile DrainStatus.State state = DrainStatus.State.NEW;
    private volatile Destination.@Nullable LaneTask task;

    LaneDrain(
            Lane lane,
            DrainConfig config,
            Intake intake,
            FailedRecords failed,
            Destination destination,
            Consumer<Set<String>> committedQueues,
            TaskDriver.Control control) {
        this.lane = lane;
        this.config = config;
        this.intake = intake;
        this.failed = failed;
        this.destination = destination;
        this.committedQueues = committedQueues;
        this.control = control;
        this.outage = new Outage(lane);
    }

    Lane lane() {
        return lane;
    }

    void waiting() {
        state = DrainStatus.State.WAITING;
    }

    /** Returns whether the lane has stopped with no message left. */
    boolean hasDrainedAll() {
        return state == DrainStatus.State.STOPPED
                && lane.segments().committedOffset() == lane.segments().nextOffset();
    }

    /** Drains until the drain stops, another process takes the lane's source, or the program fails by a defect. */
    @Override
    public void run() {
        state = DrainStatus.State.RUNNING;
        try (LogReader reader = lane.segments().reader(lane.segments().committedOffset())) {
            drain(reader);
            state = DrainStatus.State.STOPPED;
        } catch (SourceTakenException e) {
            outage.ended(e);
            end(DrainStatus.State.SOURCE_TAKEN);
            log.error(
                    "Stopped draining the lane: its messages stay in the log and pushes are answered as buffered; stop"
                            + " the other process, or this one lane={} reason={} mark={}",
                    lane.name(),
                    e.getMessage(),
                    lane.sourceTakenMark());
            mark(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            end(DrainStatus.State.BROKEN);
            log.error(
                    "The thread that drains the lane was interrupted and has ended; restart the bridge lane={}",
                    lane.name());
        } catch (RuntimeException | Error e) {
            outage.ended(e);
            end(DrainStatus.State.BROKEN);
            log.error(
                    "The thread that drains the lane has ended because of a defect; restart the bridge lane={}",
                    lane.name(),
                    e);
            if (e instanceof Error error) {
                throw error;
            }
        }
    }

    /** Leaves a file for the next start: after a restart, offsets alone do not show that the source was taken. */
    private void mark(SourceTakenException taken) {
        try {
            lane.markSourceTaken(String.valueOf(taken.getMessage()));
        } catch (IOException e) {
            log.error(
                    "Could not write the mark that the lane's source is taken; do not restart the bridge before that is"
                            + " resolved lane={}",
                    lane.name(),
                    e);
        }
    }

    private void end(DrainStatus.State finalState) {
        state = finalState;
        lane.setDown(true);
    }

    private void drain(LogReader reader) throws SourceTakenException, InterruptedException {
        if (Files.exists(lane.sourceTakenMark())) {
            throw new SourceTakenException(
                    "its source was taken during an earlier run; " + lane.sourceTakenMark() + " says what to do");
        }
        var batchReader = new BatchReader(lane, reader, answered, config);
        var parts = new TaskDriver.LaneParts(
                lane, destination.remembersOffsets(), reader, batchReader, outage, control, this);
        while (true) {
            var context = new TaskContext(taskProperties(), failed::add);
            Destination.LaneTask made = destination.tasks().apply(this);
            task = made;
            var driver = new TaskDriver(parts, made.sink(), context);
            try {
                try {
                    driver.run();
                } finally {
                    driver.stop();
                }
                return;
            } catch (RuntimeException | IOException e) {
                FailedRecordsFullException full = FailedRecordsFullException.in(e);
                if (full != null) {
                    if (!hold(full)) {
                        return;
                    }
                    continue;
                }
                // The messages are safe in the log, whatever failed. A new task may succeed.
                restarts.increment();
                outage.failed(e, true);
                log.debug("The task failed, replacing it lane={}", lane.name(), e);
                if (!control.pause(config.restartBackoff().toMillis())) {
                    return;
                }
            }
        }
    }

    /** Makes a task that waits for its destination fail soon, because the drain stops. May take a while. */
    void giveUp() {
        Destination.LaneTask made = task;
        if (made != null) {
            made.giveUp().run();
        }
    }

    /** Waits until there is room for a refused record. Returns false if the drain stops before. */
    private boolean hold(FailedRecordsFullException full) {
        outage.ended(full);
        lane.setDown(true);
        state = DrainStatus.State.HOLDING;
        log.error(
                "The lane holds: there is no room to keep a refused record; retry or drop failed records lane={}"
                        + " reason={}",
                lane.name(),
                full.getMessage());
        boolean continues = control.pause(config.restartBackoff().toMillis());
        while (continues && !failed.hasRoom()) {
            continues = control.pause(config.restartBackoff().toMillis());
        }
        state = DrainStatus.State.RUNNING;
        lane.setDown(false);
        if (continues) {
            log.info("There is room for failed records again, the lane continues lane={}", lane.name());
        }
        return continues;
    }

    private Map<String, String> taskProperties() {
        var properties = new HashMap<>(config.task());
        properties.putIfAbsent(QueueSinkConfig.RETRY_BACKOFF_MS, "100");
        properties.putIfAbsent(QueueSinkConfig.RETRY_BACKOFF_MAX_MS, "2000");
        properties.putIfAbsent(QueueSinkConfig.CONNECTION_TIMEOUT_MS, CONNECTION_TIMEOUT_MS);
        properties.putIfAbsent(QueueSinkConfig.WRITE_TIMEOUT_MS, WRITE_TIMEOUT_MS);
        properties.put(QueueSinkConfig.SOURCE_NAME, lane.segments().id().toString());
        properties.put(QueueSinkConfig.BATCH_SIZE, Integer.toString(config.batchRecords()));
        properties.put(QueueSinkConfig.BATCH_BYTES, Long.toString(config.batchBytes()));
        // The drain lingers itself and expects that the task holds no records.
        properties.put(QueueSinkConfig.LINGER_MS, "0");
        properties.put(QueueSinkConfig.MAX_RETRIES, "-1");
        return properties;
    }

    @Override
    public void committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
        long next = records.get(records.size() - 1).kafkaOffset() + 1;
        answered.committed(records.size(), lane.segments().nextOffset() - next);
        batches.increment();
        messages.add(records.size());
        duplicates.add(duplicates(outcomes));
        intake.committed(lane, records, outcomes);
        try {
            committedQueues.accept(queues(records));
        } catch (RuntimeException e) {
            // The commit stands, and waiting consumers look again after their poll interval.
            log.error("Could not wake waiting consumers lane={}", lane.name(), e);
        }
    }

    private static int duplicates(List<PushOutcome> outcomes) {
        int count = 0;
        for (PushOutcome outcome : outcomes) {
            count += outcome instanceof PushOutcome.Duplicate ? 1 : 0;
        }
        return count;
    }

    private static Set<String> queues(List<SinkRecord> records) {
        var queues = new HashSet<String>();
        String last = null; // The empty name is the name of a queue.
        for (SinkRecord record : records) {
            if (record.value() instanceof NewMessage message && !message.queue().equals(last)) {
                last = message.queue();
                queues.add(last);
            }
        }
        return queues;
    }

    @Override
    public void acknowledged(int count) {
        messages.add(count);
        batches.add(count > 0 ? 1 : 0);
    }

    @Override
    public void alreadyStored(List<SinkRecord> records) {
        skipped.add(records.size());
        intake.alreadyStored(lane, records);
    }

    @Override
    public void refused(SinkRecord record, String reason) {
        refused.increment();
        intake.refused(lane, record, reason);
    }

    private DrainStatus.State stateNow() {
        DrainStatus.State now = state;
        if (now != DrainStatus.State.RUNNING) {
            return now;
        }
        return switch (control.hold()) {
            case MAINTENANCE -> DrainStatus.State.PAUSED;
            case UNKNOWN -> DrainStatus.State.DOWN;
            case NONE -> lane.isDown() || control.isAway() ? DrainStatus.State.DOWN : now;
        };
    }

    DrainStatus.Lane status() {
        LogStatus status = lane.segments().status();
        return new DrainStatus.Lane(
                lane.name(),
                lane.segments().id().toString(),
                stateNow(),
                status.epoch(),
                status.committedOffset(),
                status.uncommittedEntries(),
                status.oldestUncommittedAge(),
                messages.sum(),
                duplicates.sum(),
                batches.sum(),
                skipped.sum(),
                refused.sum(),
                outage.failures(),
                outage.outages(),
                restarts.sum(),
                outage.lastError());
    }
}
