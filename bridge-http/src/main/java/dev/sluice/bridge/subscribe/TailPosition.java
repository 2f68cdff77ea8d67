package dev.sluice.bridge.subscribe;

import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.read.QueueTail.Head;
import dev.sluice.queue.read.QueueTail.Heads;
import dev.sluice.queue.read.QueueTail.Mark;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far a tail has read each partition, and the {@link Position} of that. Everything before {@code safe} has been
 * read; partitions that have newer messages are {@code recent}. Owned by the rounds of its tail.
 */
final class TailPosition {
    /** The clock of the database may go back by so much, as after a failover, and no message is skipped. */
    static final Duration CLOCK_SLACK = Duration.ofSeconds(2);

    private static final int MOST_MARKS = 64;

    /** A partition with messages that are newer than {@code safe}. */
    private record Recent(long seq, long writtenAt) {}

    private final Map<Long, Partition> partitions = new HashMap<>();
    private final Map<Long, Long> read = new HashMap<>();
    private final Map<Long, Recent> recent = new HashMap<>();
    private final ArrayDeque<Mark> marks = new ArrayDeque<>();
    private long safe;
    private @Nullable String text;

    /** Takes the partitions as they are now. The marks that are over count after {@link #allRead}. */
    void found(Heads heads) {
        Set<Long> ids = new HashSet<>();
        for (Head head : heads.partitions()) {
            ids.add(head.partition().id());
            partitions.put(head.partition().id(), head.partition());
        }
        if (partitions.size() > ids.size()) { // Some are deleted.
            partitions.keySet().retainAll(ids);
            read.keySet().retainAll(ids);
            recent.keySet().retainAll(ids);
            text = null;
        }
        if (heads.mark() != null) {
            marks.add(heads.mark());
            if (marks.size() > MOST_MARKS) {
                marks.removeFirst();
            }
        }
    }

    /** Begins at the end: a subscriber gets no message that the queue has now. */
    void begin(Heads heads) {
        for (Head head : heads.partitions()) {
            read(head.partition().id(), head.partition().head(), micros(head.lastPushAt()));
        }
    }

    private static long micros(@Nullable Instant time) {
        return time == null ? 0 : Position.micros(time);
    }

    /** Notes that a partition was read up to a seq that was written at a time. */
    void read(long partition, long seq, long writtenAt) {
        read.put(partition, seq);
        Recent before = recent.get(partition);
        long at = before == null ? writtenAt : Math.max(before.writtenAt(), writtenAt);
        if (at >= safe) {
            recent.put(partition, new Recent(seq, at));
        }
        text = null;
    }

    /** Everything that {@code heads} showed has been read. Returns whether the position can be told in fewer words. */
    boolean allRead(Heads heads) {
        long reached = 0;
        while (!marks.isEmpty() && heads.exists() && marks.getFirst().transaction() <= heads.oldest()) {
            reached = Position.micros(marks.removeFirst().at().minus(CLOCK_SLACK));
        }
        if (reached <= safe) {
            return false;
        }
        safe = reached;
        text = null;
        return recent.values().removeIf(each -> each.writtenAt() < safe);
    }

    /** Returns the messages that were written since. */
    List<Head> unread(Heads heads) {
        var unread = new ArrayList<Head>();
        for (Head head : heads.partitions()) {
            if (head.partition().head() > upTo(head.partition())) {
                unread.add(head);
            }
        }
        return unread;
    }

    /** Returns the seq up to which a partition was read. */
    long upTo(Partition partition) {
        Long seq = read.get(partition.id());
        return seq == null ? partition.tail() - 1 : seq;
    }

    Collection<Partition> partitions() {
        return partitions.values();
    }

    @Nullable
    Partition partition(long id) {
        return partitions.get(id);
    }

    long safe() {
        return safe;
    }

    /** Returns the text of the position. */
    String text() {
        String made = text;
        if (made == null) {
            var exact = new HashMap<Long, Long>();
            if (recent.size() <= Position.MOST_EXACT) {
                recent.forEach((partition, at) -> exact.put(partition, at.seq()));
            }
            made = new Position(safe, 0, 0, exact).text();
            text = made;
        }
        return made;
    }
}
