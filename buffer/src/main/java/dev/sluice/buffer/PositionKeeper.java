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
 * Stores the committed position, then deletes the segments below it. Only {@link #step} touches files, on the keeping
 * thread.
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

    /** The log deletes nothing at or above this offset, committed or not. Written under lock. */
    private volatile long retainedFrom;

    private long stored; // Owned by the keeping thread.
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

    /** Returns whether a step would free space now. */
    private boolean isUrgent() {
        var oldest = segments.oldest();
        return oldest.isPresent()
                && Math.min(committed, retainedFrom) >= oldest.get().nextOffset()
                && (oldest.get().isSealed() || queue.isFull());
    }

    /** Runs until the log is closed: the life of the keeping thread. */
    void run() {
        try {
            while (awaitWork()) {
                step();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // Unreachable: no other code has a reference to this thread.
        } catch (Throwable e) {
            failure = "internal error: " + e;
            log.error("The log no longer stores its position after an internal error; restart the process", e);
        }
    }

    /** Waits until the interval is over or there is space to free; returns false once the log is closing. */
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

    /**
     * Stores the position if it has moved, then deletes the segments below it. After a failure the next step tries
     * again.
     */
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
            deleteCommitted();
            reserve.take();
            failure = null;
        } catch (IOException e) {
            counters.failedPositions.increment();
            if (failure == null) {
                log.error("The committed position could not be stored; the log tries again committed={}", position, e);
            }
            failure = "position not stored: " + e.getMessage();
        }
    }

    private void deleteCommitted() throws IOException {
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

    /** Stores the position for the last time, with the mark of a clean close; no other thread is in {@link #step}. */
    void finish(boolean clean, long end) throws IOException {
        reserve.store(new CommittedPosition(id, epoch, committed, clean ? end : CommittedPosition.OPEN));
        stored = committed;
        counters.positionsWritten.increment();
        deleteCommitted();
    }
}
