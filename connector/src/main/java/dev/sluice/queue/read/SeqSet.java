package dev.sluice.queue.read;

import java.util.ArrayList;
import java.util.List;

/**
 * A set of seqs, kept as disjoint, ordered ranges: the {@code acked} multirange of a cursor. Immutable.
 *
 * <p>Its text is that of PostgreSQL: {@code {[4,7),[9,10)}}, without the upper bounds (PostgreSQL documentation §8.17).
 */
final class SeqSet {
    static final SeqSet EMPTY = new SeqSet(List.of());

    private final List<Range> ranges;

    private SeqSet(List<Range> ranges) {
        this.ranges = ranges;
    }

    /** Seqs from {@code first} to {@code last}, both included. */
    private record Range(long first, long last) {}

    /** Parses the text of an {@code int8multirange}. */
    static SeqSet parse(String text) {
        if (text.equals("{}")) {
            return EMPTY;
        }
        var ranges = new ArrayList<Range>();
        int at = 1;
        while (at < text.length() && text.charAt(at) == '[') {
            int comma = text.indexOf(',', at);
            int close = text.indexOf(')', comma);
            ranges.add(
                    new Range(Long.parseLong(text, at + 1, comma, 10), Long.parseLong(text, comma + 1, close, 10) - 1));
            at = close + 2;
        }
        return new SeqSet(List.copyOf(ranges));
    }

    boolean isEmpty() {
        return ranges.isEmpty();
    }

    boolean contains(long seq) {
        for (Range range : ranges) {
            if (seq >= range.first() && seq <= range.last()) {
                return true;
            }
        }
        return false;
    }

    /** Returns this set and all seqs from {@code first} to {@code last}. */
    SeqSet with(long first, long last) {
        var merged = new ArrayList<Range>(ranges.size() + 1);
        long low = first;
        long high = last;
        for (Range range : ranges) {
            if (range.last() + 1 < low) {
                merged.add(range);
            } else if (range.first() > high + 1) {
                merged.add(new Range(low, high));
                low = range.first();
                high = range.last();
            } else {
                low = Math.min(low, range.first());
                high = Math.max(high, range.last());
            }
        }
        merged.add(new Range(low, high));
        return new SeqSet(List.copyOf(merged));
    }

    /** Returns the union of this set and another one. */
    SeqSet with(SeqSet other) {
        SeqSet union = this;
        for (Range range : other.ranges) {
            union = union.with(range.first(), range.last());
        }
        return union;
    }

    /** Returns this set without {@code seq}. */
    SeqSet without(long seq) {
        var kept = new ArrayList<Range>(ranges.size() + 1);
        for (Range range : ranges) {
            if (seq < range.first() || seq > range.last()) {
                kept.add(range);
                continue;
            }
            if (range.first() < seq) {
                kept.add(new Range(range.first(), seq - 1));
            }
            if (seq < range.last()) {
                kept.add(new Range(seq + 1, range.last()));
            }
        }
        return new SeqSet(List.copyOf(kept));
    }

    /** Returns the last seq of the range that contains {@code position + 1}; {@code position} if no range does. */
    long endOfRunAfter(long position) {
        for (Range range : ranges) {
            if (range.first() <= position + 1 && range.last() > position) {
                return range.last();
            }
        }
        return position;
    }

    /** Returns this set without the seqs up to {@code position}. */
    SeqSet after(long position) {
        var kept = new ArrayList<Range>(ranges.size());
        for (Range range : ranges) {
            if (range.last() > position) {
                kept.add(new Range(Math.max(range.first(), position + 1), range.last()));
            }
        }
        return kept.size() == ranges.size() && kept.equals(ranges) ? this : new SeqSet(List.copyOf(kept));
    }

    /** Returns how many seqs of {@code (position, end]} are not in this set. */
    long missing(long position, long end) {
        long missing = Math.max(0, end - position);
        for (Range range : ranges) {
            missing -= Math.max(0, Math.min(range.last(), end) - Math.max(range.first(), position + 1) + 1);
        }
        return missing;
    }

    /** Returns the smallest end for which {@code (position, end]} has {@code count} seqs that are not in this set. */
    long endOfMissing(long position, long count) {
        long end = position;
        long left = count;
        for (Range range : ranges) {
            long gap = range.first() - 1 - end;
            if (gap >= left) {
                return end + left;
            }
            if (gap > 0) {
                left -= gap;
            }
            end = Math.max(end, range.last());
        }
        return end + left;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SeqSet set && set.ranges.equals(ranges);
    }

    @Override
    public int hashCode() {
        return ranges.hashCode();
    }

    @Override
    public String toString() {
        var text = new StringBuilder("{");
        for (Range range : ranges) {
            if (text.length() > 1) {
                text.append(',');
            }
            text.append('[')
                    .append(range.first())
                    .append(',')
                    .append(range.last() + 1)
                    .append(')');
        }
        return text.append('}').toString();
    }
}
