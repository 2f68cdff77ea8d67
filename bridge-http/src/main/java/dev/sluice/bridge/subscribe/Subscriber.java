package dev.sluice.bridge.subscribe;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A client of a queue. While it is behind, it has the spans of messages that it still has to get: in {@code now} those
 * up to the end of the queue when it came, in {@code next} those that were written since. Once it has got both, it
 * follows the queue with all others.
 *
 * <p>The rounds of its {@link Tail} own everything but the outbox.
 */
public final class Subscriber {
    /**
     * What a client wants.
     *
     * @param partitions names of partitions; empty: all
     * @param from where it begins; null: at the end
     */
    record Wish(Set<String> partitions, @Nullable Position from) {
        Wish {
            partitions = Set.copyOf(partitions);
        }

        boolean wants(String partition) {
            return partitions.isEmpty() || partitions.contains(partition);
        }
    }

    /** Messages of a partition, from the one behind {@code after} to {@code last}. */
    static final class Span {
        long after;
        long last;

        Span(long after, long last) {
            this.after = after;
            this.last = last;
        }
    }

    private final Tail tail;
    private final Wish wish;
    private final Outbox outbox;
    private final TreeMap<Long, Span> now = new TreeMap<>();
    private final TreeMap<Long, Span> next = new TreeMap<>();
    private final Map<Long, Long> done = new HashMap<>();
    private Map<Long, Long> exact = Map.of();
    private long since;
    private long until;
    private volatile boolean behind;
    private long servedNanos = System.nanoTime();
    private volatile boolean stuck;
    private @Nullable State told;

    Subscriber(Tail tail, Wish wish, Outbox.Memory memory, long room) {
        this.tail = tail;
        this.wish = wish;
        this.outbox = new Outbox(memory, room, this::drained, () -> tail.leave(this));
    }

    Wish wish() {
        return wish;
    }

    /** Returns the events that wait for the client. */
    public Outbox outbox() {
        return outbox;
    }

    boolean isBehind() {
        return behind;
    }

    /** Returns when something was read for it the last time. */
    long servedNanos() {
        return servedNanos;
    }

    void served() {
        servedNanos = System.nanoTime();
    }

    /** Returns whether something can be sent to it that it still has to get. */
    boolean canBeServed() {
        return behind && (stuck ? outbox.isEmpty() : outbox.hasRoom());
    }

    /** Notes whether the last read for it has brought it anything. */
    void progressed(boolean progress) {
        stuck = !progress;
    }

    /** Notes a state; returns whether it is another one than before. */
    boolean told(State state) {
        boolean isNew = told != state;
        told = state;
        return isNew;
    }

    private void drained() {
        if (canBeServed()) {
            tail.wake();
        }
    }

    /** Forgets the subscriber. A further call has no effect. */
    public void leave() {
        outbox.lost();
    }

    /** Begins behind the end of the queue. */
    void begin(Position from, long end, Map<Long, Span> spans) {
        since = from.since();
        until = end;
        exact = from.exact();
        now.putAll(spans);
        exact.forEach((partition, seq) -> {
            if (!spans.containsKey(partition)) {
                noteDone(partition, seq);
            }
        });
        behind = true;
    }

    TreeMap<Long, Span> spans() {
        return now;
    }

    /** Notes messages that were written while it is behind. */
    void missed(long partition, long after, long last) {
        next.computeIfAbsent(partition, made -> new Span(after, last)).last = last;
    }

    /** Notes that it has got all messages of the first span. */
    void got(long partition, long last) {
        now.remove(partition);
        noteDone(partition, last);
    }

    private void noteDone(long partition, long last) {
        if (done.size() < Position.MOST_EXACT - 1) { // Without it, some messages may come twice.
            done.put(partition, last);
        }
    }

    /** Goes on with what was written meanwhile, if the messages before are sent; returns whether it is at the end. */
    boolean hasCaughtUp(long end) {
        if (now.isEmpty()) {
            since = until;
            until = end;
            exact = Map.copyOf(done);
            now.putAll(next);
            done.keySet().removeAll(now.keySet());
            next.clear();
        }
        behind = !now.isEmpty();
        return !behind;
    }

    /** Returns its position behind a message of the first span. */
    Position position(long partition, long seq) {
        var seqs = new HashMap<>(done);
        exact.entrySet().stream()
                .filter(each -> each.getKey() > partition)
                .limit(Position.MOST_EXACT - 1L - seqs.size()) // Without the others, some messages come twice.
                .forEach(each -> seqs.put(each.getKey(), each.getValue()));
        seqs.put(partition, seq);
        return new Position(since, until, partition, seqs);
    }
}
