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
 * A durable, append-only log of byte arrays in one directory, with a position up to which its contents have been moved
 * on. The package comment describes the files, the invariants and what a crash can and cannot lose.
 *
 * <p>In short: {@link #append} gives records their offsets at once; {@link #sync} says when they are durable; a
 * {@link LogReader} gives them back in order; {@link #commit} says what is not needed any more. An append is atomic:
 * after a crash all of its records are there or none.
 *
 * <p>All methods may be called from any thread. None but {@link #open} and {@link #close} waits for the disk. The log
 * runs two threads of its own, one that writes and one that keeps the position.
 */
public final class SegmentLog implements Closeable {
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
     * Opens a log, or creates it: takes the lock, finds out what is there and mends it, raises the epoch unless the log
     * was closed cleanly, and starts. Bad contents never make this fail; they are set aside and reported. Blocks for as
     * long as reading {@code buffer.verify.bytes} takes.
     *
     * @throws DirectoryLockedException if somebody else has the log open
     * @throws IOException if the directory cannot be created, listed, or written to; nothing is lost, try again later
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
        // Durable before the first append: the epoch begins, and the mark of a clean close is gone.
        reserve.store(new CommittedPosition(id, epoch, recovered.committed(), CommittedPosition.OPEN));
        reserve.take();
        this.queue =
                new AppendQueue(config, environment.clock(), segments, unwritten, counters, recovered.nextOffset());
        var writer = new SegmentWriter(environment, config, id, epoch, recovered.writtenEnd(), segments, counters);
        this.writeLoop = new WriteLoop(config.sync(), queue, times, counters, writer);
        this.keeper = new PositionKeeper(environment, config, recovered, reserve, counters, queue);
        warn(environment);
        var name = Optional.ofNullable(config.directory().getFileName());
        this.appending = environment.ownThreads() ? thread("log-append-", name, writeLoop::run) : null;
        this.keeping = environment.ownThreads() ? thread("log-keep-", name, keeper::run) : null;
    }

    private static Thread thread(String prefix, Optional<?> name, Runnable body) {
        var thread = new Thread(body, prefix + name.map(Object::toString).orElse("root"));
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void warn(Environment environment) throws IOException {
        for (var finding : report.findings()) {
            log.warn("Opening the log found something. directory={} finding={}", config.directory(), finding);
        }
        long room = environment.storage().usableBytes() + segments.bytes();
        if (room < config.maxBytes()) {
            log.warn(
                    "The disk has less room than the log may use. directory={} room={} buffer.max.bytes={}",
                    config.directory(),
                    room,
                    config.maxBytes());
        }
        log.info(
                "The log is open. directory={} id={} epoch={} clean={} segments={} committed={} next={} fsync={} tookMs={}",
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

    /** Says what opening found. */
    public RecoveryReport recovery() {
        return report;
    }

    /** Returns the log's identity: made once, stored in every file. */
    public UUID id() {
        return id;
    }

    /**
     * Returns the epoch of new appends. Raised by each opening that does not follow a clean close, durably and before
     * the first append, so that (id, epoch, offset) never names two different records, whatever was lost.
     */
    public long epoch() {
        return epoch;
    }

    /**
     * Accepts records as one atomic append: all of them are recovered after a crash or none. Returns at once; the disk
     * is not waited for. The arrays are not copied: do not change them until {@code written} has completed.
     *
     * @param payloads 1 to 1,048,576 records
     * @return offsets and a future, or that the log is full
     * @throws IllegalArgumentException if there is no record, or one is larger than {@code buffer.max.record.bytes}, or
     *     all are larger than {@code buffer.max.append.bytes}; nothing is appended
     * @throws IllegalStateException if the log is closed or has stopped after an internal error
     */
    public AppendResult append(List<byte[]> payloads) {
        return queue.append(payloads);
    }

    /**
     * Returns a future that completes when the records up to and including the offset have the durability that the
     * policy promises: with {@code always} they are on disk, with {@code interval} and {@code os} in the hands of the
     * operating system. All who wait at the same time share one fdatasync.
     *
     * <p>It fails with an {@link IOException} if the append at this offset was not written or could not be synced,
     * however often it is asked. Completes on the log's own thread: continue elsewhere with anything slow.
     *
     * @param offset an offset that {@link #append} has given out
     * @throws IllegalArgumentException if it has not
     */
    public CompletableFuture<Void> sync(long offset) {
        return queue.sync(offset);
    }

    /**
     * Returns a reader that begins at an offset, or at the first retained one if that is higher. It sees appends when
     * they are written, synced or not.
     *
     * @throws IllegalArgumentException if the offset is negative or beyond the next one
     */
    public LogReader reader(long fromOffset) {
        if (fromOffset < 0 || fromOffset > nextOffset()) {
            throw new IllegalArgumentException(
                    "a reader begins at 0 to " + nextOffset() + ", the next offset, was " + fromOffset);
        }
        return new LogReader(environment, id, segments, queue, counters, fromOffset);
    }

    /**
     * Says that everything below an offset has been moved on. Takes effect at once and becomes durable within
     * {@code buffer.position.interval.ms} and at close; files are deleted only after that. The position never goes
     * back: a lower offset than before only ends what {@link #retain} asked for, up to there.
     *
     * @throws IllegalArgumentException if the offset is beyond the next one
     */
    public void commit(long nextOffset) {
        keeper.commit(nextOffset);
    }

    /**
     * Keeps what is still there from an offset on, committed or not, until {@link #commit} passes it once more: whoever
     * the entries were moved on to may have lost them. Opening does the same for all that it finds. The committed
     * position stays.
     */
    public void retain(long fromOffset) {
        keeper.retain(fromOffset);
    }

    /** Returns the lowest offset that has not been committed. */
    public long committedOffset() {
        return keeper.committed();
    }

    /** Returns the offset the next append will get. */
    public long nextOffset() {
        return queue.nextOffset();
    }

    /** Says how the log is doing. */
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
     * Returns whether there is no entry at or after an offset: all that was appended from there on could not be
     * written. An append that is on its way counts as an entry.
     */
    public boolean isEmptyFrom(long offset) {
        return unwritten.skip(offset) >= queue.nextOffset();
    }

    /**
     * Checks that records fit into one append, as {@link #append} does.
     *
     * @throws IllegalArgumentException if they do not
     */
    public void requireFits(List<byte[]> payloads) {
        int unused = queue.checkedBodyBytes(payloads);
    }

    /**
     * Writes and syncs what was accepted, makes the position durable with the mark of a clean close, and frees the
     * lock. Waits for all of that. Closing twice does nothing.
     *
     * @throws IOException if any of it fails; the log is closed all the same, and the next opening raises the epoch
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
        // What could not be read at opening may turn out to end elsewhere; then the next opening must not go on from
        // here.
        boolean known = report.findings().stream()
                .noneMatch(finding -> finding.kind() == RecoveryReport.Kind.UNREADABLE_SEGMENT);
        keeper.finish(clean && known, queue.nextOffset());
        if (!clean) {
            throw new IOException("the log in " + config.directory() + " was closed, but not all of it is durable: "
                    + writeLoop.failure().orElse("appends had failed before"));
        }
        log.info("The log is closed. directory={} next={}", config.directory(), queue.nextOffset());
    }

    private interface Action {
        void run() throws IOException;
    }

    /** Runs the action where no caller's interrupt can close files under it. */
    private void onThread(Action action) throws IOException {
        if (!environment.ownThreads()) {
            action.run();
            return;
        }
        var problem = new CompletableFuture<Optional<IOException>>();
        join(thread("log-close-", Optional.ofNullable(config.directory().getFileName()), () -> {
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
