package dev.sluice.buffer;

import dev.sluice.buffer.LogInspection.SegmentInfo;
import dev.sluice.buffer.RecoveryReport.Kind;
import dev.sluice.buffer.Segment.Damage;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * Examines the files of a log, repairs them, and finds where the log continues. The package comment describes the
 * steps. Without {@code repair} it reports the same and changes nothing. An instance is used once, by one thread.
 */
final class Recovery {

    /**
     * The state from which an open log starts.
     *
     * @param clean whether the log was closed cleanly
     * @param unwritten the offsets below {@code nextOffset} that hold no record
     * @param writtenEnd offset after the last one in the newest segment: where the next frame begins
     * @param nextOffset offset of the next append; above {@code writtenEnd} if offsets must not be reused
     * @param files the segments, for people to read
     */
    record Recovered(
            UUID id,
            long epoch,
            boolean clean,
            SegmentSet segments,
            AppendTimes times,
            UnwrittenOffsets unwritten,
            long writtenEnd,
            long nextOffset,
            long committed,
            List<SegmentInfo> files,
            RecoveryReport report) {}

    /**
     * The files of the log.
     *
     * @param position the stored position; empty if there is none of this log
     * @param ours the segments of this log, lowest offset first
     * @param unknown segments of an unknown version
     * @param passedOver the first segment that the program which stored the position could not read; empty if it could
     *     read all
     * @param isNew whether there was nothing of a log
     */
    private record LogFiles(
            UUID id,
            Optional<CommittedPosition> position,
            List<FoundSegment> ours,
            List<FoundSegment> unknown,
            Optional<FoundSegment> passedOver,
            boolean isNew) {
        /** Returns the committed position. It is not beyond a segment that was passed over. */
        long committed() {
            return Math.min(
                    position.map(CommittedPosition::committed).orElse(0L),
                    passedOver.map(segment -> segment.firstOffset).orElse(Long.MAX_VALUE));
        }

        /**
         * Returns whether the next segment is of an earlier version: its program has continued above every offset that
         * this segment could contain.
         */
        boolean isLeapFrom(FoundSegment segment) {
            return ours.stream()
                    .filter(other -> other.firstOffset > segment.firstOffset)
                    .findFirst()
                    .flatMap(other -> other.header)
                    .filter(next -> segment.isBeyond(next.version()))
                    .isPresent();
        }

        long newestEpoch() {
            return Math.max(
                    position.map(CommittedPosition::epoch).orElse(0L),
                    ours.stream().mapToLong(segment -> segment.epoch).max().orElse(0));
        }
    }

    /**
     * Where the log begins and continues.
     *
     * @param firstRetained offset at which the oldest segment begins
     * @param writtenEnd offset after the last one in any segment
     * @param committed everything below it was moved on
     */
    private record Bounds(long firstRetained, long writtenEnd, long committed) {
        long nextOffset() {
            return Math.max(writtenEnd, committed);
        }
    }

    private final Storage storage;
    private final long verifyBytes;
    private final LogDirectory.Progress progress;
    private final FrameWindow window;
    private final Repairs repairs;
    private final SegmentInventory inventory;
    private final List<SegmentInfo> infos = new ArrayList<>();
    private final AppendTimes times = new AppendTimes();
    private final UnwrittenOffsets unwritten = new UnwrittenOffsets();
    private final SegmentSet segments = new SegmentSet();
    private long entries;
    private int verified;

    Recovery(Storage storage, boolean repair, long verifyBytes, int chunkBytes, LogDirectory.Progress progress) {
        this.progress = progress;
        this.storage = storage;
        this.verifyBytes = verifyBytes;
        this.window = new FrameWindow(chunkBytes);
        this.repairs = new Repairs(storage, repair);
        this.inventory = new SegmentInventory(storage, window, repairs);
    }

    Recovered run() throws IOException {
        long start = System.nanoTime();
        var files = identify();
        scan(files);
        decide(files);
        var bounds = bounds(files);
        reportMissingEnd(files, bounds);
        boolean clean = isClosedCleanly(files, bounds);
        long epoch = clean ? files.newestEpoch() : files.newestEpoch() + 1;
        var report = new RecoveryReport(
                clean || files.isNew(),
                epoch,
                segments.count(),
                verified,
                entries,
                bounds.firstRetained(),
                bounds.nextOffset(),
                bounds.committed(),
                window.bytesRead(),
                repairs.cutBytes(),
                repairs.quarantinedBytes(),
                repairs.lostEntries(),
                repairs.findings(),
                Duration.ofNanos(System.nanoTime() - start));
        return new Recovered(
                files.id(),
                epoch,
                clean,
                segments,
                times,
                unwritten,
                bounds.writtenEnd(),
                bounds.nextOffset(),
                bounds.committed(),
                infos,
                report);
    }

    // Phase 1: the files that belong to the log.

    private LogFiles identify() throws IOException {
        var found = inventory.segments();
        var stored = inventory.position();
        var id = inventory.chooseId(found, stored);
        var position = stored.filter(p -> p.id().equals(id));
        boolean isDamaged = repairs.hasFound(Kind.DAMAGED_POSITION);
        if (stored.isPresent() && position.isEmpty()) {
            inventory.setAsidePosition("it belongs to log " + stored.get().id() + ", this is " + id);
        } else if (stored.isEmpty() && !found.isEmpty() && !isDamaged) {
            repairs.report(
                    Kind.MISSING_POSITION, CommittedPosition.FILE, 0, 0, "all that is retained counts as uncommitted");
        }
        var unknown = found.stream().filter(FoundSegment::isOfUnknownVersion).toList();
        boolean isNew = found.isEmpty() && stored.isEmpty() && !isDamaged;
        var ours = inventory.ours(found, id);
        int format = position.map(CommittedPosition::format).orElse(SegmentFormat.VERSION);
        var passedOver =
                ours.stream().filter(segment -> segment.isBeyond(format)).findFirst();
        passedOver.ifPresent(segment -> repairs.report(
                Kind.PASSED_OVER,
                segment.name,
                0,
                segment.size,
                "a program that knows format version " + format
                        + " had the log open and could not read it; all from here on counts as uncommitted"));
        return new LogFiles(id, position, ours, unknown, passedOver, isNew);
    }

    // Phase 2: the contents of the segments.

    private void scan(LogFiles files) {
        long budget = verifyBytes;
        var ours = files.ours();
        long total = ours.stream().mapToLong(segment -> segment.size).sum();
        long done = 0;
        for (int i = ours.size() - 1; i >= 0; i--) {
            var segment = ours.get(i);
            boolean isNewest = i == ours.size() - 1;
            long end = isNewest ? Long.MAX_VALUE : ours.get(i + 1).firstOffset;
            budget -= isNewest ? 0 : segment.size;
            progress.at(done, total);
            done += segment.size;
            if (segment.unreadable || (!isNewest && (budget < 0 || end <= files.committed()))) {
                continue;
            }
            try (var file = storage.open(segment.name, false)) {
                window.open(file);
                segment.scan =
                        SegmentScan.of(window, segment.size, LogId.tag(files.id()), segment.firstOffset, end, times);
                segment.epoch = Math.max(segment.epoch, segment.scan.epoch());
                entries += segment.scan.entries();
                verified++;
            } catch (IOException e) {
                inventory.unreadable(segment, e);
            }
        }
    }

    // Phase 3: the repairs of each segment.

    private void decide(LogFiles files) throws IOException {
        var ours = files.ours();
        long epoch = 1;
        for (int i = 0; i < ours.size(); i++) {
            var found = ours.get(i);
            boolean isNewest = i == ours.size() - 1;
            long end = isNewest ? end(found) : ours.get(i + 1).firstOffset;
            epoch = Math.max(epoch, found.epoch);
            var segment = new Segment(found.firstOffset, epoch, length(found), end, true);
            if (found.unreadable || found.keep) {
                segment.keep();
            }
            if (found.scan == null) {
                decideUnread(found, isNewest);
            } else {
                decideRead(found, found.scan, segment, isNewest, files);
            }
            segments.add(segment);
            infos.add(new SegmentInfo(
                    found.name,
                    found.firstOffset,
                    end,
                    found.size,
                    epoch,
                    found.scan == null ? OptionalLong.empty() : OptionalLong.of(found.scan.entries()),
                    Instant.ofEpochMilli(found.createdAtMillis())));
        }
    }

    private static long length(FoundSegment found) {
        return found.scan == null ? found.size : found.scan.validEnd();
    }

    private void decideUnread(FoundSegment found, boolean isNewest) throws IOException {
        if (isNewest) {
            repairs.sync(found.name);
        }
        times.add(found.firstOffset, found.createdAtMillis());
    }

    private void decideRead(FoundSegment found, SegmentScan scan, Segment segment, boolean isNewest, LogFiles files)
            throws IOException {
        scan.unwritten().forEach(unwritten::add);
        decideDamages(found, scan, segment);
        if (isNewest) {
            decideNewestTail(found, scan, segment);
        } else {
            unwritten.add(scan.nextOffset(), segment.nextOffset());
            decideOlderTail(found, scan, segment);
            reportGap(found, scan, segment.nextOffset(), files);
        }
    }

    private void reportGap(FoundSegment found, SegmentScan scan, long end, LogFiles files) {
        boolean isExplained = scan.tail() == SegmentScan.Tail.ABANDONED
                || files.unknown().stream()
                        .anyMatch(file -> file.firstOffset > found.firstOffset && file.firstOffset < end)
                || files.isLeapFrom(found);
        if (scan.nextOffset() < end && !isExplained && scan.validEnd() == found.size) {
            long missing = end - scan.nextOffset();
            repairs.countLost(missing);
            repairs.report(
                    Kind.MISSING_ENTRIES,
                    found.name,
                    scan.validEnd(),
                    0,
                    missing + " offsets from " + scan.nextOffset() + " are in no segment");
        }
    }

    private void decideDamages(FoundSegment found, SegmentScan scan, Segment segment) {
        for (var damage : scan.damages()) {
            segment.addDamage(damage);
            repairs.countLost(damage.lost());
            if (damage.to() == damage.from()) {
                repairs.report(
                        Kind.MISSING_ENTRIES,
                        found.name,
                        damage.from(),
                        0,
                        damage.lost() + " offsets are missing before this frame");
            } else {
                setAside(found, damage, segment, damage.lost() + " entries lost");
            }
        }
    }

    private void setAside(FoundSegment found, Damage damage, Segment segment, String detail) {
        repairs.report(Kind.DAMAGED_FRAMES, found.name, damage.from(), damage.to() - damage.from(), detail);
        if (!repairs.copy(found.name, damage.from(), damage.to())) {
            segment.keep();
        }
    }

    private void decideOlderTail(FoundSegment found, SegmentScan scan, Segment segment) {
        long from = scan.validEnd();
        if (scan.tail() == SegmentScan.Tail.NONE || from >= found.size) {
            return;
        }
        long lost = segment.nextOffset() - scan.nextOffset();
        if (lost == 0 || scan.tail() == SegmentScan.Tail.ABANDONED) {
            repairs.report(Kind.ABANDONED_TAIL, found.name, from, found.size - from, "left by a failed write; skipped");
        }
        if (lost > 0) {
            repairs.countLost(lost);
            var damage = new Damage(from, found.size, lost);
            segment.addDamage(damage);
            setAside(found, damage, segment, lost + " entries lost");
        }
    }

    private void decideNewestTail(FoundSegment found, SegmentScan scan, Segment segment) throws IOException {
        long from = scan.validEnd();
        long bytes = found.size - from;
        if (scan.tail() == SegmentScan.Tail.NONE || bytes <= 0) {
            repairs.sync(found.name); // What a killed process wrote becomes durable.
            return;
        }
        var kind = switch (scan.tail()) {
            case ZERO -> Kind.ZERO_TAIL;
            case DAMAGED -> Kind.DAMAGED_TAIL;
            default -> Kind.TORN_TAIL;
        };
        repairs.report(kind, found.name, from, bytes, "cut; the log continues at offset " + scan.nextOffset());
        if (kind == Kind.DAMAGED_TAIL && !repairs.copy(found.name, from, found.size)) {
            segment.keep(); // Not cut: the log continues in another segment anyway.
            repairs.sync(found.name);
        } else {
            repairs.cut(found.name, from, bytes);
        }
    }

    private static long end(FoundSegment found) {
        return found.scan == null ? found.offsetBound() : found.scan.nextOffset();
    }

    // Phase 4: the place where the log continues.

    private Bounds bounds(LogFiles files) {
        var ours = files.ours();
        long writtenEnd = ours.isEmpty() ? files.committed() : end(ours.get(ours.size() - 1));
        for (var file : files.unknown()) {
            writtenEnd = Math.max(writtenEnd, file.offsetBound());
        }
        long firstRetained = ours.isEmpty() ? writtenEnd : ours.get(0).firstOffset;
        return new Bounds(firstRetained, writtenEnd, committed(files, firstRetained, writtenEnd));
    }

    private long committed(LogFiles files, long firstRetained, long writtenEnd) {
        if (files.position().isEmpty()) {
            return firstRetained;
        }
        long committed = files.committed();
        if (committed > writtenEnd) {
            repairs.report(
                    Kind.POSITION_AHEAD,
                    CommittedPosition.FILE,
                    0,
                    0,
                    "committed up to " + committed + ", the data ends at " + writtenEnd);
        } else if (committed < firstRetained && !files.ours().isEmpty()) {
            repairs.countLost(firstRetained - committed);
            repairs.report(
                    Kind.POSITION_BEHIND,
                    CommittedPosition.FILE,
                    0,
                    0,
                    "committed up to " + committed + ", the oldest segment begins at " + firstRetained
                            + ": the position is old, or segments are missing");
            return firstRetained;
        }
        return committed;
    }

    private void reportMissingEnd(LogFiles files, Bounds bounds) {
        long closedAt = files.position().map(CommittedPosition::cleanEnd).orElse(CommittedPosition.OPEN);
        long missing = closedAt - bounds.nextOffset();
        if (missing > 0 && files.passedOver().isEmpty()) {
            repairs.countLost(missing);
            repairs.report(
                    Kind.MISSING_ENTRIES,
                    CommittedPosition.FILE,
                    0,
                    0,
                    missing + " offsets below " + closedAt + ", where the log was closed, are in no segment");
        }
    }

    private static boolean isClosedCleanly(LogFiles files, Bounds bounds) {
        var position = files.position();
        var ours = files.ours();
        return position.isPresent()
                && position.get().cleanEnd() == bounds.writtenEnd()
                && position.get().epoch() == files.newestEpoch()
                && bounds.committed() <= bounds.writtenEnd()
                && files.unknown().isEmpty()
                && files.passedOver().isEmpty()
                && (ours.isEmpty() || !ours.get(ours.size() - 1).unreadable);
    }
}
