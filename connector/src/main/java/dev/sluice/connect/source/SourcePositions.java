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
 * The positions of a source task in the partitions of its share. Partitions with unread messages take turns.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class SourcePositions {
    private static final Logger log = LoggerFactory.getLogger(SourcePositions.class);

    /** Most partitions in one read. */
    static final int MAX_RUNS = 500;

    /** The position in each partition, by the partition's id. */
    private final Map<Long, Position> positions = new HashMap<>();

    /** Ids of the partitions with unread messages, the next one first. */
    private final ArrayDeque<Long> ready = new ArrayDeque<>();

    private long deletedUnread;

    private static final class Position {
        private Partition partition;

        /** Seq of the last message that the task has read. */
        private long seq;

        private boolean isReady;

        Position(Partition partition, long seq) {
            this.partition = partition;
            this.seq = seq;
        }

        long unread() {
            return partition.head() - seq;
        }
    }

    /** Returns the partitions whose position is unknown. */
    List<Partition> unknown(List<Partition> partitions) {
        return partitions.stream()
                .filter(partition -> !positions.containsKey(partition.id()))
                .toList();
    }

    /** Sets the position of an unknown partition: the task reads after the seq. */
    void begin(Partition partition, long seq) {
        positions.put(partition.id(), new Position(partition, seq));
    }

    /** Replaces the state of all partitions of the share. It forgets those that are gone; the others have begun. */
    void update(List<Partition> partitions) {
        var byId = new HashMap<Long, Partition>();
        partitions.forEach(partition -> byId.put(partition.id(), partition));
        positions.keySet().retainAll(byId.keySet());
        ready.removeIf(id -> !byId.containsKey(id));
        for (Partition partition : partitions) {
            Position position = positions.get(partition.id());
            if (position != null) {
                position.partition = partition;
                moveIntoPartition(position);
                addIfReady(position);
            }
        }
    }

    /** Moves a position that is before the oldest message or beyond the newest one. */
    private void moveIntoPartition(Position position) {
        Partition partition = position.partition;
        if (position.seq > partition.head()) {
            log.warn(
                    "PostgreSQL has fewer messages than the task has read, as after a restored backup or a failover; the task"
                            + " goes on after the newest message queue={} partition={} position={} head={}",
                    partition.queue(),
                    partition.name(),
                    position.seq,
                    partition.head());
            position.seq = partition.head();
        } else if (position.seq + 1 < partition.tail() && partition.tail() <= partition.head() + 1) {
            if (position.seq > 0) {
                skipDeleted(position, partition.tail() - 1 - position.seq);
            }
            position.seq = partition.tail() - 1;
        }
    }

    private void skipDeleted(Position position, long messages) {
        deletedUnread += messages;
        log.warn(
                "Messages were deleted before they were read: retention is faster than this connector, or the queue was cleared"
                        + " queue={} partition={} deleted={} deletedInAll={}",
                position.partition.queue(),
                position.partition.name(),
                messages,
                deletedUnread);
    }

    private void addIfReady(Position position) {
        if (!position.isReady && position.unread() > 0) {
            position.isReady = true;
            ready.add(position.partition.id());
        }
    }

    /** Returns the next runs to read, with at most {@code messages} messages; empty if nothing known is unread. */
    List<Run> next(int messages) {
        var runs = new ArrayList<Run>();
        int left = messages;
        while (left > 0 && runs.size() < MAX_RUNS && !ready.isEmpty()) {
            Position position = positions.get(ready.remove());
            if (position != null) {
                position.isReady = false;
                long count = Math.min(left, position.unread());
                if (count > 0) {
                    runs.add(new Run(position.partition, position.seq, position.seq + count));
                    left -= (int) count;
                }
            }
        }
        return runs;
    }

    /** Puts runs of {@link #next} back, because the read failed. They come next again. */
    void putBack(List<Run> runs) {
        for (int i = runs.size() - 1; i >= 0; i--) {
            Position position = positions.get(runs.get(i).partition().id());
            if (position != null && !position.isReady) {
                position.isReady = true;
                ready.addFirst(position.partition.id());
            }
        }
    }

    /** Moves the positions to the end of the slices that the task has read. */
    void advance(List<Slice> slices) {
        for (Slice slice : slices) {
            Position position = positions.get(slice.run().partition().id());
            if (position != null) {
                position.seq = slice.through();
                deletedUnread += slice.deleted();
                addIfReady(position);
            }
        }
    }

    /** Returns the number of partitions. */
    int size() {
        return positions.size();
    }

    /** Returns the number of messages that the task knows of and has not read. */
    long unread() {
        return positions.values().stream().mapToLong(Position::unread).sum();
    }

    /** Returns the number of messages that were deleted before the task read them, since the task started. */
    long deletedUnread() {
        return deletedUnread;
    }
}
