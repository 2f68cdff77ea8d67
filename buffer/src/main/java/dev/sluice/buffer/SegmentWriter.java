package dev.sluice.buffer;

import dev.sluice.buffer.AppendQueue.PendingAppend;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.time.InstantSource;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes frames into the newest segment. {@link #put} collects frames in a buffer; {@link #flush} hands them to the
 * operating system, {@link #force} to the disk. Used by one thread at a time.
 *
 * <p>After {@link #begin}, {@link #put} or {@link #flush} has thrown, the next call must be {@link #dropUnwritten};
 * after {@link #force} has thrown, {@link #end}.
 */
final class SegmentWriter {
    private static final Logger log = LoggerFactory.getLogger(SegmentWriter.class);

    private final Storage storage;
    private final InstantSource clock;
    private final UUID id;
    private final long epoch;
    private final long segmentBytes;
    private final SegmentSet segments;
    private final Counters counters;
    private final ByteBuffer buffer;

    private @Nullable Segment segment;
    private @Nullable StoredFile file;
    private boolean unsynced;
    /** Offset after the last one flushed. */
    private long flushedNext;
    /** Offset after the last one in the buffer. */
    private long bufferedNext;

    SegmentWriter(
            Environment environment,
            SegmentLogConfig config,
            UUID id,
            long epoch,
            long writtenEnd,
            SegmentSet segments,
            Counters counters) {
        this.storage = environment.storage();
        this.clock = environment.clock();
        this.id = id;
        this.epoch = epoch;
        this.segmentBytes = config.segmentBytes();
        this.segments = segments;
        this.counters = counters;
        this.buffer = ByteBuffer.allocateDirect(environment.chunkBytes());
        this.flushedNext = writtenEnd;
        this.bufferedNext = writtenEnd;
    }

    boolean isOpen() {
        return segment != null;
    }

    boolean hasUnsynced() {
        return unsynced;
    }

    boolean hasRecords() {
        return segment != null && !segment.isEmpty();
    }

    /** Returns the offset after the last one flushed. */
    long flushedNext() {
        return flushedNext;
    }

    /** Returns whether the frame must begin a new segment. */
    boolean isBeyondSegment(int frameBytes) {
        if (segment == null) {
            return false;
        }
        long length = segment.length() + buffer.position();
        return length > SegmentFormat.HEADER_BYTES && length + frameBytes > segmentBytes;
    }

    /** Returns whether the buffer must be flushed before the frame fits, with a void frame that may precede it. */
    boolean isBeyondBuffer(int frameBytes) {
        return buffer.position() > 0 && buffer.remaining() < (long) frameBytes + voidBytes();
    }

    private static int voidBytes() {
        return SegmentFormat.FRAME_HEADER_BYTES + SegmentFormat.VOID_BODY_BYTES;
    }

    /** Creates a segment at the next offset, durably. */
    void begin() throws IOException {
        long first = flushedNext;
        for (var existing : segments.all()) {
            if (existing.firstOffset() == first) {
                segments.remove(existing); // It is empty: else the next offset would be higher.
                if (existing.isKept()) {
                    new Quarantine(storage).move(existing.name());
                } else {
                    storage.delete(existing.name());
                }
                counters.segmentsDeleted.increment();
            }
        }
        var name = SegmentFormat.fileName(first);
        StoredFile created;
        try {
            created = storage.create(name);
        } catch (FileAlreadyExistsException e) {
            new Quarantine(storage).move(name); // An earlier creation failed midway, in this process.
            created = storage.create(name);
        }
        try {
            created.write(
                    SegmentFormat.encodeHeader(
                            new SegmentFormat.Header(SegmentFormat.VERSION, id, epoch, first, clock.millis())),
                    0);
            created.force();
            storage.syncDirectory("");
        } catch (IOException e) {
            closeQuietly(created);
            try {
                storage.delete(name);
            } catch (IOException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
        counters.segmentsCreated.increment();
        counters.bytes.add(SegmentFormat.HEADER_BYTES);
        file = created;
        segment = new Segment(first, epoch, SegmentFormat.HEADER_BYTES, first, false);
        segments.add(segment);
    }

    /** Puts the frame of an append into the buffer; a frame larger than the buffer goes into the file. */
    void put(PendingAppend append) throws IOException {
        if (append.firstOffset() > bufferedNext) {
            // Appends in between failed. A void frame states that, because a gap in the offsets means damage.
            if (buffer.remaining() < voidBytes()) {
                flush();
            }
            SegmentFormat.putVoid(buffer, fields(bufferedNext), append.firstOffset() - bufferedNext);
            bufferedNext = append.firstOffset();
        }
        if (append.firstOffset() != bufferedNext) {
            throw new IllegalStateException("append at " + append.firstOffset() + " comes after " + bufferedNext);
        }
        if (append.frameBytes() <= buffer.remaining()) {
            SegmentFormat.putFrame(buffer, fields(bufferedNext), append.payloads(), append.bodyBytes());
            bufferedNext = append.nextOffset();
        } else {
            flush();
            if (append.frameBytes() <= buffer.remaining()) {
                put(append);
            } else {
                writeLarge(append);
            }
        }
    }

    private SegmentFormat.FrameFields fields(long firstOffset) {
        return new SegmentFormat.FrameFields(LogId.tag(id), epoch, firstOffset, clock.millis());
    }

    /** Writes a frame one buffer at a time. The checksum comes first, so this reads the payloads twice. */
    private void writeLarge(PendingAppend append) throws IOException {
        SegmentFormat.putFrameHeader(
                buffer, fields(bufferedNext), append.payloads().size(), append.bodyBytes());
        var crc = new CRC32C();
        crc.update(buffer.duplicate().flip().position(SegmentFormat.LENGTH_AT));
        var length = ByteBuffer.allocate(SegmentFormat.RECORD_HEADER_BYTES);
        for (var payload : append.payloads()) {
            crc.update(length.putInt(0, payload.length).array());
            crc.update(payload);
        }
        buffer.putInt(SegmentFormat.FRAME_CHECKSUM_AT, (int) crc.getValue());
        long position = openSegment().length();
        for (var payload : append.payloads()) {
            if (buffer.remaining() < SegmentFormat.RECORD_HEADER_BYTES) {
                position += spill(position);
            }
            buffer.putInt(payload.length);
            for (int at = 0; at < payload.length; ) {
                if (!buffer.hasRemaining()) {
                    position += spill(position);
                }
                int piece = Math.min(buffer.remaining(), payload.length - at);
                buffer.put(payload, at, piece);
                at += piece;
            }
        }
        position += spill(position);
        bufferedNext = append.nextOffset();
        extend(position - openSegment().length());
    }

    private int spill(long position) throws IOException {
        buffer.flip();
        int bytes = buffer.limit();
        openFile().write(buffer, position);
        buffer.clear();
        unsynced = true;
        return bytes;
    }

    /** Hands the buffer to the operating system, in one write. Readers see the frames from now on. */
    void flush() throws IOException {
        if (buffer.position() > 0) {
            extend(spill(openSegment().length()));
        }
    }

    private void extend(long bytes) {
        segments.extend(openSegment(), bytes, bufferedNext);
        flushedNext = bufferedNext;
        counters.bytes.add(bytes);
    }

    /** Makes everything flushed durable. After an exception, {@link #end} the segment: its state is unknown. */
    void force() throws IOException {
        openFile().force();
        unsynced = false;
    }

    /** Seals the segment. The buffer must be empty. The next frame needs {@link #begin}. */
    void end() {
        if (segment != null) {
            segment.seal();
            closeQuietly(openFile());
            segment = null;
            file = null;
            unsynced = false;
        }
    }

    /**
     * Drops everything that was not flushed, after a failure, and truncates the file to the last flushed frame. Returns
     * false if that fails too: then {@link #force} the flushed frames, if possible, and {@link #end} the segment.
     */
    boolean dropUnwritten() {
        buffer.clear();
        bufferedNext = flushedNext;
        if (segment == null) {
            return true;
        }
        try {
            openFile().truncate(segment.length());
            return true;
        } catch (IOException e) {
            log.warn(
                    "A log segment could not be truncated after a failed write; the log continues in another "
                            + "segment={} length={} reason={}",
                    segment.name(),
                    segment.length(),
                    e.getMessage());
            return false;
        }
    }

    private Segment openSegment() {
        if (segment == null) {
            throw new IllegalStateException("no segment is open");
        }
        return segment;
    }

    private StoredFile openFile() {
        if (file == null) {
            throw new IllegalStateException("no segment is open");
        }
        return file;
    }

    private static void closeQuietly(StoredFile file) {
        try {
            file.close();
        } catch (IOException e) {
            log.debug("A log segment could not be closed", e);
        }
    }
}
