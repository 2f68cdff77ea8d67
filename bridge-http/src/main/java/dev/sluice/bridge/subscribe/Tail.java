package dev.sluice.bridge.subscribe;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.subscribe.Subscriber.Span;
import dev.sluice.queue.Message;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.read.QueueReader.Run;
import dev.sluice.queue.read.QueueReader.Slice;
import dev.sluice.queue.read.QueueTail;
import dev.sluice.queue.read.QueueTail.Head;
import dev.sluice.queue.read.QueueTail.Heads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads one queue for all of its subscribers. It works in rounds, one at a time, and rounds own its state. A round
 * reads what was written since the last one, once, and gives it to everybody who is at the end. Then it reads for those
 * who are behind: a read is for one of them, and everybody for whom it is the next one gets it as well.
 */
final class Tail {
    private static final Logger log = LoggerFactory.getLogger(Tail.class);

    /** Bytes of payloads of one read. */
    static final long READ_BYTES = 1 << 20;

    /** Most partitions of one read. */
    private static final int READ_PARTITIONS = 1_000;

    /** Reads of a round for those who are behind, before it looks for new messages again. */
    private static final int READS_BEHIND = 4;

    private static final long MARK_NANOS = Duration.ofSeconds(1).toNanos();

    /** What a tail uses. */
    interface Surroundings {
        /** Runs a round soon. */
        void schedule(Tail tail);

        /** Returns whether pops are on hold. */
        boolean isHeld();

        /** Counts a read of messages. */
        void read();

        /** Counts events that were added to outboxes. */
        void sent(long events);

        /** Counts a subscriber that was dropped. */
        void dropped(EndReason reason);
    }

    private final String queue;
    private final QueueTail ends;
    private final QueueReader reader;
    private final Surroundings surroundings;
    private final Set<Subscriber> joining = ConcurrentHashMap.newKeySet();
    private final Set<Subscriber> joined = ConcurrentHashMap.newKeySet();
    private final Set<Subscriber> ending = ConcurrentHashMap.newKeySet();
    private final TailPosition position = new TailPosition();
    private volatile State state = State.OPEN;
    private volatile String shown = "";
    private boolean begun;
    private long markNanos;

    Tail(String queue, QueueTail ends, QueueReader reader, Surroundings surroundings) {
        this.queue = queue;
        this.ends = ends;
        this.reader = reader;
        this.surroundings = surroundings;
    }

    String queue() {
        return queue;
    }

    void join(Subscriber subscriber) {
        joining.add(subscriber);
        wake();
    }

    void leave(Subscriber subscriber) {
        joining.remove(subscriber);
        joined.remove(subscriber);
        ending.remove(subscriber);
    }

    /** Runs a round soon. */
    void wake() {
        surroundings.schedule(this);
    }

    int subscribers() {
        return joining.size() + joined.size() + ending.size();
    }

    /** Ends subscribers whose clients do not read, and sends the others their positions. */
    void beat(long stallNanos) {
        ending.removeIf(
                each -> { // It has had the time of a beat to read the reason.
                    each.outbox().abort();
                    return true;
                });
        for (Subscriber each : joined) {
            if (each.outbox().isStalled(stallNanos)) {
                drop(each, EndReason.SLOW);
            } else if (!each.isBehind()) {
                each.outbox().addIfIdle(Frame.position(shown));
            }
        }
    }

    void close() {
        joining.addAll(joined);
        for (Subscriber each : joining) {
            each.outbox().stop();
        }
    }

    /** Tells the subscribers that the last round has failed. */
    void failed(Throwable reason) {
        if (reason instanceof OverloadedException) {
            return; // The next round is due soon.
        }
        log.debug("Could not read a queue for its subscribers queue={}", queue, reason);
        show(State.DATABASE_AWAY);
        joining.forEach(each -> {
            if (each.told(State.DATABASE_AWAY)) {
                each.outbox().addAlways(Frame.state(State.DATABASE_AWAY, null));
            }
        });
    }

    private void show(State now) {
        if (state != now) {
            state = now;
            joined.forEach(each -> each.outbox().addAlways(Frame.state(now, null)));
        }
    }

    /**
     * Runs a round. Blocks.
     *
     * @return whether there is more to read
     * @throws dev.sluice.queue.QueueException if PostgreSQL failed; the next round goes on where this one was
     */
    boolean round() {
        boolean marks = !begun || System.nanoTime() - markNanos > MARK_NANOS;
        if (marks) {
            markNanos = System.nanoTime();
        }
        List<Subscriber> coming =
                List.copyOf(joining); // Before the heads, so that they show all that a client has got.
        Heads heads = ends.heads(queue, marks);
        position.found(heads);
        if (!begun) {
            position.begin(heads);
            position.allRead(heads);
            begun = true;
        }
        shown = position.text();
        show(surroundings.isHeld() ? State.MAINTENANCE : heads.exists() ? State.OPEN : State.ABSENT);
        if (state == State.MAINTENANCE) {
            admit(coming);
            return false;
        }
        readNew(position.unread(heads));
        if (position.allRead(heads)) {
            shown = position.text();
            joined.stream()
                    .filter(each -> !each.isBehind())
                    .forEach(each -> each.outbox().addIfIdle(Frame.position(shown)));
        }
        shown = position.text();
        admit(coming);
        return readBehind();
    }

    /** Lets new subscribers in: at the end, or with the spans that they have to get first. */
    private void admit(List<Subscriber> coming) {
        var positions = new HashMap<Long, Map<Long, Long>>();
        for (Subscriber each : coming) {
            Position from = each.wish().from();
            if (from != null) {
                Map<Long, Span> spans = spans(each, from, positions);
                if (!spans.isEmpty()) {
                    each.begin(from, position.safe(), spans);
                }
            }
            each.outbox().addAlways(Frame.state(state, each.isBehind() ? null : shown));
            joined.add(each);
            joining.remove(each);
            if (each.outbox().isOver()) {
                joined.remove(each);
            }
        }
    }

    private Map<Long, Span> spans(Subscriber subscriber, Position from, Map<Long, Map<Long, Long>> positions) {
        Map<Long, Long> since = positionsAt(from.since(), positions);
        Map<Long, Long> until = from.below() > 0 ? positionsAt(from.until(), positions) : Map.of();
        var spans = new HashMap<Long, Span>();
        for (Partition each : position.partitions()) {
            if (subscriber.wish().wants(each.name())) {
                long first = each.tail() - 1;
                Map<Long, Long> of = each.id() < from.below() ? until : since;
                long after = from.exact().getOrDefault(each.id(), of.getOrDefault(each.id(), first));
                long last = position.upTo(each);
                if (after < last) {
                    spans.put(each.id(), new Span(Math.max(after, first), last));
                }
            }
        }
        spans.values().removeIf(each -> each.after >= each.last);
        return spans;
    }

    /** Looks the positions at a time up, once for all subscribers that come together. */
    private Map<Long, Long> positionsAt(long micros, Map<Long, Map<Long, Long>> known) {
        return micros == 0
                ? Map.of()
                : known.computeIfAbsent(
                        micros, each -> reader.positionsAt(Position.instant(each), List.copyOf(position.partitions())));
    }

    private void readNew(List<Head> unread) {
        boolean heard = joined.stream().anyMatch(each -> !each.isBehind());
        if (!heard) {
            for (Head head : unread) {
                Partition partition = head.partition();
                missed(partition, position.upTo(partition), partition.head());
                position.read(
                        partition.id(),
                        partition.head(),
                        head.lastPushAt() == null ? position.safe() : Position.micros(head.lastPushAt()));
            }
            return;
        }
        var runs = new ArrayList<Run>();
        for (Head head : unread) {
            runs.add(new Run(
                    head.partition(),
                    position.upTo(head.partition()),
                    head.partition().head()));
        }
        while (!runs.isEmpty()) {
            List<Run> some = runs.subList(0, Math.min(runs.size(), READ_PARTITIONS));
            surroundings.read();
            List<Slice> slices = reader.read(List.copyOf(some), READ_BYTES);
            some.clear();
            var rest = new ArrayList<Run>();
            for (Slice slice : slices) {
                publish(slice);
                if (slice.through() < slice.run().last()) {
                    rest.add(new Run(
                            slice.run().partition(),
                            slice.through(),
                            slice.run().last()));
                }
            }
            runs.addAll(0, rest);
        }
    }

    private void publish(Slice slice) {
        Partition partition = slice.run().partition();
        if (slice.through() <= slice.run().after()) {
            return;
        }
        for (Message message : slice.messages()) {
            position.read(partition.id(), message.seq(), Position.micros(message.writtenAt()));
            shown = position.text();
            send(partition, Frame.message(message, shown));
        }
        if (position.upTo(partition) < slice.through()) { // The last messages are deleted.
            position.read(partition.id(), slice.through(), position.safe());
        }
        missed(partition, slice.run().after(), slice.through());
    }

    private void send(Partition partition, Frame frame) {
        long sent = 0;
        for (Subscriber each : joined) {
            if (!each.isBehind() && each.wish().wants(partition.name())) {
                EndReason full = each.outbox().add(frame);
                if (full != null) {
                    drop(each, full);
                } else {
                    sent++;
                }
            }
        }
        surroundings.sent(sent);
    }

    private void drop(Subscriber subscriber, EndReason reason) {
        if (joined.remove(subscriber)) {
            surroundings.dropped(reason);
            ending.add(subscriber);
            subscriber.outbox().end(reason);
        }
    }

    private void missed(Partition partition, long after, long last) {
        for (Subscriber each : joined) {
            if (each.isBehind() && each.wish().wants(partition.name())) {
                each.missed(partition.id(), after, last);
            }
        }
    }

    /** Reads for those who are behind and have room. Returns whether there is more to read. */
    private boolean readBehind() {
        for (int i = 0; i < READS_BEHIND; i++) {
            Subscriber leader = leader();
            if (leader == null) {
                return false;
            }
            readFor(leader);
        }
        return leader() != null;
    }

    /** Returns the one of those who are behind and have room that was served the longest time ago. */
    private @Nullable Subscriber leader() {
        Subscriber leader = null;
        for (Subscriber each : joined) {
            if (each.canBeServed() && (leader == null || each.servedNanos() - leader.servedNanos() < 0)) {
                leader = each;
            }
        }
        return leader;
    }

    private void readFor(Subscriber leader) {
        leader.served();
        leader.progressed(false);
        var runs = new ArrayList<Run>();
        for (Map.Entry<Long, Span> each : leader.spans().entrySet()) {
            Partition partition = position.partition(each.getKey());
            if (partition != null && runs.size() < READ_PARTITIONS) {
                runs.add(new Run(partition, each.getValue().after, each.getValue().last));
            }
        }
        leader.spans().keySet().removeIf(id -> position.partition(id) == null);
        surroundings.read();
        List<Slice> slices = runs.isEmpty() ? List.of() : reader.read(runs, READ_BYTES);
        for (Slice slice : slices) {
            if (slice.through() > slice.run().after()) {
                give(slice);
            }
        }
        catchUp(leader);
    }

    /** Gives messages to everybody for whom they are the next. */
    private void give(Slice slice) {
        long id = slice.run().partition().id();
        var frames = new HashMap<String, Frame>();
        for (Subscriber each : joined) {
            Span span =
                    each.isBehind() && !each.spans().isEmpty() && each.spans().firstKey() == id
                            ? each.spans().get(id)
                            : null;
            if (span != null && span.after >= slice.run().after() && span.after < slice.through()) {
                give(slice, each, span, frames);
                catchUp(each);
            }
        }
    }

    private void give(Slice slice, Subscriber subscriber, Span span, Map<String, Frame> frames) {
        long id = slice.run().partition().id();
        long sent = 0;
        for (Message message : slice.messages()) {
            if (message.seq() <= span.after || message.seq() > span.last) {
                continue;
            }
            String text = subscriber.position(id, message.seq()).text();
            Frame frame = frames.computeIfAbsent(text, made -> Frame.message(message, made));
            if (!subscriber.outbox().hasRoom() || subscriber.outbox().add(frame) != null) {
                surroundings.sent(sent);
                return; // The rest when there is room.
            }
            span.after = message.seq();
            subscriber.progressed(true);
            sent++;
        }
        surroundings.sent(sent);
        subscriber.progressed(true);
        span.after = Math.min(slice.through(), span.last);
        if (span.after >= span.last) {
            subscriber.got(id, span.last);
        }
    }

    private void catchUp(Subscriber subscriber) {
        if (subscriber.isBehind() && subscriber.spans().isEmpty() && subscriber.hasCaughtUp(position.safe())) {
            subscriber.outbox().addAlways(Frame.position(shown));
        }
    }
}
