package dev.sluice.buffer;

import java.util.Collection;
import java.util.Collections;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;

/** The segments of an open log, by first offset, and the bytes they take. Thread-safe. */
final class SegmentSet {
    private final ConcurrentSkipListMap<Long, Segment> byFirstOffset = new ConcurrentSkipListMap<>();
    private final AtomicLong bytes = new AtomicLong();

    void add(Segment segment) {
        if (byFirstOffset.putIfAbsent(segment.firstOffset(), segment) != null) {
            throw new IllegalStateException("segment " + segment.name() + " is present already");
        }
        bytes.addAndGet(segment.length());
    }

    void remove(Segment segment) {
        if (byFirstOffset.remove(segment.firstOffset(), segment)) {
            bytes.addAndGet(-segment.length());
        }
    }

    void extend(Segment segment, long added, long nextOffset) {
        segment.extend(added, nextOffset);
        bytes.addAndGet(added);
    }

    /** Returns the sum of the lengths of all segments. */
    long bytes() {
        return bytes.get();
    }

    int count() {
        return byFirstOffset.size();
    }

    Collection<Segment> all() {
        return Collections.unmodifiableCollection(byFirstOffset.values());
    }

    /** Returns the segment that holds the offset, or else the next higher segment, or else the next lower one. */
    Optional<Segment> at(long offset) {
        var entry = byFirstOffset.floorEntry(offset);
        if (entry != null
                && (offset < entry.getValue().nextOffset() || !entry.getValue().isSealed())) {
            return Optional.of(entry.getValue());
        }
        var after = byFirstOffset.higherEntry(offset);
        if (after != null) {
            return Optional.of(after.getValue());
        }
        return Optional.ofNullable(entry).map(found -> found.getValue());
    }

    Optional<Segment> oldest() {
        return Optional.ofNullable(byFirstOffset.firstEntry()).map(entry -> entry.getValue());
    }
}
