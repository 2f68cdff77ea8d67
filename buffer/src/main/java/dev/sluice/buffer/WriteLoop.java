package dev.sluice.buffer;

import dev.sluice.buffer.AppendQueue.PendingAppend;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes what {@link AppendQueue} has accepted, group by group: one write for many appends, one sync for all callers
 * that wait for the disk. All writing happens in {@link #step}, on one thread.
 *
 * <p>A failed write fails the appends that are not in the file; the next step tries again. A failed sync fails the
 * callers that wait, and the log continues in a new segment.
 */
final class WriteLoop {
    private static final Logger log = LoggerFactory.getLogger(WriteLoop.class);
    private static final long NEVER = Long.MAX_VALUE;

    private final SyncPolicy policy;
    private final AppendQueue queue;
    private final AppendTimes times;
    private final Counters counters;
    private final SegmentWriter writer;

    private long lastSyncNanos = System.nanoTime();

    // Written by the writing thread, read anywhere.
    private volatile @Nullable String failure;
    private volatile long failureNanos;
    private volatile boolean broken;

    WriteLoop(SyncPolicy policy, AppendQueue queue, AppendTimes times, Counters counters, SegmentWriter writer) {
        this.policy = policy;
        this.queue = queue;
        this.times = times;
        this.counters = counters;
        this.writer = writer;
    }

    /** Returns what is wrong with writing or syncing now; empty when the last attempt of each succeeded. */
    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    /** Returns how long ago {@link #failure} was; zero if there is none, or if the loop will not try again. */
    Duration failureAge() {
        return failure == null || broken ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - failureNanos);
    }

    /** Runs until the queue is closed and empty: the life of the writing thread. */
    void run() {
        try {
            while (queue.awaitWork(nanosToSync())) {
                step();
            }
            step();
        } catch (Throwable e) { // A bug or a lack of memory. No caller may wait for ever because of it.
            failure = "internal error: " + e;
            broken = true;
            queue.breakDown(e); // Before the line of the log, which needs memory, too.
            log.error("The log has stopped after an internal error; restart the process", e);
        } finally {
            queue.stop();
        }
    }

    private long nanosToSync() {
        return policy instanceof SyncPolicy.Interval interval && writer.hasUnsynced()
                ? lastSyncNanos + interval.every().toNanos() - System.nanoTime()
                : NEVER;
    }

    /** Writes all that was accepted. Then syncs, if a caller waits for that or the interval is over. */
    void step() {
        var work = queue.take();
        if (!work.group().isEmpty()) {
            write(work.group());
            queue.endGroup();
        }
        if (work.roll() && writer.hasRecords()) {
            endSegment();
        } else if (isSyncDue()) {
            sync();
        }
    }

    private void write(List<PendingAppend> group) {
        int published = 0;
        int put = 0;
        try {
            for (var append : group) {
                boolean endsSegment = writer.isBeyondSegment(append.frameBytes());
                if (endsSegment || writer.isBeyondBuffer(append.frameBytes())) {
                    publish(group.subList(published, put));
                    published = put;
                }
                if (endsSegment) {
                    endSegment();
                }
                if (!writer.isOpen()) {
                    writer.begin();
                }
                writer.put(append);
                put++;
                if (writer.flushedNext() == append.nextOffset()) { // It was too large for the buffer.
                    publish(group.subList(published, put));
                    published = put;
                }
            }
            publish(group.subList(published, put));
        } catch (IOException e) {
            failUnwritten(e);
        }
    }

    /** Flushes, then lets readers and callers know that these appends are in the file. */
    private void publish(List<PendingAppend> appends) throws IOException {
        writer.flush();
        if (appends.isEmpty()) {
            return;
        }
        var first = appends.get(0);
        times.add(first.firstOffset(), first.acceptedAtMillis());
        counters.appends.add(appends.size());
        counters.records.add(
                appends.stream().mapToLong(append -> append.payloads().size()).sum());
        counters.groups.increment();
        failure = null;
        queue.written(appends);
    }

    /** Syncs and ends the segment, so that only the newest segment can lose something in a power cut. */
    private void endSegment() {
        sync();
        writer.end();
    }

    private boolean isSyncDue() {
        return policy.waitsForDisk() ? queue.isSyncWanted() : nanosToSync() <= 0;
    }

    /** Syncs what was flushed. After a failure the file is not used again: its unsynced part may never be durable. */
    private void sync() {
        IOException problem = null;
        if (writer.hasUnsynced()) {
            try {
                writer.force();
                counters.syncs.increment();
                failure = null;
            } catch (IOException e) {
                problem = e;
                counters.failedSyncs.increment();
                log.error(
                        "A sync failed; the log continues in another segment from={} to={}",
                        queue.durableNext(),
                        queue.writtenNext(),
                        e);
                failed("sync failed: " + e.getMessage());
                writer.end();
            }
        }
        lastSyncNanos = System.nanoTime();
        queue.synced(problem);
    }

    private void failUnwritten(IOException problem) {
        counters.failedWrites.increment();
        if (failure == null) { // A disk that stays full fails every append; one line says so.
            log.error(
                    "Appends could not be written; the next append tries again from={}", queue.writtenNext(), problem);
        }
        failed("write failed: " + problem.getMessage());
        if (!writer.dropUnwritten()) {
            endSegment();
        }
        queue.failUnwritten(problem);
    }

    private void failed(String what) {
        failureNanos = System.nanoTime();
        failure = what;
    }

    /**
     * Ends writing; no other thread is in {@link #step} any more. Returns whether every offset ever assigned is written
     * and the end of the log is durable.
     */
    boolean finish() {
        queue.stop();
        long failedBefore = counters.failedSyncs.sum();
        endSegment();
        return !broken && counters.failedSyncs.sum() == failedBefore && queue.writtenNext() == queue.nextOffset();
    }
}
