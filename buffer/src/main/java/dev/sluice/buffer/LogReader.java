package dev.sluice.buffer;

import dev.sluice.buffer.Segment.Damage;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads a {@link SegmentLog} in order, about a mebibyte at a time, whatever the backlog. A reader belongs to one
 * thread. It never delays appends, and sees what is written, synced or not.
 *
 * <p>The reader verifies the checksum of each frame. It copies damaged bytes to {@code quarantine/}, counts them once,
 * and continues at the next intact frame. It throws an I/O error to the caller. After {@value #READ_ATTEMPTS} errors at
 * the same place, it skips the rest of the segment and counts it as lost; the file goes to the quarantine instead of
 * being deleted.
 */
public final class LogReader implements Closeable {
    /** The writing side, as a {@link LogReader} sees it: where the log ends, and when it grows. */
    interface WrittenOffset {

        /** Returns the offset that the next append gets. */
        long nextOffset();

        /**
         * Waits until an append at or after the position is written, the log closes, or the timeout passes. Returns
         * whether an append was written.
         */
        boolean await(long position, Duration timeout) throws InterruptedException;
    }

    /** How often reading the same place may fail before the reader skips it. */
    public static final int READ_ATTEMPTS = 5;

    private static final Logger log = LoggerFactory.getLogger(LogReader.class);
    private static final int NO_EPOCH = 0;
    private static final int MAX_LIST_CAPACITY = 1024;

    private final Storage storage;
    private final Quarantine quarantine;
    private final long tag;
    private final SegmentSet segments;
    private final WrittenOffset written;
    private final Counters counters;
    private final FrameWindow window;
    private long position;

    private @Nullable Segment segment;
    private @Nullable StoredFile file;
    private long filePosition;
    private long expected;
    private int failures;

    // The frame whose records are being returned.
    private int remaining;
    private int recordAt;
    private SegmentFormat.@Nullable Frame frame;

    LogReader(
            Environment environment,
            UUID id,
            SegmentSet segments,
            WrittenOffset written,
            Counters counters,
            long fromOffset) {
        this.storage = environment.storage();
        this.quarantine = new Quarantine(storage);
        this.tag = LogId.tag(id);
        this.segments = segments;
        this.written = written;
        this.counters = counters;
        this.window = new FrameWindow(environment.chunkBytes());
        this.position =
                Math.max(fromOffset, segments.oldest().map(Segment::firstOffset).orElse(0L));
    }

    /**
     * Returns the next entries in order, all of one epoch. Does not wait.
     *
     * @param maxRecords the most entries to return, at least 1
     * @param maxBytes the most bytes of payload to return; the first entry may exceed it
     * @return empty if there is nothing to read now
     * @throws IOException if reading fails; the position does not change, so the call can be repeated
     */
    public List<Entry> read(int maxRecords, long maxBytes) throws IOException {
        if (maxRecords < 1) {
            throw new IllegalArgumentException("maxRecords must be at least 1, was " + maxRecords);
        }
        var entries = new ArrayList<Entry>(Math.min(maxRecords, MAX_LIST_CAPACITY));
        long bytes = 0;
        while (entries.size() < maxRecords) {
            if (remaining == 0
                    && !nextFrame(entries.isEmpty() ? NO_EPOCH : entries.get(0).epoch(), !entries.isEmpty())) {
                break;
            }
            var buffer = window.buffer();
            int length = buffer.getInt(recordAt);
            if (!entries.isEmpty() && bytes + length > maxBytes) {
                break;
            }
            var payload = new byte[length];
            buffer.get(recordAt + SegmentFormat.RECORD_HEADER_BYTES, payload);
            entries.add(
                    new Entry(position, currentFrame().epoch(), currentFrame().appendedAtMillis(), payload));
            skipRecord(length);
            bytes += length;
        }
        return entries;
    }

    private SegmentFormat.Frame currentFrame() {
        if (frame == null) {
            throw new IllegalStateException("no frame");
        }
        return frame;
    }

    private void skipRecord(int length) {
        recordAt += SegmentFormat.RECORD_HEADER_BYTES + length;
        position++;
        remaining--;
        if (remaining == 0) {
            window.free();
        }
    }

    /** Moves to the next frame with records at or after the position; returns false if none of that epoch is next. */
    private boolean nextFrame(long epoch, boolean hasEntries) throws IOException {
        try {
            while (segment != null || enter()) {
                var current = currentSegment();
                boolean sealed = current.isSealed(); // Read before the extent: if sealed, the extent is final.
                var extent = current.extent();
                if (filePosition >= extent.length() || (sealed && expected >= extent.nextOffset())) {
                    if (!sealed) {
                        return false;
                    }
                    leave(); // Only what a failed write left can follow.
                    position = Math.max(position, extent.nextOffset());
                    continue;
                }
                var verdict = window.check(filePosition, extent.length(), tag);
                failures = 0;
                if (verdict != FrameWindow.Verdict.VALID || window.frame().firstOffset() < expected) {
                    skipDamage(current, extent);
                } else if (window.frame().firstOffset() >= extent.nextOffset()) {
                    skipGap(extent.nextOffset());
                    filePosition = extent.length();
                } else {
                    skipGap(window.frame().firstOffset());
                    if (window.nextOffset() > position && !window.frame().isVoid()) {
                        return takeFrame(epoch);
                    }
                    filePosition += window.frame().bytes();
                    expected = window.nextOffset();
                    position = Math.max(position, expected);
                }
            }
            return false;
        } catch (IOException e) {
            failed(e);
            if (hasEntries) {
                return false; // The call returns what it has read; the next one fails here.
            }
            throw e;
        }
    }

    /** Takes the frame in the window, unless its epoch differs from that of the entries read so far. */
    private boolean takeFrame(long epoch) {
        var found = window.frame();
        if (epoch != NO_EPOCH && found.epoch() != epoch) {
            return false;
        }
        filePosition += found.bytes();
        expected = window.nextOffset();
        frame = found;
        remaining = found.count();
        recordAt = window.bodyAt();
        long wanted = position;
        position = found.firstOffset();
        while (position < wanted) {
            skipRecord(window.buffer().getInt(recordAt));
        }
        return true;
    }

    private Segment currentSegment() {
        if (segment == null) {
            throw new IllegalStateException("no segment");
        }
        return segment;
    }

    /** Opens the segment that holds the position; returns false if there is no segment at or after it. */
    private boolean enter() throws IOException {
        while (true) {
            var found = segments.at(position);
            if (found.isEmpty()
                    || (found.get().isSealed() && position >= found.get().nextOffset())) {
                return false;
            }
            try {
                file = storage.open(found.get().name(), false);
            } catch (NoSuchFileException deleted) {
                if (segments.at(position).equals(found)) {
                    throw deleted;
                }
                continue; // The log deleted it meanwhile.
            }
            segment = found.get();
            window.open(file);
            filePosition = SegmentFormat.HEADER_BYTES;
            expected = found.get().firstOffset();
            position = Math.max(position, expected);
            return true;
        }
    }

    private void leave() {
        if (file != null) {
            try {
                file.close();
            } catch (IOException e) {
                log.debug("A log segment could not be closed after reading", e);
            }
        }
        file = null;
        segment = null;
        remaining = 0;
        window.open(null);
    }

    /** Skips offsets that are missing from the segment. */
    private void skipGap(long offset) {
        if (offset > expected) {
            var current = currentSegment();
            long missing = offset - expected;
            if (current.addDamage(new Damage(filePosition, filePosition, missing))) {
                counters.lostEntries.add(missing);
                log.warn(
                        "Offsets are missing from a log segment; the reader skipped them "
                                + "segment={} position={} from={} to={}",
                        current.name(),
                        filePosition,
                        expected,
                        offset);
            }
            expected = offset;
            position = Math.max(position, offset);
        }
    }

    /** Skips bytes that are no frame of this log, up to the next intact frame or the end; copies them first. */
    private void skipDamage(Segment current, Segment.Extent extent) throws IOException {
        long from = filePosition;
        long found = window.find(from + 1, extent.length(), tag, expected, extent.nextOffset());
        long to = found < 0 ? extent.length() : found;
        long resumed = found < 0 ? extent.nextOffset() : window.frame().firstOffset();
        long lost = Math.max(0, resumed - expected);
        if (current.addDamage(new Damage(from, to, lost))) {
            counters.lostEntries.add(lost);
            counters.quarantinedRanges.increment();
            counters.quarantinedBytes.add(to - from);
            log.error(
                    "Skipped damaged bytes in a log segment; check the disk segment={} from={} to={} entries_lost={}",
                    current.name(),
                    from,
                    to,
                    lost);
            try {
                quarantine.copy(openFile(), current.name(), from, to);
            } catch (IOException e) {
                current.keep();
                log.warn(
                        "Damaged bytes could not be copied to the quarantine; the log keeps the segment segment={}",
                        current.name(),
                        e);
            }
        }
        filePosition = to;
        expected = resumed;
        position = Math.max(position, resumed);
    }

    private StoredFile openFile() {
        if (file == null) {
            throw new IllegalStateException("no file");
        }
        return file;
    }

    private void failed(IOException problem) {
        if (problem instanceof ClosedChannelException) {
            reopen(); // The thread was interrupted; the file is intact.
            return;
        }
        counters.failedReads.increment();
        failures++;
        if (failures < READ_ATTEMPTS || segment == null) {
            return;
        }
        failures = 0;
        var current = currentSegment();
        var extent = current.extent();
        long lost = extent.nextOffset() - expected;
        current.keep();
        if (current.addDamage(new Damage(filePosition, extent.length(), lost))) {
            counters.lostEntries.add(lost);
            log.error(
                    "A log segment cannot be read; the reader skipped the rest of it; check the disk "
                            + "segment={} position={} entries_lost={}",
                    current.name(),
                    filePosition,
                    lost,
                    problem);
        }
        filePosition = extent.length();
        expected = extent.nextOffset();
        position = Math.max(position, expected);
    }

    /** Closes the file, so that the next call opens it again at the position. */
    private void reopen() {
        long wanted = position;
        leave();
        position = wanted;
    }

    /**
     * Waits until there is something to read, the log closes, or the timeout passes. Returns whether an append at or
     * after the position was written; {@link #read} may still return nothing if all appends there failed.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean await(Duration timeout) throws InterruptedException {
        return await(1, timeout);
    }

    /**
     * Waits until so many entries can be read, the log closes, or the timeout passes. Returns whether they were
     * written; {@link #read} returns fewer if some of the appends failed.
     *
     * @param entries at least 1
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean await(int entries, Duration timeout) throws InterruptedException {
        return written.await(position + entries - 1, timeout);
    }

    /**
     * Moves to an offset, forwards or backwards, or to the lowest retained offset if that is higher. The next read
     * searches from the beginning of the segment.
     */
    public void seek(long offset) {
        if (offset < 0 || offset > written.nextOffset()) {
            throw new IllegalArgumentException(
                    "a reader can go to 0 to " + written.nextOffset() + ", the next offset, was " + offset);
        }
        leave();
        failures = 0;
        position = Math.max(offset, segments.oldest().map(Segment::firstOffset).orElse(offset));
    }

    /** Returns the lowest offset that the next entry can have. */
    public long position() {
        return position;
    }

    /** Closes the file. The log stays open. */
    @Override
    public void close() {
        leave();
    }
}
