package dev.sluice.buffer;

import dev.sluice.buffer.LogReader.WrittenOffset;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Accepts appends from any thread: assigns offsets, enforces the bounds of the log, and keeps each append until
 * {@link WriteLoop} has written it or given it up. It also holds the futures of callers that wait for the disk.
 *
 * <p>One short lock guards everything. No method does I/O. Futures are completed after the lock is released, because
 * their callbacks are code of the callers.
 *
 * <p>The queued appends form the next group. While the write loop writes and syncs one group, the next one gathers: the
 * slower the disk, the larger the groups.
 */
final class AppendQueue implements WrittenOffset {
    /**
     * An accepted append that is not written yet.
     *
     * @param bodyBytes size of the body of its frame
     * @param written completes when the records are in the file
     */
    record PendingAppend(
            long firstOffset,
            List<byte[]> payloads,
            int bodyBytes,
            long acceptedAtMillis,
            CompletableFuture<Void> written) {

        long nextOffset() {
            return firstOffset + payloads.size();
        }

        int frameBytes() {
            return SegmentFormat.FRAME_HEADER_BYTES + bodyBytes;
        }

        /** Returns about how much memory it takes; a small append takes more than its payloads. */
        long heldBytes() {
            return (long) bodyBytes + SegmentLogConfig.PENDING_OVERHEAD_BYTES;
        }
    }

    private static final Logger log = LoggerFactory.getLogger(AppendQueue.class);
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);
    private static final long NONE_AWAITED = Long.MAX_VALUE;

    private final SegmentLogConfig config;
    private final InstantSource clock;
    private final SegmentSet segments;
    private final UnwrittenOffsets unwritten;
    private final Counters counters;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition progress = lock.newCondition();

    // Guarded by lock.
    private List<PendingAppend> queued = new ArrayList<>();
    /** The lowest offset that a reader waits for, or waited for until its timeout. */
    private long awaited = NONE_AWAITED;

    private List<PendingAppend> group = List.of();
    private long heldBytes;
    private final SyncWaiters waiters = new SyncWaiters();
    private final OffsetRanges failedRanges = new OffsetRanges();
    private @Nullable Throwable newestFailure; // The reason of the newest of failedRanges.
    private boolean full;
    private boolean rollWanted;
    private boolean closing;
    private boolean stopped;
    private @Nullable Throwable broken;

    // Written under the lock, read anywhere.
    private volatile long nextOffset;
    private volatile long writtenNext;
    private volatile long durableNext;

    AppendQueue(
            SegmentLogConfig config,
            InstantSource clock,
            SegmentSet segments,
            UnwrittenOffsets unwritten,
            Counters counters,
            long nextOffset) {
        this.config = config;
        this.clock = clock;
        this.segments = segments;
        this.unwritten = unwritten;
        this.counters = counters;
        this.nextOffset = nextOffset;
        this.writtenNext = nextOffset;
        this.durableNext = nextOffset;
    }

    @Override
    public long nextOffset() {
        return nextOffset;
    }

    /** Returns the offset up to which readers may read. */
    long writtenNext() {
        return writtenNext;
    }

    /** Returns the offset below which every append is durable or was reported as failed. */
    long durableNext() {
        return durableNext;
    }

    // For callers of the log.

    AppendResult append(List<byte[]> payloads) {
        int bodyBytes = checkedBodyBytes(payloads);
        var written = new CompletableFuture<Void>();
        lock.lock();
        try {
            requireOpen();
            var refusal = refusal(bodyBytes);
            if (refusal != null) {
                return refusal;
            }
            var append = new PendingAppend(nextOffset, List.copyOf(payloads), bodyBytes, clock.millis(), written);
            queued.add(append);
            heldBytes += append.heldBytes();
            nextOffset = append.nextOffset();
            work.signal();
            return new AppendResult.Appended(append.firstOffset(), append.nextOffset() - 1, written);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns how many bytes the payloads take in a frame.
     *
     * @throws IllegalArgumentException if they exceed a bound of one append
     */
    int checkedBodyBytes(List<byte[]> payloads) {
        if (payloads.isEmpty() || payloads.size() > SegmentLogConfig.MAX_RECORDS_PER_APPEND) {
            throw new IllegalArgumentException("an append has 1 to " + SegmentLogConfig.MAX_RECORDS_PER_APPEND
                    + " records, was " + payloads.size());
        }
        for (var payload : payloads) {
            if (payload.length > config.maxRecordBytes()) {
                throw new IllegalArgumentException("a record has at most buffer.max.record.bytes = "
                        + config.maxRecordBytes() + " bytes, was " + payload.length);
            }
        }
        long bytes = SegmentFormat.bodyBytes(payloads);
        if (bytes > config.maxAppendBytes()) {
            throw new IllegalArgumentException("an append has at most buffer.max.append.bytes = "
                    + config.maxAppendBytes() + " bytes, 4 for each record included, was " + bytes);
        }
        return (int) bytes;
    }

    private AppendResult.@Nullable Full refusal(int bodyBytes) {
        long used = segments.bytes() + heldBytes;
        long more = (long) bodyBytes + SegmentLogConfig.PENDING_OVERHEAD_BYTES;
        if (full && used <= lowWaterBytes()) {
            full = false;
            log.info("The log accepts appends again used={} limit={}", used, config.maxBytes());
        }
        if (!full && used + more > config.maxBytes()) {
            full = true;
            log.warn(
                    "The log is full and refuses appends; check that it is drained used={} limit={}",
                    used,
                    config.maxBytes());
        }
        if (full) {
            counters.refusedFull.increment();
            return new AppendResult.Full(used, config.maxBytes());
        }
        if (heldBytes + more > config.maxPendingBytes()) {
            counters.refusedPending.increment();
            return new AppendResult.Full(heldBytes, config.maxPendingBytes());
        }
        return null;
    }

    private long lowWaterBytes() {
        return config.maxBytes() / 100 * SegmentLogConfig.LOW_WATER_PERCENT;
    }

    private void requireOpen() {
        if (broken != null) {
            throw new IllegalStateException("the log has stopped after an internal error", broken);
        }
        if (closing) {
            throw new IllegalStateException("the log is closed");
        }
    }

    CompletableFuture<Void> sync(long offset) {
        lock.lock();
        try {
            if (offset < 0 || offset >= nextOffset) {
                throw new IllegalArgumentException(
                        "offset " + offset + " has not been appended; next is " + nextOffset);
            }
            if (failedRanges.contains(offset)) {
                return CompletableFuture.failedFuture(SyncWaiters.notDurable(offset, newestFailure));
            }
            if (offset < (config.sync().waitsForDisk() ? durableNext : writtenNext)) {
                return DONE.copy();
            }
            if (broken != null || stopped) {
                return CompletableFuture.failedFuture(SyncWaiters.notDurable(offset, broken));
            }
            work.signal();
            return waiters.add(offset);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean await(long position, Duration timeout) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long nanos = timeout.toNanos();
            while (writtenNext <= position && !stopped && nanos > 0) {
                awaited = Math.min(awaited, position);
                nanos = progress.awaitNanos(nanos);
            }
            return writtenNext > position;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the bytes of appends that are in memory only. */
    long heldBytes() {
        lock.lock();
        try {
            return heldBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Returns when the oldest append that is in memory only was accepted; empty if there is none. */
    OptionalLong heldSinceMillis() {
        lock.lock();
        try {
            var oldest = group.isEmpty() ? queued : group;
            return oldest.isEmpty()
                    ? OptionalLong.empty()
                    : OptionalLong.of(oldest.get(0).acceptedAtMillis());
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether appends are being refused because the log is full. */
    boolean isFull() {
        lock.lock();
        try {
            if (full && segments.bytes() + heldBytes <= lowWaterBytes()) {
                full = false;
            }
            return full;
        } finally {
            lock.unlock();
        }
    }

    /** Asks the write loop to end the newest segment, so that it can be deleted. */
    void requestRoll() {
        lock.lock();
        try {
            rollWanted = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Accepts no more appends; the write loop still writes what was accepted. */
    void close() {
        lock.lock();
        try {
            closing = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    // For the write loop.

    /** Waits for an append, a sync or a roll, at most {@code nanos}; returns false once the log is closing. */
    boolean awaitWork(long nanos) throws InterruptedException {
        lock.lock();
        try {
            long left = nanos;
            while (!closing && queued.isEmpty() && waiters.isEmpty() && !rollWanted && left > 0) {
                left = work.awaitNanos(left);
            }
            return !closing;
        } finally {
            lock.unlock();
        }
    }

    /**
     * What the write loop does in one step.
     *
     * @param group the appends to write, perhaps none
     * @param roll whether to end the newest segment
     */
    record Work(List<PendingAppend> group, boolean roll) {}

    /** Takes the queued appends as the next group. */
    Work take() {
        lock.lock();
        try {
            group = queued;
            queued = new ArrayList<>();
            var taken = new Work(group, rollWanted);
            rollWanted = false;
            return taken;
        } finally {
            lock.unlock();
        }
    }

    /** Drops the group; each of its appends is written or has failed. */
    void endGroup() {
        lock.lock();
        try {
            group = List.of();
        } finally {
            lock.unlock();
        }
    }

    /** Publishes appends of the group, which are in the file now, to readers and callers. */
    void written(List<PendingAppend> appends) {
        long released = appends.stream().mapToLong(PendingAppend::heldBytes).sum();
        List<SyncWaiters.Waiter> satisfied;
        lock.lock();
        try {
            heldBytes -= released;
            writtenNext = appends.get(appends.size() - 1).nextOffset();
            satisfied = config.sync().waitsForDisk() ? List.of() : waiters.takeBelow(writtenNext);
            if (writtenNext > awaited) {
                awaited = NONE_AWAITED; // A reader that wants more notes it again.
                progress.signalAll();
            }
        } finally {
            lock.unlock();
        }
        for (var append : appends) {
            append.written().complete(null);
        }
        SyncWaiters.complete(satisfied);
    }

    /** Returns whether a caller waits for the disk to have something that is written. */
    boolean isSyncWanted() {
        lock.lock();
        try {
            return waiters.hasBelow(writtenNext);
        } finally {
            lock.unlock();
        }
    }

    /** Records that a sync of all that is written ended, and how; null means that it succeeded. */
    void synced(@Nullable IOException problem) {
        List<SyncWaiters.Waiter> answered;
        lock.lock();
        try {
            if (problem != null) {
                failedRanges.add(durableNext, writtenNext);
                newestFailure = problem;
            }
            durableNext = writtenNext;
            answered = waiters.takeBelow(writtenNext);
        } finally {
            lock.unlock();
        }
        if (problem == null) {
            SyncWaiters.complete(answered);
        } else {
            SyncWaiters.fail(answered, problem);
        }
    }

    /** Fails every append that is not in the file: the rest of the group, and all that is queued behind it. */
    void failUnwritten(IOException problem) {
        var failed = new ArrayList<PendingAppend>();
        List<SyncWaiters.Waiter> hopeless;
        lock.lock();
        try {
            for (var append : group) {
                if (append.firstOffset() >= writtenNext) {
                    failed.add(append);
                }
            }
            failed.addAll(queued);
            queued = new ArrayList<>();
            heldBytes = 0;
            long from = failed.isEmpty() ? nextOffset : failed.get(0).firstOffset();
            failedRanges.add(from, nextOffset);
            unwritten.add(from, nextOffset);
            newestFailure = problem;
            hopeless = waiters.takeFrom(from);
        } finally {
            lock.unlock();
        }
        counters.failedAppends.add(failed.size());
        for (var append : failed) {
            append.written().completeExceptionally(problem);
        }
        SyncWaiters.fail(hopeless, problem);
    }

    /** Fails all callers that wait, and refuses all appends from now on: the write loop has died. */
    void breakDown(Throwable problem) {
        List<PendingAppend> appends;
        List<SyncWaiters.Waiter> hopeless;
        lock.lock();
        try {
            broken = problem;
            appends = new ArrayList<>(group); // The futures of those already written stay completed.
            appends.addAll(queued);
            group = List.of();
            queued = new ArrayList<>();
            heldBytes = 0;
            unwritten.add(unwritten.skip(writtenNext), nextOffset);
            hopeless = waiters.takeFrom(0);
        } finally {
            lock.unlock();
        }
        var cause = new IOException("the log has stopped after an internal error", problem);
        for (var append : appends) {
            append.written().completeExceptionally(cause);
        }
        SyncWaiters.fail(hopeless, cause);
    }

    /** Releases readers that wait: nothing will be written any more. */
    void stop() {
        lock.lock();
        try {
            stopped = true;
            progress.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
