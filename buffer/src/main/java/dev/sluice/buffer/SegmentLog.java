package dev.sluice.buffer;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A durable, append-only log of byte arrays in one directory, with a position up to which its entries have been moved
 * on. The package comment describes the files, the invariants and what a crash can lose.
 *
 * <p>{@link #append} assigns offsets at once. {@link #sync} returns a future for their durability. A {@link LogReader}
 * returns the entries in order. {@link #commit} releases entries that are no longer needed. An append is atomic: after
 * a crash all of its records are there or none.
 *
 * <p>Any thread may call any method. Only {@link #open} and {@link #close} wait for the disk. The log has two threads
 * of its own: one writes, the other one stores the position.
 */
public final class SegmentLog implements Closeable {
    /** The version of the segments that this program writes. It reads all versions up to this one. */
    public static final int FORMAT = SegmentFormat.VERSION;

    private static final Logger log = LoggerFactory.getLogger(SegmentLog.class);

    private final SegmentLogConfig config;
    private final Environment environment;
    private final Closeable lock;
    private final UUID id;
    private final long epoch;
    private final RecoveryReport report;
    private final SegmentSet segments;
    private final AppendTimes times;
    private final UnwrittenOffsets unwritten;
    private final Counters counters;
    private final AppendQueue queue;
    private final WriteLoop writeLoop;
    private final PositionKeeper keeper;
    private final @Nullable Thread appending;
    private final @Nullable Thread keeping;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * Opens a log, or creates it: takes the lock, examines and repairs the files, raises the epoch unless the log was
     * closed cleanly, and starts the threads. Damaged contents never make this fail: the log sets them aside and
     * reports them. Blocks while it reads {@code buffer.verify.bytes}.
     *
     * @throws DirectoryLockedException if the log is open already
     * @throws IOException if the directory cannot be created, listed, or written to. Nothing is lost; try again later
     */
    public static SegmentLog open(SegmentLogConfig config) throws IOException {
        return open(config, Environment.of(DiskStorage.create(config.directory())));
    }

    static SegmentLog open(SegmentLogConfig config, Environment environment) throws IOException {
        var lock = environment.storage().lock();
        try {
            return new SegmentLog(config, environment, lock);
        } catch (IOException | RuntimeException | Error e) {
            try {
                lock.close();
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
    }

    private SegmentLog(SegmentLogConfig config, Environment environment, Closeable lock) throws IOException {
        this.config = config;
        this.environment = environment;
        this.lock = lock;
        var recovered = new Recovery(
                        environment.storage(),
                        true,
                        config.verifyBytes(),
                        environment.chunkBytes(),
                        LogDirectory.Progress.NONE)
                .run();
        this.id = recovered.id();
        this.epoch = recovered.epoch();
        this.report = recovered.report();
        this.segments = recovered.segments();
        this.times = recovered.times();
        this.unwritten = recovered.unwritten();
        this.counters = new Counters();
        counters.cutBytes.add(report.cutBytes());
        counters.quarantinedBytes.add(report.quarantinedBytes());
        counters.lostEntries.add(report.lostEntries());
        var reserve = new Reserve(environment.storage(), environment.reserveBytes());
        // Before the first append, the new epoch must be durable and the mark of a clean close gone.
        reserve.store(new CommittedPosition(id, epoch, recovered.committed(), CommittedPosition.OPEN));
        reserve.take();
        this.queue =
                new AppendQueue(config, environment.clock(), segments, unwritten, counters, recovered.nextOffset());
        var writer = new SegmentWriter(environment, config, id, epoch, recovered.writtenEnd(), segments, counters);
        this.writeLoop = new WriteLoop(config.sync(), queue, times, counters, writer);
        this.keeper = new PositionKeeper(environment, config, recovered, reserve, counters, queue);
        logOpening();
        this.appending = environment.ownThreads() ? start("write", writeLoop::run) : null;
        this.keeping = environment.ownThreads() ? start("keep", keeper::run) : null;
    }

    /** Starts a daemon thread: a log that nobody closes does not keep the process alive. */
    private Thread start(String task, Runnable body) {
        var thread =
                new Thread(body, "sluice-log-" + task + "-" + config.directory().getFileName());
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void logOpening() throws IOException {
        for (var finding : report.findings()) {
            log.warn(
                    "Recovery found something out of the ordinary directory={} finding={}",
                    config.directory(),
                    finding);
        }
        long room = environment.storage().usableBytes() + segments.bytes();
        if (room < config.maxBytes()) {
            log.warn(
                    "The disk has less room than the log may use; lower buffer.max.bytes or free space "
                            + "directory={} room={} buffer.max.bytes={}",
                    config.directory(),
                    room,
                    config.maxBytes());
        }
        log.info(
                "Opened the log "
                        + "directory={} id={} epoch={} clean={} segments={} committed={} next={} fsync={} took_ms={}",
                config.directory(),
                id,
                epoch,
                report.cleanClose(),
                report.segments(),
                report.committedOffset(),
                report.nextOffset(),
                config.sync(),
                report.took().toMillis());
    }

    /** Returns what opening found. */
    public RecoveryReport recovery() {
        return report;
    }

    /** Returns the identity of the log, which every file states. */
    public UUID id() {
        return id;
    }

    /**
     * Returns the epoch of new appends. Each opening that does not follow a clean close raises it durably before the
     * first append. So (id, epoch, offset) never names two different records, whatever was lost.
     */
    public long epoch() {
        return epoch;
    }

    /**
     * Accepts records as one atomic append: after a crash all of them are there or none. Returns at once, without
     * waiting for the disk. The log does not copy the arrays: do not change them until {@code written} has completed.
     *
     * @param payloads 1 to 1,048,576 records
     * @return offsets and a future, or that the log is full
     * @throws IllegalArgumentException if there is no record, or one exceeds {@code buffer.max.record.bytes}, or their
     *     sum exceeds {@code buffer.max.append.bytes}; nothing is appended
     * @throws IllegalStateException if the log is closed or has stopped after an internal error
     */
    public AppendResult append(List<byte[]> payloads) {
        return queue.append(payloads);
    }

    /**
     * Returns a future that completes when the records up to and including the offset are as durable as the policy
     * promises: on disk with {@code always}, written to the operating system with {@code interval} and {@code os}.
     * Callers that wait at the same time share one fdatasync.
     *
     * <p>The future fails with an {@link IOException} if the append at this offset was not written or could not be
     * synced, now and on every later call. It completes on the writing thread: run slow continuations elsewhere.
     *
     * @param offset an offset that {@link #append} has assigned
     * @throws IllegalArgumentException if the offset was not assigned
     */
    public CompletableFuture<Void> sync(long offset) {
        return queue.sync(offset);
    }

    /**
     * Returns a reader that begins at an offset, or at the lowest retained offset if that is higher. It sees appends
     * once they are written, synced or not.
     *
     * @throws IllegalArgumentException if the offset is negative or above the next offset
     */
    public LogReader reader(long fromOffset) {
        if (fromOffset < 0 || fromOffset > nextOffset()) {
            throw new IllegalArgumentException(
                    "a reader begins at 0 to " + nextOffset() + ", the next offset, was " + fromOffset);
        }
        return new LogReader(environment, id, segments, queue, counters, fromOffset);
    }

    /**
     * Commits everything below an offset: it has been moved on. The commit takes effect at once and becomes durable
     * within {@code buffer.position.interval.ms} and at close; only then does the log delete segments. The position
     * never decreases: a commit at a lower offset only releases what {@link #retain} holds below it.
     *
     * @throws IllegalArgumentException if the offset is above the next offset
     */
    public void commit(long nextOffset) {
        keeper.commit(nextOffset);
    }

    /**
     * Holds the entries from an offset on, committed or not, until a new {@link #commit} passes them: the system that
     * they were moved to may have lost them. Opening holds everything it finds in the same way. The committed position
     * does not change.
     */
    public void retain(long fromOffset) {
        keeper.retain(fromOffset);
    }

    /** Returns the lowest offset that is not committed. */
    public long committedOffset() {
        return keeper.committed();
    }

    /** Returns the offset that the next append gets. */
    public long nextOffset() {
        return queue.nextOffset();
    }

    /** Returns the state of the log. */
    public LogStatus status() {
        long committed = keeper.committed();
        long next = queue.nextOffset();
        long held = queue.heldBytes();
        long uncommitted = Math.max(0, next - committed - unwritten.count(committed, next));
        var age = uncommitted == 0
                ? Optional.<Duration>empty()
                : sinceMillis(committed).stream()
                        .mapToObj(millis -> Duration.ofMillis(
                                Math.max(0, environment.clock().millis() - millis)))
                        .findFirst();
        return new LogStatus(
                segments.bytes() + held,
                config.maxBytes(),
                queue.isFull(),
                held,
                committed,
                next,
                queue.durableNext(),
                uncommitted,
                age,
                segments.count(),
                epoch,
                writeLoop.failure().or(keeper::failure),
                writeLoop.failureAge(),
                counters.now());
    }

    /** Returns when the first entry at or after the offset was appended. */
    private OptionalLong sinceMillis(long offset) {
        long first = unwritten.skip(offset);
        var held = first < queue.writtenNext() ? OptionalLong.empty() : queue.heldSinceMillis();
        return held.isPresent() ? held : times.millis(first);
    }

    /**
     * Returns whether the log holds no entry at or after an offset, because every append there failed. An append that
     * is not written yet counts as an entry.
     */
    public boolean isEmptyFrom(long offset) {
        return unwritten.skip(offset) >= queue.nextOffset();
    }

    /**
     * Checks the bounds of one append, as {@link #append} does.
     *
     * @throws IllegalArgumentException if the records exceed them
     */
    public void requireFits(List<byte[]> payloads) {
        int unused = queue.checkedBodyBytes(payloads);
    }

    /**
     * Writes and syncs the accepted appends, stores the position with the mark of a clean close, and releases the lock.
     * Waits for all of that. A second close does nothing.
     *
     * @throws IOException if any of it fails; the log is closed nevertheless, and the next opening raises the epoch
     */
    @Override
    public void close() throws IOException {
        if (closed.getAndSet(true)) {
            return;
        }
        try (lock) {
            queue.close();
            join(appending);
            keeper.stop();
            join(keeping);
            if (appending == null) {
                writeLoop.step();
            }
            onThread(this::finish);
        }
    }

    private void finish() throws IOException {
        boolean clean = writeLoop.finish();
        // A segment that could not be read may end elsewhere than assumed. Then the next opening must not take this
        // close for a clean one.
        boolean known = report.findings().stream()
                .noneMatch(finding -> finding.kind() == RecoveryReport.Kind.UNREADABLE_SEGMENT);
        keeper.finish(clean && known, queue.nextOffset());
        if (!clean) {
            throw new IOException("the log in " + config.directory() + " was closed, but not all of it is durable: "
                    + writeLoop.failure().orElse("appends had failed before"));
        }
        log.info("Closed the log directory={} next={}", config.directory(), queue.nextOffset());
    }

    private interface Action {
        void run() throws IOException;
    }

    /** Runs the action on a thread of its own: an interrupt of the caller would close the files in use. */
    private void onThread(Action action) throws IOException {
        if (!environment.ownThreads()) {
            action.run();
            return;
        }
        var problem = new CompletableFuture<Optional<IOException>>();
        join(start("close", () -> {
            try {
                action.run();
                problem.complete(Optional.empty());
            } catch (IOException e) {
                problem.complete(Optional.of(e));
            } catch (RuntimeException | Error e) {
                problem.complete(Optional.of(new IOException("closing the log failed", e)));
            }
        }));
        var thrown = problem.join();
        if (thrown.isPresent()) {
            throw thrown.get();
        }
    }

    private static void join(@Nullable Thread thread) {
        boolean interrupted = false;
        while (thread != null && thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    // For tests, which run the steps of both threads themselves.

    AppendQueue queue() {
        return queue;
    }

    WriteLoop writeLoop() {
        return writeLoop;
    }

    PositionKeeper keeper() {
        return keeper;
    }
}
