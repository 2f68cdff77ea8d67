package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.buffer.AppendResult;
import dev.sluice.buffer.SegmentLog;
import dev.sluice.queue.PushOutcome;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * One log with the requests that wait for its messages to be stored.
 *
 * <p>Waiting slices are kept in the order of their offsets, which is also that of their deadlines. An append and its
 * registration happen under one lock, and outcomes are looked up under the same: so when the drain reports an offset,
 * whoever waits for it is here. Parts that run out of time are taken out by {@link #expire}, so a long outage keeps
 * none.
 */
public final class Lane implements Closeable {
    /** No entry is waiting to be drained. */
    private static final long NOTHING = Long.MIN_VALUE;
    /** The age of what was left by an earlier run. */
    private static final long AGES_NANOS = TimeUnit.DAYS.toNanos(365);

    static final String SOURCE_TAKEN = ".source-taken";

    private final int generation;
    private final int number;
    private final Path directory;
    private final SegmentLog segments;

    /** Offset the first append of this process got: below it everything is from an earlier run. */
    private final long firstOwnOffset;

    private final ArrayDeque<Push.Slice> waiting = new ArrayDeque<>();

    private final LingerGate lingerGate = new LingerGate();

    /**
     * Since when the oldest entry that is not drained has been due, as of {@link System#nanoTime}, which no one sets;
     * {@link #NOTHING} if all are. Written under the lock.
     */
    private volatile long oldestUndrainedNanos;

    /** Whether the drain cannot write at present. Written by the drain. */
    private volatile boolean down;

    /** Whether the drain is told not to write. */
    private volatile boolean held;

    Lane(int generation, int number, Path directory, SegmentLog segments) {
        this.generation = generation;
        this.number = number;
        this.directory = directory;
        this.segments = segments;
        this.firstOwnOffset = segments.nextOffset();
        this.oldestUndrainedNanos =
                segments.committedOffset() < firstOwnOffset ? System.nanoTime() - AGES_NANOS : NOTHING;
    }

    public int generation() {
        return generation;
    }

    /** Returns the number within the generation, from 0. */
    public int number() {
        return number;
    }

    /** Returns a name for logs and status, such as {@code 2/0}: generation and number. */
    public String name() {
        return generation + "/" + number;
    }

    public Path directory() {
        return directory;
    }

    public SegmentLog segments() {
        return segments;
    }

    public long firstOwnOffset() {
        return firstOwnOffset;
    }

    /** Returns the file that forbids draining the lane: beside its log, since everything in there is the log's. */
    public Path sourceTakenMark() {
        return directory.resolveSibling(directory.getFileName() + SOURCE_TAKEN);
    }

    /**
     * Leaves a note for the next start, and for whoever is to decide, that the lane's source was moved by somebody
     * else.
     */
    public void markSourceTaken(String reason) throws IOException {
        Path mark = sourceTakenMark();
        if (Files.exists(mark)) {
            return;
        }
        String note = "This lane is not drained while this file exists.\n\n" + reason + "\n\nMessages in " + directory
                + " from offset " + segments.committedOffset() + " on may be in no database.\n"
                + "1. Stop whatever else uses a copy of this directory.\n"
                + "2. Save the messages of this one: sluice buffer export.\n"
                + "3. Delete this file to go on where PostgreSQL stands. What this log has below that is passed over.\n"
                + "   Or, if what PostgreSQL has is another copy's, move this directory away and begin with an empty one.\n";
        try (var channel = FileChannel.open(
                mark, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = UTF_8.encode(note);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Lanes.syncDirectory(directory.toAbsolutePath().getParent());
    }

    /**
     * Appends, and registers who waits for the outcome.
     *
     * @param slice who waits, or null if nobody does
     * @param deadlineNanos until when, as of {@link System#nanoTime}
     * @param linger how long the messages may stay here
     */
    @SuppressWarnings("FutureReturnValueIgnored") // The task handles its failure itself.
    AppendResult append(List<byte[]> payloads, Push.@Nullable Slice slice, long deadlineNanos, Linger linger) {
        synchronized (this) {
            // Before they can be read.
            long first = segments.nextOffset();
            long bytes = linger.isNone()
                    ? 0
                    : payloads.stream().mapToLong(each -> each.length).sum();
            long due = lingerGate.append(first, first + payloads.size(), bytes, linger, System.nanoTime());
            AppendResult result = segments.append(payloads);
            if (result instanceof AppendResult.Appended appended) {
                appended.written().whenComplete((done, failure) -> {
                    if (failure != null) {
                        drainedTo(segments.committedOffset());
                    }
                });
                // Behind the lingerGate, what is due first counts.
                if (oldestUndrainedNanos == NOTHING || oldestUndrainedNanos - due > 0) {
                    oldestUndrainedNanos = due;
                }
                if (slice != null) {
                    slice.appendedAt(appended.firstOffset(), deadlineNanos);
                    waiting.addLast(slice);
                }
            } else {
                lingerGate.full(System.nanoTime());
            }
            return result;
        }
    }

    /** Says whether what is appended now has a chance to be stored within this time. */
    boolean isWithin(long millis) {
        long oldest = oldestUndrainedNanos;
        return !down
                && !held
                && (oldest == NOTHING || System.nanoTime() - oldest <= TimeUnit.MILLISECONDS.toNanos(millis));
    }

    /** Keeps the drain from messages that may still stay. */
    public LingerGate lingerGate() {
        return lingerGate;
    }

    public boolean isDown() {
        return down;
    }

    public void setDown(boolean down) {
        this.down = down;
    }

    public void setHeld(boolean held) {
        this.held = held;
    }

    /**
     * The drain works on an entry appended at this time, and on none before it; if it was behind the lingerGate, it is as old
     * as the lingerGate has been open. If the clock was set in between, the age is wrong until the drain has passed what was
     * appended before that.
     */
    public void draining(long appendedAtMillis) {
        long ageMillis = Math.max(0, System.currentTimeMillis() - appendedAtMillis);
        synchronized (this) {
            long appended = System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(ageMillis);
            long opened = lingerGate.openedNanos();
            oldestUndrainedNanos = appended - opened > 0 ? appended : opened;
        }
    }

    /** The drain has moved on everything below the offset. */
    public void drainedTo(long nextOffset) {
        synchronized (this) {
            if (segments.isEmptyFrom(nextOffset)) { // Behind it are at most offsets of appends that failed.
                oldestUndrainedNanos = NOTHING;
            } else if (lingerGate.isShutFor(nextOffset)) {
                oldestUndrainedNanos = lingerGate.opensNanos(); // What is left may still stay.
            }
        }
    }

    /** Notes outcomes, in the order of the log, and takes out the slices that have all of theirs. */
    List<Push.Slice> committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
        return settle(records, index -> PushResult.of(outcomes.get((int) index)));
    }

    /** Notes one result for all of them, and takes out the slices that have all of theirs. */
    List<Push.Slice> settled(List<SinkRecord> records, PushResult result) {
        return settle(records, index -> result);
    }

    private synchronized List<Push.Slice> settle(List<SinkRecord> records, LongFunction<PushResult> results) {
        if (waiting.isEmpty()) {
            return List.of();
        }
        var done = new ArrayList<Push.Slice>();
        Push.Slice slice = waiting.peekFirst();
        for (int i = 0; i < records.size() && slice != null; i++) {
            long offset = records.get(i).kafkaOffset();
            while (slice != null && offset > slice.lastOffset()) {
                // The log lost some of the slice's entries, or a write of them failed; the rest is known.
                done.add(waiting.removeFirst());
                slice = waiting.peekFirst();
            }
            if (slice != null && offset >= slice.firstOffset()) {
                slice.settle(offset, results.apply(i));
                if (slice.isSettled()) {
                    done.add(waiting.removeFirst());
                    slice = waiting.peekFirst();
                }
            }
        }
        return done;
    }

    /** Takes out the slices whose time is over; all of them when the drain cannot write, or shall not. */
    List<Push.Slice> expire(long nowNanos) {
        synchronized (this) {
            Push.Slice first = waiting.peekFirst();
            boolean hopeless = down || held;
            if (first == null || (!hopeless && first.deadlineNanos() - nowNanos > 0)) {
                return List.of();
            }
            var expired = new ArrayList<Push.Slice>();
            while (first != null && (hopeless || first.deadlineNanos() - nowNanos <= 0)) {
                expired.add(waiting.removeFirst());
                first = waiting.peekFirst();
            }
            return expired;
        }
    }

    /** Takes out one slice, if it still is here: its entries could not be written. */
    boolean remove(Push.Slice slice) {
        synchronized (this) {
            return waiting.remove(slice);
        }
    }

    /** Takes out all slices. */
    List<Push.Slice> removeAll() {
        synchronized (this) {
            var all = List.copyOf(waiting);
            waiting.clear();
            return all;
        }
    }

    int waiting() {
        synchronized (this) {
            return waiting.size();
        }
    }

    @Override
    public void close() throws IOException {
        segments.close();
    }
}
