package dev.sluice.buffer;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes appends from any thread, gives them offsets, and writes what has come together as one group: one write for many
 * appends, one sync for all who wait for the disk. All writing happens in {@link #step}, on one thread.
 *
 * <p>While a group is being written and synced the next one gathers, so the slower the disk, the larger the groups.
 */
final class Appender implements WrittenOffset {
    private static final Logger log = LoggerFactory.getLogger(Appender.class);
    private static final long NONE = Long.MIN_VALUE;
    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    private final SegmentLogConfig config;
    private final InstantSource clock;
    private final SegmentSet segments;
    private final AppendTimes times;
    private final UnwrittenOffsets unwritten;
    private final Counters counters;
    private final SegmentWriter writer;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition written = lock.newCondition();

    // Guarded by lock.
    private List<PendingAppend> queue = new ArrayList<>();
    private long heldBytes;
    private final SyncWaiters waiters = new SyncWaiters();
    private final OffsetRanges failedRanges = new OffsetRanges();

    /** Why the newest of {@link #failedRanges} failed. Guarded by lock. */
    private @Nullable Throwable lastProblem;

    private boolean full;
    private boolean rollWanted;
    private boolean closing;
    private boolean stopped;
    private @Nullable Throwable broken;

    // Written under the lock, read anywhere.
    private volatile long nextOffset;
    private volatile long writtenNext;
    private volatile long durableNext;
    private volatile long failureNanos;
    private volatile @Nullable String failure;
    private volatile boolean stoppedForGood;

    /**
     * When the oldest append of the group that is being written was accepted; {@link #NONE} if none is being written.
     */
    private volatile long writingSinceMillis = NONE;

    // Of the writing thread.
    private List<PendingAppend> group = List.of();
    private long lastSyncNanos = System.nanoTime();

    Appender(
            SegmentLogConfig config,
            InstantSource clock,
            SegmentSet segments,
            AppendTimes times,
            UnwrittenOffsets unwritten,
            Counters counters,
            SegmentWriter writer,
            long nextOffset) {
        this.config = config;
        this.clock = clock;
        this.segments = segments;
        this.times = times;
        this.unwritten = unwritten;
        this.counters = counters;
        this.writer = writer;
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

    long durableNext() {
        return durableNext;
    }

    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    /** Returns how long ago {@link #failure} was; zero if there is none, or nothing will be tried again. */
    Duration failureAge() {
        return failure == null || stoppedForGood ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - failureNanos);
    }

    AppendResult append(List<byte[]> payloads) {
        int bodyBytes = checkedBodyBytes(payloads);
        var done = new CompletableFuture<Void>();
        lock.lock();
        try {
            requireOpen();
            var refusal = refusal(bodyBytes);
            if (refusal != null) {
                return refusal;
            }
            var append = new PendingAppend(nextOffset, List.copyOf(payloads), bodyBytes, clock.millis(), done);
            queue.add(append);
            heldBytes += append.heldBytes();
            nextOffset = append.nextOffset();
            work.signal();
            return new AppendResult.Appended(append.firstOffset(), append.nextOffset() - 1, done);
        } finally {
            lock.unlock();
        }
    }

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
            log.info("The log accepts appends again. used={} limit={}", used, config.maxBytes());
        }
        if (!full && used + more > config.maxBytes()) {
            full = true;
            log.warn("The log is full; appends are refused. used={} limit={}", used, config.maxBytes());
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
                return CompletableFuture.failedFuture(SyncWaiters.notDurable(offset, lastProblem));
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
                nanos = written.awaitNanos(nanos);
            }
            return writtenNext > position;
        } finally {
            lock.unlock();
        }
    }

    /** Returns bytes of appends that wait in memory. */
    long heldBytes() {
        lock.lock();
        try {
            return heldBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Returns when the oldest append that is not in a file yet was accepted; empty if there is none. */
    OptionalLong heldSinceMillis() {
        lock.lock();
        try {
            long since = writingSinceMillis;
            if (since != NONE) {
                return OptionalLong.of(since);
            }
            return queue.isEmpty()
                    ? OptionalLong.empty()
                    : OptionalLong.of(queue.get(0).acceptedAtMillis());
        } finally {
            lock.unlock();
        }
    }

    /** Says whether appends are being refused for lack of space. */
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

    /** Asks that the newest segment be ended, so that it can be deleted. */
    void requestRoll() {
        lock.lock();
        try {
            rollWanted = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** The life of the writing thread. */
    void run() {
        try {
            while (awaitWork()) {
                step();
            }
            step();
        } catch (Throwable e) { // An error here is a bug or a lack of memory: nobody may wait for ever because of it.
            breakDown(e);
        } finally {
            stop();
        }
    }

    /** Waits for something to do; false once the log is closing. */
    private boolean awaitWork() throws InterruptedException {
        lock.lock();
        try {
            while (!closing && queue.isEmpty() && waiters.isEmpty() && !rollWanted) {
                long nanos = nanosToSync();
                if (nanos <= 0) {
                    return true;
                }
                if (nanos == Long.MAX_VALUE) {
                    work.await();
                } else {
                    nanos = work.awaitNanos(nanos);
                }
            }
            return !closing;
        } finally {
            lock.unlock();
        }
    }

    private long nanosToSync() {
        return config.sync() instanceof SyncPolicy.Interval interval && writer.hasUnsynced()
                ? lastSyncNanos + interval.every().toNanos() - System.nanoTime()
                : Long.MAX_VALUE;
    }

    /** Writes all that has been appended, and syncs if somebody waits for it or it is due. */
    void step() {
        boolean roll;
        lock.lock();
        try {
            group = queue;
            queue = new ArrayList<>();
            writingSinceMillis = group.isEmpty() ? NONE : group.get(0).acceptedAtMillis();
            roll = rollWanted;
            rollWanted = false;
        } finally {
            lock.unlock();
        }
        if (!group.isEmpty()) {
            write();
            group = List.of();
            writingSinceMillis = NONE;
        }
        if (roll && writer.hasRecords()) {
            endSegment();
        } else if (isSyncDue()) {
            sync();
        }
    }

    private void write() {
        int published = 0;
        int put = 0;
        try {
            for (var append : group) {
                if (writer.isBeyondSegment(append.frameBytes())) {
                    published = publish(published, put);
                    endSegment();
                } else if (writer.isBeyondBuffer(append.frameBytes())) {
                    published = publish(published, put);
                }
                if (!writer.isOpen()) {
                    writer.begin();
                }
                writer.put(append);
                put++;
                if (writer.flushedNext() == append.nextOffset()) { // It was too large for the buffer.
                    published = publish(published, put);
                }
            }
            publish(published, put);
        } catch (IOException e) {
            failUnwritten(e);
        }
    }

    /** Flushes, then lets readers and callers know about appends {@code from} (inclusive) to {@code to} (exclusive). */
    private int publish(int from, int to) throws IOException {
        writer.flush();
        var appends = group.subList(from, to);
        if (appends.isEmpty()) {
            return to;
        }
        long records = 0;
        long held = 0;
        for (var append : appends) {
            records += append.payloads().size();
            held += append.heldBytes();
        }
        times.add(appends.get(0).firstOffset(), appends.get(0).acceptedAtMillis());
        counters.appends.add(appends.size());
        counters.records.add(records);
        counters.groups.increment();
        failure = null;
        List<SyncWaiters.Waiter> done;
        lock.lock();
        try {
            heldBytes -= held;
            writtenNext = appends.get(appends.size() - 1).nextOffset();
            done = config.sync().waitsForDisk() ? List.of() : waiters.takeBelow(writtenNext);
            written.signalAll();
        } finally {
            lock.unlock();
        }
        for (var append : appends) {
            append.written().complete(null);
        }
        SyncWaiters.complete(done);
        return to;
    }

    /** Ends the segment, synced, so that only the newest one can ever have lost something after a power cut. */
    private void endSegment() {
        sync();
        writer.end();
    }

    private boolean isSyncDue() {
        if (config.sync().waitsForDisk()) {
            lock.lock();
            try {
                return waiters.hasBelow(writtenNext);
            } finally {
                lock.unlock();
            }
        }
        return nanosToSync() <= 0;
    }

    /** Syncs what was flushed. If that fails the file is not trusted again: its unsynced part is never durable. */
    private void sync() {
        long from = durableNext;
        IOException problem = null;
        if (writer.hasUnsynced()) {
            try {
                writer.force();
                counters.syncs.increment();
                failure = null;
            } catch (IOException e) {
                problem = e;
                counters.failedSyncs.increment();
                failureNanos = System.nanoTime();
                failure = "sync failed: " + e.getMessage();
                log.error(
                        "The log could not be synced; it goes on in another file. from={} to={}", from, writtenNext, e);
                writer.end();
            }
        }
        lastSyncNanos = System.nanoTime();
        List<SyncWaiters.Waiter> done;
        lock.lock();
        try {
            if (problem != null) {
                failedRanges.add(from, writtenNext);
                lastProblem = problem;
            }
            durableNext = writtenNext;
            done = waiters.takeBelow(writtenNext);
        } finally {
            lock.unlock();
        }
        if (problem == null) {
            SyncWaiters.complete(done);
        } else {
            SyncWaiters.fail(done, problem);
        }
    }

    /** Fails everything that is not in the file: the group, and what has gathered behind it. */
    private void failUnwritten(IOException problem) {
        counters.failedWrites.increment();
        if (failure == null) {
            log.error("Appends could not be written. from={}", writtenNext, problem);
        }
        failureNanos = System.nanoTime();
        failure = "write failed: " + problem.getMessage();
        if (!writer.dropUnwritten()) {
            endSegment();
        }
        var failed = new ArrayList<PendingAppend>();
        List<SyncWaiters.Waiter> hopeless;
        lock.lock();
        try {
            for (var append : group) {
                if (append.firstOffset() >= writtenNext) {
                    failed.add(append);
                }
            }
            failed.addAll(queue);
            queue = new ArrayList<>();
            heldBytes = 0;
            long from = failed.isEmpty() ? nextOffset : failed.get(0).firstOffset();
            failedRanges.add(from, nextOffset);
            unwritten.add(from, nextOffset);
            lastProblem = problem;
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

    private void breakDown(Throwable problem) {
        log.error("The log has stopped after an internal error.", problem);
        List<PendingAppend> appends;
        List<SyncWaiters.Waiter> hopeless;
        lock.lock();
        try {
            broken = problem;
            stoppedForGood = true;
            failure = "internal error: " + problem;
            appends = new ArrayList<>(group); // Those already written stay completed.
            appends.addAll(queue);
            queue = new ArrayList<>();
            heldBytes = 0;
            writingSinceMillis = NONE;
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

    /** Accepts no more appends; what was accepted is still written. */
    void beginClose() {
        lock.lock();
        try {
            closing = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    private void stop() {
        lock.lock();
        try {
            stopped = true;
            written.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Ends writing, with no other thread in {@link #step} any more. Returns whether every offset ever given out is
     * written and the end of the log is durable.
     */
    boolean finish() {
        stop();
        long failedBefore = counters.failedSyncs.sum();
        endSegment();
        return broken == null && counters.failedSyncs.sum() == failedBefore && writtenNext == nextOffset;
    }
}
