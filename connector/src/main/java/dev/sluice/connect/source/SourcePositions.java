package dev.sluice.connect.source;

import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.read.QueueReader.Run;
import dev.sluice.queue.read.QueueReader.Slice;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a source task stands in each partition of its share, and which it reads next: those with something new take
 * turns.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SourcePositions {
    private static final Logger log = LoggerFactory.getLogger(SourcePositions.class);

    /** Most partitions read at a time. */
    static final int MAX_RUNS = 500;

    private final Map<Long, Place> places = new HashMap<>();

    /** Ids of the partitions with something new, next first. */
    private final ArrayDeque<Long> turns = new ArrayDeque<>();

    private long gone;

    private static final class Place {
        private Partition partition;
        private long position;
        private boolean hasTurn;

        Place(Partition partition, long position) {
            this.partition = partition;
            this.position = position;
        }

        long left() {
            return partition.head() - position;
        }
    }

    /** Returns the partitions whose position is not known. */
    List<Partition> unknown(List<Partition> partitions) {
        return partitions.stream()
                .filter(partition -> !places.containsKey(partition.id()))
                .toList();
    }

    /** Takes the position of a partition that was unknown: the seq after which to read. */
    void begin(Partition partition, long position) {
        places.put(partition.id(), new Place(partition, position));
    }

    /** Takes how all partitions of the share stand now, those that are gone left out; all of them have begun. */
    void standing(List<Partition> partitions) {
        var ids = new HashMap<Long, Partition>();
        partitions.forEach(partition -> ids.put(partition.id(), partition));
        places.keySet().retainAll(ids.keySet());
        turns.removeIf(id -> !ids.containsKey(id));
        for (Partition partition : partitions) {
            Place place = places.get(partition.id());
            if (place != null) {
                place.partition = partition;
                stands(place);
                takeTurn(place);
            }
        }
    }

    private void stands(Place place) {
        Partition partition = place.partition;
        if (place.position > partition.head()) {
            log.warn(
                    "PostgreSQL has fewer messages than were read: restored from a backup, or failed over. Going on behind the"
                            + " newest it has. queue={} partition={} position={} head={}",
                    partition.queue(),
                    partition.name(),
                    place.position,
                    partition.head());
            place.position = partition.head();
        } else if (place.position + 1 < partition.tail() && partition.tail() <= partition.head() + 1) {
            if (place.position > 0) {
                passOver(place, partition.tail() - 1 - place.position);
            }
            place.position = partition.tail() - 1;
        }
    }

    private void takeTurn(Place place) {
        if (!place.hasTurn && place.left() > 0) {
            place.hasTurn = true;
            turns.add(place.partition.id());
        }
    }

    /** Returns what to read next, at most {@code messages} of them; empty if nothing is left of what is known. */
    List<Run> next(int messages) {
        var runs = new ArrayList<Run>();
        int left = messages;
        while (left > 0 && runs.size() < MAX_RUNS && !turns.isEmpty()) {
            Place place = places.get(turns.remove());
            if (place != null) {
                place.hasTurn = false;
                long count = Math.min(left, place.left());
                if (count > 0) {
                    runs.add(new Run(place.partition, place.position, place.position + count));
                    left -= (int) count;
                }
            }
        }
        return runs;
    }

    /** What {@link #next} returned could not be read; it is next again. */
    void notRead(List<Run> runs) {
        for (int i = runs.size() - 1; i >= 0; i--) {
            Place place = places.get(runs.get(i).partition().id());
            if (place != null && !place.hasTurn) {
                place.hasTurn = true;
                turns.addFirst(place.partition.id());
            }
        }
    }

    /** Moves on over what was read. */
    void read(List<Slice> slices) {
        for (Slice slice : slices) {
            Place place = places.get(slice.run().partition().id());
            if (place != null) {
                place.position = slice.through();
                gone += slice.deleted();
                takeTurn(place);
            }
        }
    }

    private void passOver(Place place, long messages) {
        gone += messages;
        log.warn(
                "Messages were deleted before they were read: retention is faster than this connector, or the queue was cleared."
                        + " queue={} partition={} deleted={} deletedInAll={}",
                place.partition.queue(),
                place.partition.name(),
                messages,
                gone);
    }

    /** Returns how many messages were deleted before they were read, since the task started. */
    long gone() {
        return gone;
    }
}
