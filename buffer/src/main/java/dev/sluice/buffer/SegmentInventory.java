package dev.sluice.buffer;

import dev.sluice.buffer.RecoveryReport.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** Lists the files of a log directory and decides which of them belong to the log: phase 1 of {@link Recovery}. */
final class SegmentInventory {
    private final Storage storage;
    private final FrameWindow window;
    private final Repairs repairs;

    SegmentInventory(Storage storage, FrameWindow window, Repairs repairs) {
        this.storage = storage;
        this.window = window;
        this.repairs = repairs;
    }

    /** Lists the files named like segments, lowest offset first, with their headers. */
    List<FoundSegment> segments() throws IOException {
        var found = new ArrayList<FoundSegment>();
        for (var name : storage.list("")) {
            var first = SegmentFormat.firstOffset(name);
            if (first.isPresent()) {
                var segment = new FoundSegment(name, first.getAsLong());
                readHeader(segment);
                found.add(segment);
            } else if (!isOwnFile(name)) {
                repairs.report(Kind.FOREIGN_FILE, name, 0, 0, "not made by this log; left alone");
            }
        }
        return found; // Sorted by name, and therefore by offset.
    }

    private static boolean isOwnFile(String name) {
        return switch (name) {
            case CommittedPosition.FILE,
                    CommittedPosition.FILE + AtomicFile.SUFFIX,
                    DiskStorage.LOCK_FILE,
                    Reserve.FILE,
                    Quarantine.DIRECTORY + "/" -> true;
            default -> false;
        };
    }

    /** Reads the header. If the file cannot even be opened, permissions or handles are the cause, so this throws. */
    private void readHeader(FoundSegment segment) throws IOException {
        try (var file = storage.open(segment.name, false)) {
            segment.size = file.size();
            try {
                segment.header = SegmentFormat.decodeHeader(read(file, SegmentFormat.HEADER_BYTES));
                segment.header.ifPresent(header -> segment.epoch = header.epoch());
            } catch (IOException e) {
                unreadable(segment, e);
            }
        }
    }

    void unreadable(FoundSegment segment, IOException problem) {
        segment.unreadable = true;
        repairs.report(
                Kind.UNREADABLE_SEGMENT,
                segment.name,
                0,
                segment.size,
                "it could not be read and will be kept: " + problem.getMessage());
    }

    private static ByteBuffer read(StoredFile file, int bytes) throws IOException {
        var buffer = ByteBuffer.allocate(bytes);
        while (buffer.hasRemaining() && file.read(buffer, buffer.position()) >= 0) {}
        return buffer.flip();
    }

    /** Reads the position; empty if there is none or it is damaged. */
    Optional<CommittedPosition> position() throws IOException {
        if (!storage.list("").contains(CommittedPosition.FILE)) {
            return Optional.empty();
        }
        ByteBuffer bytes;
        try (var file = storage.open(CommittedPosition.FILE, false)) {
            bytes = read(file, CommittedPosition.BYTES + 1);
        }
        var position = CommittedPosition.decode(bytes);
        if (position.isEmpty()) {
            setAsidePosition("its checksum is wrong");
        }
        return position;
    }

    void setAsidePosition(String reason) {
        repairs.report(Kind.DAMAGED_POSITION, CommittedPosition.FILE, 0, CommittedPosition.BYTES, reason);
        repairs.copyPosition();
    }

    /**
     * Returns the id that most headers state; or else that of the position; or else that of the first frame in any
     * segment; or else a new one.
     */
    UUID chooseId(List<FoundSegment> found, Optional<CommittedPosition> position) throws IOException {
        var votes = new HashMap<UUID, Integer>();
        position.ifPresent(p -> votes.put(p.id(), 1));
        for (var segment : found) {
            if (segment.header.isPresent() && !segment.isOfUnknownVersion()) {
                votes.merge(segment.header.get().id(), 2, Integer::sum);
            }
        }
        var winner = votes.entrySet().stream()
                .max((a, b) -> a.getValue().equals(b.getValue())
                        ? a.getKey().compareTo(b.getKey())
                        : a.getValue() - b.getValue());
        if (winner.isPresent()) {
            return winner.get().getKey();
        }
        for (var segment : found) {
            if (!segment.unreadable && segment.size >= SegmentFormat.HEADER_BYTES + SegmentFormat.FRAME_HEADER_BYTES) {
                try (var file = storage.open(segment.name, false)) {
                    var bytes = read(file, SegmentFormat.HEADER_BYTES + SegmentFormat.FRAME_HEADER_BYTES);
                    long tag = bytes.getLong(SegmentFormat.HEADER_BYTES + SegmentFormat.TAG_AT);
                    window.open(file);
                    if (LogId.isValid(LogId.fromTag(tag))
                            && window.check(SegmentFormat.HEADER_BYTES, segment.size, tag)
                                    == FrameWindow.Verdict.VALID) {
                        return LogId.fromTag(tag);
                    }
                }
            }
        }
        return LogId.random();
    }

    /** Returns the segments of this log; sets the others aside. */
    List<FoundSegment> ours(List<FoundSegment> found, UUID id) {
        var ours = new ArrayList<FoundSegment>();
        for (var segment : found) {
            try {
                if (segment.unreadable || isOurs(segment, id)) {
                    ours.add(segment);
                }
            } catch (IOException e) {
                unreadable(segment, e);
                ours.add(segment);
            }
        }
        return ours;
    }

    private boolean isOurs(FoundSegment segment, UUID id) throws IOException {
        if (segment.isOfUnknownVersion()) {
            int version = segment.header.orElseThrow().version();
            repairs.report(
                    Kind.UNKNOWN_VERSION, segment.name, 0, segment.size, "format version " + version + "; left alone");
            return false;
        }
        if (segment.header.isPresent()) {
            var header = segment.header.get();
            if (!header.id().equals(id)) {
                setAside(segment, "it belongs to log " + header.id() + ", this is " + id);
                return false;
            }
            if (header.firstOffset() != segment.firstOffset) {
                setAside(segment, "its header says it begins at offset " + header.firstOffset());
                return false;
            }
            return true;
        }
        try (var file = storage.open(segment.name, false)) {
            window.open(file);
            if (window.isZero(0, segment.size)) {
                deleteEmpty(segment, segment.size == 0 ? "it is empty" : "it is all zero bytes");
                return false;
            }
            long frame = window.find(
                    Math.min(SegmentFormat.HEADER_BYTES, segment.size),
                    segment.size,
                    LogId.tag(id),
                    segment.firstOffset,
                    Long.MAX_VALUE);
            if (frame >= 0) {
                segment.epoch = window.frame().epoch();
                repairs.report(
                        Kind.DAMAGED_HEADER, segment.name, 0, SegmentFormat.HEADER_BYTES, "its frames were kept");
                segment.keep = !repairs.copy(segment.name, 0, SegmentFormat.HEADER_BYTES);
                return true;
            }
        }
        if (segment.size <= SegmentFormat.HEADER_BYTES) {
            deleteEmpty(segment, "its header is incomplete and nothing follows");
        } else {
            setAside(segment, "neither its header nor anything in it is of this log");
        }
        return false;
    }

    private void setAside(FoundSegment segment, String reason) throws IOException {
        repairs.report(Kind.FOREIGN_SEGMENT, segment.name, 0, segment.size, reason);
        repairs.move(segment.name, segment.size);
    }

    private void deleteEmpty(FoundSegment segment, String reason) throws IOException {
        repairs.report(Kind.HALF_CREATED_SEGMENT, segment.name, 0, segment.size, reason);
        repairs.delete(segment.name);
    }
}
