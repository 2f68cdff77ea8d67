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
 * Reads a {@link SegmentLog} in order, about a mebibyte at a time, however large the backlog. One thread owns it. It
 * never holds up appends, and sees what is written whether or not it is synced.
 *
 * <p>Every frame's checksum is verified. Bytes that fail it are copied to {@code quarantine/}, counted and passed over,
 * once: reading goes on at the next intact frame. An I/O error is thrown; after {@value #READ_ATTEMPTS} of them at the
 * same place the rest of that segment is passed over, counted as lost, and its file kept in the quarantine.
 */
public final class LogReader implements Closeable {
    /** How often reading the same place may fail before it is passed over. */
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

    // The frame being handed out.
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
     * Returns the next entries in order. All are of one epoch. Does not wait.
     *
     * @param maxRecords most entries to return, at least 1
     * @param maxBytes stops before an entry that would take the sum of payloads beyond this; the first is always
     *     returned
     * @return empty when there is nothing to read now
     * @throws IOException if reading fails; the position is unchanged, so the call can be repeated
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
            passRecord(length);
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

    private void passRecord(int length) {
        recordAt += SegmentFormat.RECORD_HEADER_BYTES + length;
        position++;
        remaining--;
    }

    /** Turns to the next frame with records at or after the position; false if there is none now, or of that epoch. */
    private boolean nextFrame(long epoch, boolean hasEntries) throws IOException {
        try {
            while (segment != null || enter()) {
                var current = currentSegment();
                boolean sealed = current.isSealed(); // Before the extent: then that is the last one.
                var extent = current.extent();
                if (filePosition >= extent.length() || (sealed && expected >= extent.nextOffset())) {
                    if (!sealed) {
                        return false;
                    }
                    leave(); // Only garbage of a failed write can follow.
                    position = Math.max(position, extent.nextOffset());
                    continue;
                }
                var verdict = window.check(filePosition, extent.length(), tag);
                failures = 0;
                if (verdict != FrameWindow.Verdict.VALID || window.frame().firstOffset() < expected) {
                    passDamage(current, extent);
                } else if (window.frame().firstOffset() >= extent.nextOffset()) {
                    passGap(extent.nextOffset());
                    filePosition = extent.length();
                } else {
                    passGap(window.frame().firstOffset());
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
                return false; // What was read is returned; the next call comes back here.
            }
            throw e;
        }
    }

    /** Takes the frame in the window, unless it is of another epoch than what is being returned. */
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
            passRecord(window.buffer().getInt(recordAt));
        }
        return true;
    }

    private Segment currentSegment() {
        if (segment == null) {
            throw new IllegalStateException("no segment");
        }
        return segment;
    }

    /** Opens the segment that holds the position; false if nothing at or after it has been begun. */
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
                continue; // It was committed and deleted meanwhile.
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
                log.debug("A segment could not be closed after reading.", e);
            }
        }
        file = null;
        segment = null;
        remaining = 0;
        window.open(null);
    }

    /** Goes on at an offset although those before it are missing from the segment. */
    private void passGap(long offset) {
        if (offset > expected) {
            var current = currentSegment();
            long missing = offset - expected;
            if (current.addDamage(new Damage(filePosition, filePosition, missing))) {
                counters.lostEntries.add(missing);
                log.warn(
                        "Offsets are missing from a segment. segment={} position={} from={} to={}",
                        current.name(),
                        filePosition,
                        expected,
                        offset);
            }
            expected = offset;
            position = Math.max(position, offset);
        }
    }

    /** Passes over bytes that are no frame of ours, up to the next intact one or the end; keeps a copy. */
    private void passDamage(Segment current, Segment.Extent extent) throws IOException {
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
                    "Damaged bytes in a segment were passed over. segment={} from={} to={} entriesLost={}",
                    current.name(),
                    from,
                    to,
                    lost);
            try {
                quarantine.copy(openFile(), current.name(), from, to);
            } catch (IOException e) {
                current.keep();
                log.warn("Damaged bytes could not be copied; the segment will be kept. segment={}", current.name(), e);
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
            reopen(); // The thread was interrupted; nothing is wrong with the file.
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
                    "A segment cannot be read; the rest of it is passed over. segment={} position={} entriesLost={}",
                    current.name(),
                    filePosition,
                    lost,
                    problem);
        }
        filePosition = extent.length();
        expected = extent.nextOffset();
        position = Math.max(position, expected);
    }

    /** Forgets the open file so that the next call opens it again at the position. */
    private void reopen() {
        long wanted = position;
        leave();
        position = wanted;
    }

    /**
     * Waits until there is something to read, the log closes, or the timeout passes. True means that something at or
     * after the position was written; {@link #read} may still find nothing in it but appends that failed.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean await(Duration timeout) throws InterruptedException {
        return written.await(position, timeout);
    }

    /**
     * Goes to an offset, forwards or backwards, or to the first one retained if that is higher. The next read looks for
     * it from the beginning of its segment.
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

    /** Returns the offset the next entry has at least. */
    public long position() {
        return position;
    }

    /** Closes the file being read. The log is not affected. */
    @Override
    public void close() {
        leave();
    }
}
