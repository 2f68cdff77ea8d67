package dev.sluice.buffer;

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
 * Finds out what a log directory holds, and mends it. The steps are in the package comment. With {@code mend} off it
 * looks and reports the same without changing anything. Used once; one thread.
 */
final class Recovery {

    /**
     * What an open log starts from.
     *
     * @param clean whether the log was closed cleanly, so the newest segment may be continued
     * @param writtenEnd offset after the last one in the newest segment: where the next frame begins
     * @param files the segments, as people want to see them
     * @param nextOffset offset of the next append; beyond {@code writtenEnd} if offsets must not be used again
     * @param unwritten the offsets below it that hold no record
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

    private final Storage storage;
    private final long verifyBytes;
    private final LogDirectory.Progress progress;
    private final FrameWindow window;
    private final Repairs mending;
    private final SegmentInventory inventory;
    private final List<SegmentInfo> found = new ArrayList<>();
    private final AppendTimes times = new AppendTimes();
    private final UnwrittenOffsets unwritten = new UnwrittenOffsets();
    private final SegmentSet segments = new SegmentSet();
    private long entries;
    private int verified;

    Recovery(Storage storage, boolean mend, long verifyBytes, int chunkBytes, LogDirectory.Progress progress) {
        this.progress = progress;
        this.storage = storage;
        this.verifyBytes = verifyBytes;
        this.window = new FrameWindow(chunkBytes);
        this.mending = new Repairs(storage, mend);
        this.inventory = new SegmentInventory(storage, window, mending);
    }

    Recovered run() throws IOException {
        long start = System.nanoTime();
        var candidates = inventory.candidates();
        var stored = inventory.position();
        var id = inventory.chooseId(candidates, stored);
        var position = stored.filter(p -> p.id().equals(id));
        if (stored.isPresent() && position.isEmpty()) {
            inventory.setAsidePosition("it belongs to log " + stored.get().id() + ", this is " + id);
        } else if (stored.isEmpty() && !candidates.isEmpty() && !mending.hasFound(Kind.DAMAGED_POSITION)) {
            mending.find(
                    Kind.MISSING_POSITION, CommittedPosition.FILE, 0, 0, "all that is retained counts as uncommitted");
        }
        var unknown =
                candidates.stream().filter(FoundSegment::isOfUnknownVersion).toList();
        var ours = inventory.ours(candidates, id);
        var committedBefore = position.map(CommittedPosition::committed).orElse(0L);
        scan(ours, id, committedBefore);
        judge(ours, unknown);

        long writtenEnd = ours.isEmpty() ? 0 : end(ours.get(ours.size() - 1));
        for (var file : unknown) {
            if (file.offsetBound() > writtenEnd) {
                writtenEnd = file.offsetBound();
            }
        }
        if (ours.isEmpty()) {
            writtenEnd = Math.max(writtenEnd, committedBefore);
        }
        long firstRetained = ours.isEmpty() ? writtenEnd : ours.get(0).firstOffset;
        long committed = committed(position, firstRetained, writtenEnd, ours.isEmpty());
        long newestEpoch = Math.max(
                position.map(CommittedPosition::epoch).orElse(0L),
                ours.stream().mapToLong(segment -> segment.epoch).max().orElse(0));
        long closedAt = position.map(CommittedPosition::cleanEnd).orElse(CommittedPosition.OPEN);
        if (closedAt > Math.max(writtenEnd, committed)) {
            long missing = closedAt - Math.max(writtenEnd, committed);
            mending.lost(missing);
            mending.find(
                    Kind.MISSING_ENTRIES,
                    CommittedPosition.FILE,
                    0,
                    0,
                    missing + " offsets below " + closedAt + ", where the log was closed, are in no segment");
        }
        boolean isNew = candidates.isEmpty() && stored.isEmpty() && !mending.hasFound(Kind.DAMAGED_POSITION);
        boolean clean = isClosedCleanly(position, ours, unknown, newestEpoch, writtenEnd, committed);
        long epoch = clean ? newestEpoch : newestEpoch + 1;
        var report = new RecoveryReport(
                clean || isNew,
                epoch,
                segments.count(),
                verified,
                entries,
                firstRetained,
                Math.max(writtenEnd, committed),
                committed,
                window.bytesRead(),
                mending.cutBytes(),
                mending.quarantinedBytes(),
                mending.lostEntries(),
                mending.findings(),
                Duration.ofNanos(System.nanoTime() - start));
        return new Recovered(
                id,
                epoch,
                clean,
                segments,
                times,
                unwritten,
                writtenEnd,
                Math.max(writtenEnd, committed),
                committed,
                found,
                report);
    }

    // What is in them.

    private void scan(List<FoundSegment> ours, UUID id, long committed) {
        long budget = verifyBytes;
        long total = ours.stream().mapToLong(segment -> segment.size).sum();
        long done = 0;
        for (int i = ours.size() - 1; i >= 0; i--) {
            var segment = ours.get(i);
            boolean isNewest = i == ours.size() - 1;
            long end = isNewest ? Long.MAX_VALUE : ours.get(i + 1).firstOffset;
            budget -= isNewest ? 0 : segment.size;
            progress.at(done, total);
            done += segment.size;
            if (segment.unreadable || (!isNewest && (budget < 0 || end <= committed))) {
                continue;
            }
            try (var file = storage.open(segment.name, false)) {
                window.open(file);
                segment.scan = SegmentScan.of(window, segment.size, LogId.tag(id), segment.firstOffset, end, times);
                segment.epoch = Math.max(segment.epoch, segment.scan.epoch());
                entries += segment.scan.entries();
                verified++;
            } catch (IOException e) {
                inventory.unreadable(segment, e);
            }
        }
    }

    private void judge(List<FoundSegment> ours, List<FoundSegment> unknown) throws IOException {
        long epoch = 1;
        for (int i = 0; i < ours.size(); i++) {
            var candidate = ours.get(i);
            boolean isNewest = i == ours.size() - 1;
            long end = isNewest ? end(candidate) : ours.get(i + 1).firstOffset;
            long length = candidate.size;
            epoch = Math.max(epoch, candidate.epoch);
            var scan = candidate.scan;
            var segment = new Segment(candidate.firstOffset, epoch, scan == null ? length : scan.validEnd(), end, true);
            if (candidate.unreadable || candidate.keep) {
                segment.keep();
            }
            if (scan == null && isNewest) {
                mending.cut(candidate.name, candidate.size, 0); // Only to make it durable.
            }
            if (scan == null) {
                times.add(
                        candidate.firstOffset,
                        candidate.header.map(h -> h.createdAtMillis()).orElse(0L));
            } else {
                scan.unwritten().forEach(unwritten::add);
                if (!isNewest) {
                    unwritten.add(scan.nextOffset(), end);
                }
                judgeDamages(candidate, scan, segment);
                judgeTail(candidate, scan, segment, isNewest);
                boolean explained = scan.tail() == SegmentScan.Tail.ABANDONED
                        || unknown.stream()
                                .anyMatch(file -> file.firstOffset > candidate.firstOffset && file.firstOffset < end);
                if (!isNewest && scan.nextOffset() < end && !explained && scan.validEnd() == candidate.size) {
                    long missing = end - scan.nextOffset();
                    mending.lost(missing);
                    mending.find(
                            Kind.MISSING_ENTRIES,
                            candidate.name,
                            scan.validEnd(),
                            0,
                            missing + " offsets from " + scan.nextOffset() + " are in no segment");
                }
            }
            segments.add(segment);
            found.add(new SegmentInfo(
                    candidate.name,
                    candidate.firstOffset,
                    end,
                    candidate.size,
                    epoch,
                    scan == null ? OptionalLong.empty() : OptionalLong.of(scan.entries()),
                    Instant.ofEpochMilli(
                            candidate.header.map(h -> h.createdAtMillis()).orElse(0L))));
        }
    }

    private void judgeDamages(FoundSegment candidate, SegmentScan scan, Segment segment) {
        for (var damage : scan.damages()) {
            segment.addDamage(damage);
            mending.lost(damage.lost());
            if (damage.to() == damage.from()) {
                mending.find(
                        Kind.MISSING_ENTRIES,
                        candidate.name,
                        damage.from(),
                        0,
                        damage.lost() + " offsets are missing before this frame");
            } else {
                setAside(candidate, damage, segment, damage.lost() + " entries lost");
            }
        }
    }

    private void setAside(FoundSegment candidate, Damage damage, Segment segment, String detail) {
        mending.find(Kind.DAMAGED_FRAMES, candidate.name, damage.from(), damage.to() - damage.from(), detail);
        if (!mending.copy(candidate.name, damage.from(), damage.to())) {
            segment.keep();
        }
    }

    private void judgeTail(FoundSegment candidate, SegmentScan scan, Segment segment, boolean isNewest)
            throws IOException {
        long from = scan.validEnd();
        long bytes = candidate.size - from;
        if (scan.tail() == SegmentScan.Tail.NONE || bytes <= 0) {
            if (isNewest) {
                mending.cut(candidate.name, candidate.size, 0); // Only to make durable what a killed process wrote.
            }
            return;
        }
        if (!isNewest) {
            long lost = segment.nextOffset() - scan.nextOffset();
            if (lost == 0 || scan.tail() == SegmentScan.Tail.ABANDONED) {
                mending.find(Kind.ABANDONED_TAIL, candidate.name, from, bytes, "left by a failed write; passed over");
            }
            if (lost > 0) {
                mending.lost(lost);
                var damage = new Damage(from, candidate.size, lost);
                segment.addDamage(damage);
                setAside(candidate, damage, segment, lost + " entries lost");
            }
            return;
        }
        var kind = switch (scan.tail()) {
            case ZERO -> Kind.ZERO_TAIL;
            case DAMAGED -> Kind.DAMAGED_TAIL;
            default -> Kind.TORN_TAIL;
        };
        mending.find(kind, candidate.name, from, bytes, "cut; the log goes on at offset " + scan.nextOffset());
        if (kind == Kind.DAMAGED_TAIL && !mending.copy(candidate.name, from, candidate.size)) {
            segment.keep(); // Not cut: the log goes on in another segment anyway.
            mending.cut(candidate.name, candidate.size, 0);
        } else {
            mending.cut(candidate.name, from, bytes);
        }
    }

    private static long end(FoundSegment candidate) {
        return candidate.scan == null ? candidate.offsetBound() : candidate.scan.nextOffset();
    }

    // Where to go on.

    private long committed(Optional<CommittedPosition> position, long firstRetained, long writtenEnd, boolean isEmpty) {
        if (position.isEmpty()) {
            return firstRetained;
        }
        long committed = position.get().committed();
        if (committed > writtenEnd) {
            mending.find(
                    Kind.POSITION_AHEAD,
                    CommittedPosition.FILE,
                    0,
                    0,
                    "committed up to " + committed + ", the data ends at " + writtenEnd);
        } else if (committed < firstRetained && !isEmpty) {
            mending.lost(firstRetained - committed);
            mending.find(
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

    private static boolean isClosedCleanly(
            Optional<CommittedPosition> position,
            List<FoundSegment> ours,
            List<FoundSegment> unknown,
            long newestEpoch,
            long writtenEnd,
            long committed) {
        return position.isPresent()
                && position.get().cleanEnd() == writtenEnd
                && position.get().epoch() == newestEpoch
                && committed <= writtenEnd
                && unknown.isEmpty()
                && (ours.isEmpty() || !ours.get(ours.size() - 1).unreadable);
    }
}
