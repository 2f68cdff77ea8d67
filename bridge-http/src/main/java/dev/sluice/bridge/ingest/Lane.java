package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.buffer.AppendResult;
import dev.sluice.buffer.AtomicFile;
import dev.sluice.buffer.SegmentLog;
import dev.sluice.queue.PushOutcome;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.LongFunction;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * A log with the pushes that wait for its messages to be stored.
 *
 * <p>Waiting slices are kept in the order of their offsets, which is also the order of their deadlines. One lock covers
 * an append with the registration of its slice, and the search for the slices of an outcome: when the drain reports an
 * offset, the slice that waits for it is registered. {@link #expire} removes the slices that time out, so a long outage
 * keeps none.
 */
public final class Lane implements Closeable {
    /** The value of {@link #oldestUndrainedNanos} if all entries are drained. */
    private static final long NOTHING = Long.MIN_VALUE;
    /** The assumed age of entries from an earlier run. */
    private static final long AGES_NANOS = TimeUnit.DAYS.toNanos(365);

    static final String SOURCE_TAKEN = ".source-taken";

    private final int generation;
    private final int number;
    private final Path directory;
    private final SegmentLog segments;

    /** Offset of this process's first append: all entries below are from an earlier run. */
    private final long firstOwnOffset;

    private final ArrayDeque<Push.Slice> waiting = new ArrayDeque<>();

    private final LingerGate lingerGate = new LingerGate();

    /**
     * Since when the oldest undrained entry has been due, as {@link System#nanoTime}, which no clock change affects;
     * {@link #NOTHING} if all entries are drained. Written under the lock.
     */
    private volatile long oldestUndrainedNanos;

    /** Whether the drain cannot write now. */
    private volatile boolean down;

    /** Whether the drain may not write now. */
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

    /** Returns the file that forbids draining the lane. It is beside the log's directory, which is the log's alone. */
    public Path sourceTakenMark() {
        return directory.resolveSibling(directory.getFileName() + SOURCE_TAKEN);
    }

    /**
     * Writes the file that forbids draining the lane, for the next start and for the operator: another process has
     * moved the lane's source.
     */
    public void markSourceTaken(String reason) throws IOException {
        Path mark = sourceTakenMark();
        if (Files.exists(mark)) {
            return;
        }
        String note = "This lane is not drained while this file exists.\n\n" + reason + "\n\nMessages in " + directory
                + " from offset " + segments.committedOffset() + " on may be in no database.\n"
                + "1. Stop the process that uses a copy of this directory.\n"
                + "2. Save the messages of this one: sluice buffer export.\n"
                + "3. Delete this file to go on where PostgreSQL stands. Earlier messages of this log are skipped.\n"
                + "   If PostgreSQL has the messages of another copy, move this directory away and begin with an empty one.\n";
        AtomicFile.replace(mark, note.getBytes(UTF_8));
    }

    /**
     * Appends, and registers the slice that waits for the outcome.
     *
     * @param slice waits for the outcome; null if no push does
     * @param deadlineNanos until when it waits, as {@link System#nanoTime}
     * @param linger how long the messages may stay here
     */
    @SuppressWarnings("FutureReturnValueIgnored") // The stage handles the failure.
    AppendResult append(List<byte[]> payloads, Push.@Nullable Slice slice, long deadlineNanos, Linger linger) {
        synchronized (this) {
            // The gate must know the entries before the drain can read them.
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
                // Behind the gate, the earliest due time counts.
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

    /** Returns whether a message appended now may be stored within this time. */
    boolean isWithin(long millis) {
        long oldest = oldestUndrainedNanos;
        return !down
                && !held
                && (oldest == NOTHING || System.nanoTime() - oldest <= TimeUnit.MILLISECONDS.toNanos(millis));
    }

    /**
     * Waits while the message at {@code position} may linger, but no longer than {@code most}.
     *
     * @return whether the drain may take it
     */
    public boolean awaitLinger(long position, Duration most) throws InterruptedException {
        return lingerGate.await(position, most);
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
     * Notes that the drain has reached an entry appended at this time. If the entry lingered, its age counts from the
     * opening of the gate. If the clock was set in between, the age is wrong until the drain has passed the entries
     * appended before.
     */
    public void draining(long appendedAtMillis) {
        long ageMillis = Math.max(0, System.currentTimeMillis() - appendedAtMillis);
        synchronized (this) {
            long appended = System.nanoTime() - TimeUnit.MILLISECONDS.toNanos(ageMillis);
            long opened = lingerGate.openedNanos();
            oldestUndrainedNanos = appended - opened > 0 ? appended : opened;
        }
    }

    /** Notes that all entries below the offset are drained. */
    public void drainedTo(long nextOffset) {
        synchronized (this) {
            if (segments.isEmptyFrom(nextOffset)) { // Above it are only offsets of failed appends.
                oldestUndrainedNanos = NOTHING;
            } else if (lingerGate.isClosedFor(nextOffset)) {
                oldestUndrainedNanos = lingerGate.opensNanos(); // The rest may still linger.
            }
        }
    }

    /** Notes outcomes in the order of the log, and removes the slices that have all of theirs. */
    List<Push.Slice> committed(List<SinkRecord> records, List<PushOutcome> outcomes) {
        return settle(records, index -> PushResult.of(outcomes.get((int) index)));
    }

    /** Notes one result for all records, and removes the slices that have all of theirs. */
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
                // The log lost some entries of the slice, or could not write them; the outcome of the rest is known.
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

    /** Removes the slices that have timed out; all of them if the drain cannot or may not write. */
    List<Push.Slice> expire(long nowNanos) {
        synchronized (this) {
            Push.Slice first = waiting.peekFirst();
            boolean drainsNothing = down || held;
            if (first == null || (!drainsNothing && first.deadlineNanos() - nowNanos > 0)) {
                return List.of();
            }
            var expired = new ArrayList<Push.Slice>();
            while (first != null && (drainsNothing || first.deadlineNanos() - nowNanos <= 0)) {
                expired.add(waiting.removeFirst());
                first = waiting.peekFirst();
            }
            return expired;
        }
    }

    /** Removes one slice if it is still registered. */
    boolean remove(Push.Slice slice) {
        synchronized (this) {
            return waiting.remove(slice);
        }
    }

    /** Removes all slices. */
    List<Push.Slice> removeAll() {
        synchronized (this) {
            var all = List.copyOf(waiting);
            waiting.clear();
            return all;
        }
    }

    /** Returns whether a push waits for its outcome. */
    public boolean hasWaiting() {
        return waiting() > 0;
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
