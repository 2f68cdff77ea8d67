package dev.sluice.buffer;

import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the committed position, and deletes the segments below it: first the position becomes durable, then files go.
 * Files are only touched in {@link #step}, on one thread.
 */
final class PositionKeeper {
    private static final Logger log = LoggerFactory.getLogger(PositionKeeper.class);

    private final Storage storage;
    private final Quarantine quarantine;
    private final Reserve reserve;
    private final SegmentSet segments;
    private final AppendTimes times;
    private final UnwrittenOffsets unwritten;
    private final Counters counters;
    private final AppendQueue queue;
    private final UUID id;
    private final long epoch;
    private final long intervalNanos;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private boolean stopping; // Guarded by lock.
    private boolean urgent; // Guarded by lock.
    private volatile long committed; // Written under lock.

    /** Nothing at or above it is deleted, committed or not. Written under lock. */
    private volatile long retainedFrom;

    private long stored; // Of the keeping thread.
    private volatile @Nullable String failure;

    PositionKeeper(
            Environment environment,
            SegmentLogConfig config,
            Recovery.Recovered recovered,
            Reserve reserve,
            Counters counters,
            AppendQueue queue) {
        this.storage = environment.storage();
        this.quarantine = new Quarantine(storage);
        this.reserve = reserve;
        this.segments = recovered.segments();
        this.times = recovered.times();
        this.unwritten = recovered.unwritten();
        this.counters = counters;
        this.queue = queue;
        this.id = recovered.id();
        this.epoch = recovered.epoch();
        this.intervalNanos = config.positionInterval().toNanos();
        this.committed = recovered.committed();
        this.stored = recovered.committed();
    }

    long committed() {
        return committed;
    }

    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    void commit(long nextOffset) {
        lock.lock();
        try {
            if (nextOffset > queue.nextOffset()) {
                throw new IllegalArgumentException(
                        "cannot commit up to " + nextOffset + ": the next offset is " + queue.nextOffset());
            }
            if (nextOffset > Math.min(committed, retainedFrom)) {
                committed = Math.max(committed, nextOffset);
                retainedFrom = Math.max(retainedFrom, nextOffset);
                if (isUrgent()) {
                    urgent = true;
                    work.signal();
                }
            }
        } finally {
            lock.unlock();
        }
    }

    void retain(long fromOffset) {
        lock.lock();
        try {
            retainedFrom = Math.min(retainedFrom, fromOffset);
        } finally {
            lock.unlock();
        }
    }

    /** Says whether a step would free space now. */
    private boolean isUrgent() {
        var oldest = segments.oldest();
        return oldest.isPresent()
                && Math.min(committed, retainedFrom) >= oldest.get().nextOffset()
                && (oldest.get().isSealed() || queue.isFull());
    }

    /** The life of the keeping thread. */
    void run() {
        try {
            while (awaitWork()) {
                step();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // Nobody has this thread to interrupt it.
        } catch (Throwable e) {
            failure = "internal error: " + e;
            log.error("The log has stopped keeping its position after an internal error.", e);
        }
    }

    /** Waits for the interval or until there is space to free; false once the log is closing. */
    private boolean awaitWork() throws InterruptedException {
        lock.lock();
        try {
            long nanos = intervalNanos;
            while (!stopping && !urgent && nanos > 0) {
                nanos = work.awaitNanos(nanos);
            }
            urgent = false;
            return !stopping;
        } finally {
            lock.unlock();
        }
    }

    void stop() {
        lock.lock();
        try {
            stopping = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Makes the position durable if it has moved, then deletes what is below it. Failures are counted and repeated. */
    void step() {
        long position = committed;
        try {
            if (position > stored) {
                reserve.store(new CommittedPosition(id, epoch, position, CommittedPosition.OPEN));
                stored = position;
                counters.positionsWritten.increment();
                times.forgetBelow(position);
                unwritten.forgetBelow(position);
            }
            trim();
            reserve.take();
            failure = null;
        } catch (IOException e) {
            counters.failedPositions.increment();
            if (failure == null) {
                log.error("The committed position could not be kept. committed={}", position, e);
            }
            failure = "position not kept: " + e.getMessage();
        }
    }

    private void trim() throws IOException {
        boolean deleted = false;
        for (var segment : segments.all()) {
            if (segment.nextOffset() > Math.min(stored, retainedFrom)) {
                break;
            }
            if (!segment.isSealed()) {
                if (queue.isFull() && !segment.isEmpty()) {
                    queue.requestRoll();
                }
                break;
            }
            if (segment.isKept()) {
                quarantine.move(segment.name());
            } else {
                storage.delete(segment.name());
            }
            segments.remove(segment);
            counters.segmentsDeleted.increment();
            deleted = true;
        }
        if (deleted) {
            storage.syncDirectory("");
        }
    }

    /** Stores the position a last time, with the mark of a clean close, with no other thread in {@link #step}. */
    void finish(boolean clean, long end) throws IOException {
        reserve.store(new CommittedPosition(id, epoch, committed, clean ? end : CommittedPosition.OPEN));
        stored = committed;
        counters.positionsWritten.increment();
        trim();
    }
}
