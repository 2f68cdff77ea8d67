package dev.sluice.queue.write;

import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PayloadCipher;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.PushOutcome;
import dev.sluice.queue.QueueException;
import dev.sluice.queue.write.DedupWindow.CachedIds;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Decides what happens to the messages of one transaction. Groups them into a {@link Run} for each partition, gives
 * seqs to the messages that are due, and finds the messages that repeat others of the flush. Runs no statement;
 * {@link FlushWriter} does.
 */
public final class Flush {
    private static final long[] NO_LONGS = {};

    private final List<NewMessage> messages;
    private final @Nullable PushOutcome[] outcomes;
    private final long[] hashes;
    private final Map<PartitionName, Run> runs = new LinkedHashMap<>();
    private @Nullable List<Run> inOrder;
    private final List<Waiting> waiting = new ArrayList<>();

    /** A message that is not due. */
    record Waiting(NewMessage message, long partitionId, Instant dueAt) {}

    /**
     * The options of a queue that a flush applies to its messages.
     *
     * @param dedupWindow how long a repeated transaction id is a duplicate; zero: never
     * @param encrypted whether a payload in clear must be encrypted
     * @param usualLane the lane of messages without one; null: lanes of messages do not count
     * @param now the database's time
     */
    record Rules(
            Duration dedupWindow,
            boolean encrypted,
            @Nullable PriorityLane usualLane,
            Instant now) {}

    /** The messages of the flush for one partition, and the state of that partition. */
    static final class Run {
        private static final Rules NO_RULES = new Rules(Duration.ZERO, false, null, Instant.EPOCH);

        private final PartitionName name;
        private int[] indexes = new int[1];
        private int size;
        private boolean hasGivenIds;
        private long partitionId;
        private long queueId;
        private long claimed;
        private long head;
        private long scheduled;
        private Rules rules = NO_RULES;
        private @Nullable CachedIds known;
        private @Nullable PriorityLane lane;
        private List<NewMessage> placed = List.of();
        private long[] placedHashes = NO_LONGS;
        private long[] placedSeqs = NO_LONGS;
        private int remembered;

        /** The seq of the newest message of each lane, 0: none; null: lanes do not count. */
        private long @Nullable [] laneHeads;

        Run(PartitionName name) {
            this.name = name;
        }

        PartitionName name() {
            return name;
        }

        long partitionId() {
            return partitionId;
        }

        long head() {
            return head;
        }

        /** Returns where the lock holds the partition, for the cache of transaction ids. */
        DedupWindow.Locked locked() {
            return new DedupWindow.Locked(partitionId, head, rules.dedupWindow);
        }

        /** Returns how many scheduled messages the partition has. */
        long scheduled() {
            return scheduled;
        }

        Duration dedupWindow() {
            return rules.dedupWindow;
        }

        /** Returns whether a message with a known transaction id is a duplicate. */
        boolean dropsRepeats() {
            return !rules.dedupWindow.isZero();
        }

        /** Returns whether a message may be a duplicate. It cannot be if its transaction id was generated. */
        boolean mayRepeat() {
            return dropsRepeats() && hasGivenIds;
        }

        long queueId() {
            return queueId;
        }

        /** Sets how many seqs were claimed, and what the partition's row said before. */
        void claimed(long seqs, long idOfQueue, long headBefore, long scheduledNow) {
            claimed = seqs;
            queueId = idOfQueue;
            head = headBefore;
            scheduled = scheduledNow;
            known = null;
        }

        /** Sets the rules of its queue. */
        void under(Rules ofQueue) {
            rules = ofQueue;
        }

        /** Sets the cached transaction ids that the run was compared with. */
        void comparedWith(CachedIds ofPartition) {
            known = ofPartition;
        }

        /** Returns how many messages it has. */
        int size() {
            return size;
        }

        /** Returns the index in the flush of its message number {@code i}, from 0. */
        int index(int i) {
            return indexes[i];
        }

        /** Returns the seq of the newest placed message of each lane, 0: none; null: lanes do not count here. */
        long @Nullable [] laneHeads() {
            return placed.isEmpty() ? null : laneHeads;
        }

        boolean isMoved() {
            return !placed.isEmpty();
        }

        /** Returns whether messages were placed although no seq was claimed. */
        boolean isUnexpected() {
            return claimed == 0 && !placed.isEmpty();
        }

        /** Returns whether more or fewer messages were placed than seqs were claimed. */
        boolean isMisclaimed() {
            return placed.size() != claimed;
        }

        long newHead() {
            return head + placed.size();
        }

        private void add(int index, NewMessage message) {
            if (size == indexes.length) {
                indexes = Arrays.copyOf(indexes, size * 2);
            }
            indexes[size++] = index;
            hasGivenIds |= !message.generatedTransactionId();
            lane = lane == null ? message.origin().lane() : lane;
        }

        private void beginPlacing() {
            placed = new ArrayList<>(size);
            placedHashes = mayRepeat() ? new long[size] : NO_LONGS;
            placedSeqs = mayRepeat() ? new long[size] : NO_LONGS;
            remembered = 0;
            // The lane of a partition that has the name of a lane never changes.
            boolean hasLanes = rules.usualLane != null && !PriorityLane.isPartition(name.partition());
            laneHeads = hasLanes ? new long[PriorityLane.values().length] : null;
        }

        private void noteLane(NewMessage message, long seq) {
            PriorityLane ofMessage = message.origin().lane() == null
                    ? rules.usualLane
                    : message.origin().lane();
            if (laneHeads != null && ofMessage != null) {
                laneHeads[ofMessage.number()] = seq;
            }
        }

        private void remember(long hash, long seq) {
            placedHashes[remembered] = hash;
            placedSeqs[remembered++] = seq;
        }
    }

    /** Makes a flush of messages, in the order in which their partitions get them. */
    public Flush(List<NewMessage> messages) {
        this.messages = messages;
        this.outcomes = new PushOutcome[messages.size()];
        this.hashes = new long[messages.size()];
        Run run = null;
        for (int i = 0; i < messages.size(); i++) {
            NewMessage message = messages.get(i);
            if (run == null
                    || !run.name.partition().equals(message.partition())
                    || !run.name.queue().equals(message.queue())) {
                run = runs.computeIfAbsent(new PartitionName(message.queue(), message.partition()), Run::new);
            }
            run.add(i, message);
        }
    }

    Collection<PartitionName> names() {
        return runs.keySet();
    }

    /** Returns the queues of the messages. */
    public Set<String> queues() {
        var queues = new HashSet<String>();
        runs.keySet().forEach(name -> queues.add(name.queue()));
        return queues;
    }

    /** Returns the ids of the partitions, in ascending order. The flush is located. */
    public List<Long> partitionIds() {
        return runs().stream().map(Run::partitionId).toList();
    }

    /** Returns the lane in which a partition is to be created; null: the lane of its queue. */
    @Nullable
    PriorityLane lane(PartitionName name) {
        Run run = runs.get(name);
        return run == null ? null : run.lane;
    }

    /**
     * Returns the runs in order of their partitions' ids: the order of the locks, and the fastest one for an index.
     *
     * @throws IllegalStateException if the flush is not located
     */
    List<Run> runs() {
        if (inOrder == null) {
            throw new IllegalStateException("the partitions of the flush are not located");
        }
        return inOrder;
    }

    /** Returns how many seqs a run is likely to need: one for each message without a time or delay of its own. */
    long expectedSeqs(Run run, boolean allDue) {
        long expected = 0;
        for (int i = 0; i < run.size; i++) {
            if (allDue || !messages.get(run.indexes[i]).isScheduled()) {
                expected++;
            }
        }
        return expected;
    }

    NewMessage message(int index) {
        return messages.get(index);
    }

    /** Keeps the hash of a message's transaction id for the cache. */
    void hashed(int index, long hash) {
        hashes[index] = hash;
    }

    /**
     * Sets the ids of the partitions.
     *
     * @param ids gives the id of a partition, {@link PartitionDirectory#UNKNOWN} if it is not cached
     * @return false if an id is not cached: then the flush cannot be written
     */
    boolean locate(ToLongFunction<PartitionName> ids) {
        inOrder = null;
        var located = new ArrayList<Run>(runs.size());
        for (Run run : runs.values()) {
            run.partitionId = ids.applyAsLong(run.name);
            if (run.partitionId == PartitionDirectory.UNKNOWN) {
                return false;
            }
            located.add(run);
        }
        located.sort(Comparator.comparingLong(Run::partitionId));
        inOrder = located;
        return true;
    }

    /**
     * Gives seqs to the messages that are due and are no duplicates.
     *
     * @param duplicates ids of the first messages, by index of the messages that repeat them
     * @param allDue whether the messages were scheduled and are due: then all get a seq, because duplicates were
     *     removed when the messages were scheduled
     * @param cipher encrypts payloads that arrive in clear for an encrypted queue: their producer did not know the
     *     option, or sent them before it was set
     * @throws QueueException of the transient kind if the cipher has no key for a queue
     */
    void place(Map<Integer, UUID> duplicates, boolean allDue, PayloadCipher cipher) {
        waiting.clear();
        for (Run run : runs.values()) {
            run.beginPlacing();
            SeenIds inFlush = !allDue && run.size > 1 && run.mayRepeat() ? new SeenIds(run.size) : null;
            for (int i = 0; i < run.size; i++) {
                int index = run.indexes[i];
                NewMessage message = messages.get(index);
                UUID first = duplicates.get(index);
                if (first == null && inFlush != null && !message.generatedTransactionId()) {
                    first = firstInFlush(run, i, inFlush);
                }
                outcomes[index] = first != null
                        ? new PushOutcome.Duplicate(first, run.partitionId)
                        : place(run, index, run.rules.encrypted ? seal(message, cipher) : message, allDue);
            }
        }
    }

    /**
     * Returns the id of an earlier message with the same transaction id. If there is none, adds this one and returns
     * null.
     */
    private @Nullable UUID firstInFlush(Run run, int position, SeenIds seen) {
        int index = run.indexes[position];
        String transactionId = messages.get(index).transactionId();
        for (long other : seen.seqsOf(hashes[index])) {
            NewMessage before = messages.get(run.indexes[(int) other - 1]);
            if (before.transactionId().equals(transactionId)) {
                return before.id();
            }
        }
        seen.add(hashes[index], position + 1L);
        return null;
    }

    private static NewMessage seal(NewMessage message, PayloadCipher cipher) {
        cipher.requireKey(message.queue());
        return cipher.seal(message);
    }

    private PushOutcome place(Run run, int index, NewMessage message, boolean allDue) {
        Instant now = run.rules.now;
        Instant dueAt = allDue ? now : dueAt(message, now);
        if (dueAt.isAfter(now)) {
            waiting.add(new Waiting(message, run.partitionId, dueAt));
            return new PushOutcome.Scheduled(message.id(), run.partitionId, dueAt);
        }
        run.placed.add(message);
        long seq = run.newHead();
        run.noteLane(message, seq);
        if (run.dropsRepeats() && !message.generatedTransactionId()) {
            run.remember(hashes[index], seq);
        }
        return new PushOutcome.Queued(message.id(), run.partitionId, seq);
    }

    private static Instant dueAt(NewMessage message, Instant now) {
        Instant at = message.deliverAt() == null ? now : message.deliverAt();
        Instant after = message.delay() == null ? now : now.plus(message.delay());
        return at.isAfter(after) ? at : after;
    }

    /** Returns the messages that have seqs, by partition, in order of the partitions' ids. */
    List<SegmentCopy.Run> rows() {
        var rows = new ArrayList<SegmentCopy.Run>(runs.size());
        for (Run run : runs()) {
            if (!run.placed.isEmpty()) {
                rows.add(new SegmentCopy.Run(run.partitionId, run.head + 1, run.rules.now, run.placed));
            }
        }
        return rows;
    }

    /** Returns the messages that are not due; those of a partition in the order given. */
    List<Waiting> waiting() {
        return waiting;
    }

    /** Returns the outcomes of the messages, in the order given. */
    public List<PushOutcome> outcomes() {
        return Arrays.asList(outcomes);
    }

    /** Adds the transaction ids of the flush to the cache. Call it after the commit. */
    void rememberIn(DedupWindow dedup) {
        for (Run run : runs.values()) {
            CachedIds known = run.known == null ? dedup.knownOf(run.partitionId) : run.known;
            if (known != null) {
                dedup.committed(known, run.head, run.newHead(), run.placedHashes, run.placedSeqs, run.remembered);
            }
        }
    }
}
