package dev.sluice.buffer;

import dev.sluice.buffer.RecoveryReport.Kind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** What lies in a log directory, and which of it belongs to the log: the first half of {@link Recovery}. */
final class SegmentInventory {
    private final Storage storage;
    private final FrameWindow window;
    private final Repairs mending;

    SegmentInventory(Storage storage, FrameWindow window, Repairs mending) {
        this.storage = storage;
        this.window = window;
        this.mending = mending;
    }

    /** Lists the files named like segments, lowest offset first, with their headers. */
    List<FoundSegment> candidates() throws IOException {
        var found = new ArrayList<FoundSegment>();
        for (var name : storage.list("")) {
            var first = SegmentFormat.firstOffset(name);
            if (first.isPresent()) {
                var candidate = new FoundSegment(name, first.getAsLong());
                readHeader(candidate);
                found.add(candidate);
            } else if (!isOwnFile(name)) {
                mending.find(Kind.FOREIGN_FILE, name, 0, 0, "not made by this log; left alone");
            }
        }
        return found; // Storage#list is sorted by name, so this is sorted by offset.
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

    /** A file that cannot even be opened is a matter of permissions or handles, not of contents: that is thrown. */
    private void readHeader(FoundSegment candidate) throws IOException {
        try (var file = storage.open(candidate.name, false)) {
            candidate.size = file.size();
            try {
                candidate.header = SegmentFormat.decodeHeader(read(file, SegmentFormat.HEADER_BYTES));
                candidate.header.ifPresent(header -> candidate.epoch = header.epoch());
            } catch (IOException e) {
                unreadable(candidate, e);
            }
        }
    }

    void unreadable(FoundSegment candidate, IOException problem) {
        candidate.unreadable = true;
        mending.find(
                Kind.UNREADABLE_SEGMENT,
                candidate.name,
                0,
                candidate.size,
                "reading it failed, so it will be kept: " + problem.getMessage());
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
            setAsidePosition("its checksum does not hold");
        }
        return position;
    }

    void setAsidePosition(String reason) {
        mending.find(Kind.DAMAGED_POSITION, CommittedPosition.FILE, 0, CommittedPosition.BYTES, reason);
        mending.copyPosition();
    }

    /** The id that most headers state; then the position's; then what the first frame anywhere says; then a new one. */
    UUID chooseId(List<FoundSegment> candidates, Optional<CommittedPosition> position) throws IOException {
        var votes = new HashMap<UUID, Integer>();
        position.ifPresent(p -> votes.put(p.id(), 1));
        for (var candidate : candidates) {
            if (candidate.header.isPresent() && !candidate.isOfUnknownVersion()) {
                votes.merge(candidate.header.get().id(), 2, Integer::sum);
            }
        }
        var winner = votes.entrySet().stream()
                .max((a, b) -> a.getValue().equals(b.getValue())
                        ? a.getKey().compareTo(b.getKey())
                        : a.getValue() - b.getValue());
        if (winner.isPresent()) {
            return winner.get().getKey();
        }
        for (var candidate : candidates) {
            if (!candidate.unreadable
                    && candidate.size >= SegmentFormat.HEADER_BYTES + SegmentFormat.FRAME_HEADER_BYTES) {
                try (var file = storage.open(candidate.name, false)) {
                    var bytes = read(file, SegmentFormat.HEADER_BYTES + SegmentFormat.FRAME_HEADER_BYTES);
                    long tag = bytes.getLong(SegmentFormat.HEADER_BYTES + SegmentFormat.TAG_AT);
                    window.open(file);
                    if (LogId.isValid(LogId.fromTag(tag))
                            && window.check(SegmentFormat.HEADER_BYTES, candidate.size, tag)
                                    == FrameWindow.Verdict.VALID) {
                        return LogId.fromTag(tag);
                    }
                }
            }
        }
        return LogId.random();
    }

    /** Sets aside what is not of this log, and returns what is. */
    List<FoundSegment> ours(List<FoundSegment> candidates, UUID id) {
        var ours = new ArrayList<FoundSegment>();
        for (var candidate : candidates) {
            try {
                if (candidate.unreadable || isOurs(candidate, id)) {
                    ours.add(candidate);
                }
            } catch (IOException e) {
                unreadable(candidate, e);
                ours.add(candidate);
            }
        }
        return ours;
    }

    private boolean isOurs(FoundSegment candidate, UUID id) throws IOException {
        if (candidate.isOfUnknownVersion()) {
            int version = candidate.header.orElseThrow().version();
            mending.find(
                    Kind.UNKNOWN_VERSION,
                    candidate.name,
                    0,
                    candidate.size,
                    "format version " + version + "; left alone");
            return false;
        }
        if (candidate.header.isPresent()) {
            var header = candidate.header.get();
            if (!header.id().equals(id)) {
                setAside(candidate, "it belongs to log " + header.id() + ", this is " + id);
                return false;
            }
            if (header.firstOffset() != candidate.firstOffset) {
                setAside(candidate, "its header says it begins at offset " + header.firstOffset());
                return false;
            }
            return true;
        }
        try (var file = storage.open(candidate.name, false)) {
            window.open(file);
            if (window.isZero(0, candidate.size)) {
                deleteEmpty(candidate, candidate.size == 0 ? "it is empty" : "it is all zero bytes");
                return false;
            }
            long frame = window.find(
                    Math.min(SegmentFormat.HEADER_BYTES, candidate.size),
                    candidate.size,
                    LogId.tag(id),
                    candidate.firstOffset,
                    Long.MAX_VALUE);
            if (frame >= 0) {
                candidate.epoch = window.frame().epoch();
                mending.find(
                        Kind.DAMAGED_HEADER, candidate.name, 0, SegmentFormat.HEADER_BYTES, "its frames were kept");
                candidate.keep = !mending.copy(candidate.name, 0, SegmentFormat.HEADER_BYTES);
                return true;
            }
        }
        if (candidate.size <= SegmentFormat.HEADER_BYTES) {
            deleteEmpty(candidate, "its header is incomplete and nothing follows");
        } else {
            setAside(candidate, "neither its header nor anything in it is of this log");
        }
        return false;
    }

    private void setAside(FoundSegment candidate, String reason) throws IOException {
        mending.find(Kind.FOREIGN_SEGMENT, candidate.name, 0, candidate.size, reason);
        mending.move(candidate.name, candidate.size);
    }

    private void deleteEmpty(FoundSegment candidate, String reason) throws IOException {
        mending.find(Kind.HALF_CREATED_SEGMENT, candidate.name, 0, candidate.size, reason);
        mending.delete(candidate.name);
    }
}
