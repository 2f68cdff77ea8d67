package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.PopTarget.InQueue;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import dev.sluice.queue.PushOutcome.Scheduled;
import dev.sluice.queue.transact.Redrive;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.LongStream;

/**
 * A model of the queue in memory: lists of messages and, for each group and partition, the set of seqs that are done.
 * Each method gets a request and the answer of the queue, fails if the answer is wrong, and applies it to the model.
 *
 * <p>If the queue may choose (which partitions a pop takes, and how many messages of each), the model checks only that
 * the choice was allowed.
 */
final class QueueModel {
    static final int RETRY_LIMIT = 2;
    static final int REDELIVERY_LIMIT = 4;

    /** The name of a partition. */
    record Name(String queue, String partition) {}

    private record CursorKey(String group, Name partition) {}

    /**
     * The headers of a message with this payload: none, or two. So a message with wrong headers is noticed anywhere.
     */
    static MessageHeaders headersOf(String payload) {
        return payload.hashCode() % 2 == 0
                ? MessageHeaders.NONE
                : Messages.headers("of", payload, "another", "\u20ac\t\ud834\udd1e");
    }

    /** A dead letter. */
    record Letter(long id, String group, Name partition, long seq, String transactionId, String payload) {}

    /** The partitions to which a message was written, by name. The partitions of a queue stand together. */
    final TreeMap<Name, ModelPartition> partitions =
            new TreeMap<>(Comparator.comparing(Name::queue).thenComparing(Name::partition));

    final Map<Long, Letter> letters = new TreeMap<>();
    private final Map<String, Set<String>> groupsOfQueue = new HashMap<>();
    private final Map<CursorKey, ModelCursor> cursors = new HashMap<>();

    private ModelCursor cursor(String group, Name partition) {
        return cursors.computeIfAbsent(new CursorKey(group, partition), key -> new ModelCursor());
    }

    /** Returns whether the group has read from the queue. */
    boolean isRegistered(String group, String queue) {
        return groupsOfQueue.getOrDefault(queue, Set.of()).contains(group);
    }

    /** Returns the name of the partition with that id, or null if it is deleted. */
    private Name nameOf(long partitionId) {
        return partitions.entrySet().stream()
                .filter(entry -> entry.getValue().id == partitionId)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(null);
    }

    // Writing

    /** Returns whether one of the messages is a duplicate, of a stored message or of another of them. */
    boolean hasRepeat(List<NewMessage> messages) {
        var seen = new HashSet<String>();
        return messages.stream().anyMatch(message -> {
            ModelPartition partition = partitions.get(new Name(message.queue(), message.partition()));
            return (partition != null && partition.first(message.transactionId()) != null)
                    || !seen.add(message.queue() + "/" + message.partition() + "/" + message.transactionId());
        });
    }

    void pushed(NewMessage message, PushOutcome outcome) {
        var name = new Name(message.queue(), message.partition());
        ModelPartition known = partitions.get(name);
        ModelPartition.Stored first = known == null ? null : known.first(message.transactionId());
        if (first != null) {
            assertThat(outcome).as(message.transactionId()).isEqualTo(new Duplicate(first.id, known.id));
            return;
        }
        var stored = new ModelPartition.Stored(
                message.transactionId(), message.id(), new String(message.payload(), StandardCharsets.UTF_8));
        if (message.delay() != null) {
            assertThat(outcome).as(message.transactionId()).isInstanceOf(Scheduled.class);
            var scheduled = (Scheduled) outcome;
            partitions
                    .computeIfAbsent(name, unused -> new ModelPartition(scheduled.partitionId()))
                    .scheduled
                    .add(new ModelPartition.Waiting(stored, scheduled.dueAt()));
            return;
        }
        assertThat(outcome).as(message.transactionId()).isInstanceOf(Queued.class);
        var queued = (Queued) outcome;
        ModelPartition partition = partitions.computeIfAbsent(name, unused -> new ModelPartition(queued.partitionId()));
        partition.messages.add(stored);
        assertThat(queued).isEqualTo(new Queued(message.id(), partition.id, partition.head()));
    }

    /** All scheduled messages were due and were written to their partitions. */
    void released(int count) {
        int expected = 0;
        for (ModelPartition partition : partitions.values()) {
            partition.scheduled.sort(Comparator.comparing(ModelPartition.Waiting::dueAt));
            partition.scheduled.forEach(waiting -> partition.messages.add(waiting.message()));
            expected += partition.scheduled.size();
            partition.scheduled.clear();
        }
        assertThat(count).as("messages released").isEqualTo(expected);
    }

    /** Dead letters were redriven; their messages went to the ends of their partitions. */
    void redriven(List<Long> ids, List<Redrive.Verdict> verdicts, Map<String, UUID> idsOfMessages) {
        for (int i = 0; i < ids.size(); i++) {
            Letter letter = letters.remove(ids.get(i));
            if (letter == null) {
                assertThat(verdicts.get(i)).isEqualTo(Redrive.Verdict.GONE);
                continue;
            }
            String transactionId = "dlq:" + letter.id();
            ModelPartition partition = partitions.get(letter.partition());
            if (partition.first(transactionId) != null) {
                assertThat(verdicts.get(i)).isEqualTo(Redrive.Verdict.DUPLICATE);
            } else {
                assertThat(verdicts.get(i)).isEqualTo(Redrive.Verdict.MOVED);
                partition.messages.add(
                        new ModelPartition.Stored(transactionId, idsOfMessages.get(transactionId), letter.payload()));
            }
        }
    }

    // Reading

    /** One pop was served, alone or with others. {@link #buriedByPop} gets its dead letters before. */
    void popped(PopTarget target, PopRequest request, PopResult result) {
        assertThat(result.messages()).as("at most the batch").hasSizeLessThanOrEqualTo(request.batch());
        var byPartition = new LinkedHashMap<Name, List<Message>>();
        Name last = null;
        for (Message message : result.messages()) {
            var name = new Name(message.queue(), message.partition());
            assertThat(name.equals(last) || !byPartition.containsKey(name))
                    .as("messages of %s stand together", name)
                    .isTrue();
            byPartition.computeIfAbsent(name, unused -> new ArrayList<>()).add(message);
            last = name;
        }
        assertThat(byPartition.size())
                .as("partitions")
                .isLessThanOrEqualTo(target.isOnePartition() ? 1 : request.maxPartitions())
                .isEqualTo(result.partitionsClaimed());
        byPartition.forEach((name, messages) -> {
            assertThat(inScope(target, name)).as("%s for %s", name, target).isTrue();
            taken(target.group(), request, result, name, messages);
        });
    }

    /** A pop registered its group on the queues of its scope that exist. */
    void registered(PopTarget target, Set<String> queues) {
        for (String queue : queues) {
            if (!(target.scope() instanceof InQueue one) || one.queue().equals(queue)) {
                groupsOfQueue.computeIfAbsent(queue, name -> new HashSet<>()).add(target.group());
            }
        }
    }

    private static boolean inScope(PopTarget target, Name name) {
        return !(target.scope() instanceof InQueue one)
                || (one.queue().equals(name.queue())
                        && (one.partition() == null || one.partition().equals(name.partition())));
    }

    /**
     * Returns whether a pop must find a message: a partition without a live lease has messages left, none of them
     * deleted. (To pass deleted messages may be all that a pop does.)
     */
    boolean mustFind(PopTarget target) {
        return partitions.entrySet().stream().anyMatch(entry -> {
            ModelPartition partition = entry.getValue();
            ModelCursor cursor = cursor(target.group(), entry.getKey());
            List<Long> left = left(cursor, partition);
            return inScope(target, entry.getKey())
                    && !cursor.live
                    && !left.isEmpty()
                    && left.stream().allMatch(partition::isReadable);
        });
    }

    private static List<Long> left(ModelCursor cursor, ModelPartition partition) {
        return LongStream.rangeClosed(partition.tail, partition.head())
                .filter(seq -> !cursor.done.contains(seq))
                .boxed()
                .toList();
    }

    private void taken(String group, PopRequest request, PopResult result, Name name, List<Message> messages) {
        ModelPartition partition = partitions.get(name);
        ModelCursor cursor = cursor(group, name);
        assertThat(cursor.live).as("%s of %s was leased", name, group).isFalse();
        List<Long> expected = left(cursor, partition).stream()
                .filter(partition::isReadable)
                .limit(messages.size())
                .toList();
        assertThat(messages.stream().map(Message::seq))
                .as("messages left in %s, in order", name)
                .isEqualTo(expected);
        for (Message message : messages) {
            ModelPartition.Stored stored = partition.at(message.seq());
            assertThat(List.of(message.partitionId(), message.transactionId(), message.id(), message.payloadText()))
                    .isEqualTo(List.of(partition.id, stored.transactionId, stored.id, stored.payload));
            assertThat(message.headers()).as("headers").isEqualTo(headersOf(stored.payload));
        }
        if (cursor.lease != null) {
            cursor.deliveries++;
        }
        if (request.autoAck()) {
            assertThat(result.leaseId()).isNull();
            cursor.done.addAll(expected);
            cursor.endLease();
            cursor.deliveries = 0;
            cursor.failures.clear();
        } else {
            cursor.lease = result.leaseId();
            cursor.leased = expected;
            cursor.live = true;
        }
    }

    /** A pop made a dead letter of a message. */
    void buriedByPop(PopTarget target, Letter letter) {
        assertThat(letter.group()).isEqualTo(target.group());
        assertThat(inScope(target, letter.partition())).isTrue();
        ModelPartition partition = partitions.get(letter.partition());
        ModelCursor cursor = cursor(letter.group(), letter.partition());
        assertThat(cursor.lease != null && !cursor.live)
                .as("its lease had expired")
                .isTrue();
        assertThat(cursor.deliveries + 1).as("leases that expired").isGreaterThanOrEqualTo(REDELIVERY_LIMIT);
        assertThat(left(cursor, partition).stream().filter(seq -> seq < letter.seq()))
                .as("messages left before it")
                .noneMatch(partition::isReadable);
        cursor.done.add(letter.seq());
        cursor.endLease();
        cursor.deliveries = 0;
        letters.put(letter.id(), letter);
    }

    // Acknowledgements

    /** Acknowledgements of different messages were applied in one transaction. */
    void acknowledged(List<Acknowledgement> acknowledgements, List<Message> about, List<AcknowledgeOutcome> outcomes) {
        var ended = new HashSet<ModelCursor>();
        for (int i = 0; i < acknowledgements.size(); i++) {
            acknowledged(acknowledgements.get(i), about.get(i), outcomes.get(i), ended);
        }
        ended.forEach(ModelCursor::endLease);
        for (ModelCursor cursor : cursors.values()) {
            if (cursor.lease != null && cursor.done.containsAll(cursor.leased)) {
                cursor.endLease();
            }
        }
    }

    private void acknowledged(
            Acknowledgement acknowledgement, Message message, AcknowledgeOutcome outcome, Set<ModelCursor> ended) {
        Name name = nameOf(acknowledgement.partitionId());
        if (name == null) {
            assertThat(outcome).as("%s of a deleted partition", acknowledgement).isInstanceOf(NotFound.class);
            return;
        }
        ModelCursor cursor = cursor(acknowledgement.group(), name);
        if (acknowledgement.leaseId() != null
                && !(cursor.live && acknowledgement.leaseId().equals(cursor.lease))) {
            assertThat(outcome).as("%s after its lease", acknowledgement).isInstanceOf(LeaseInvalid.class);
            return;
        }
        long seq = acknowledgement.leaseId() != null ? message.seq() : meant(cursor, partitions.get(name), message);
        if (cursor.done.contains(seq)) {
            assertThat(outcome)
                    .as("%s again", acknowledgement)
                    .satisfiesAnyOf(
                            it -> assertThat(it).isInstanceOf(NotFound.class),
                            it -> assertThat(it).isInstanceOf(LeaseInvalid.class),
                            it -> assertThat(((Acknowledged) it).deadLettered()).isFalse());
            return;
        }
        boolean dead = false;
        switch (acknowledgement.verdict()) {
            case COMPLETED -> cursor.done.add(seq);
            case DLQ -> {
                cursor.done.add(seq);
                dead = true;
            }
            case RETRY -> ended.add(cursor);
            case FAILED -> {
                dead = cursor.failures.merge(seq, 1, Integer::sum) > RETRY_LIMIT;
                if (dead) {
                    cursor.done.add(seq);
                } else {
                    ended.add(cursor);
                }
            }
        }
        cursor.deliveries = 0;
        if (!cursor.live) {
            cursor.lease = null;
        }
        assertThat(outcome)
                .as("%s", acknowledgement)
                .isInstanceOfSatisfying(
                        Acknowledged.class,
                        it -> assertThat(new Name(it.queue(), it.partition())).isEqualTo(name));
        assertThat(((Acknowledged) outcome).deadLettered())
                .as("%s is a dead letter", acknowledgement)
                .isEqualTo(dead);
    }

    /**
     * Returns the seq that an acknowledgement without a lease means. If several messages have its transaction id,
     * because the first was deleted, it means the first one that is not done.
     */
    private static long meant(ModelCursor cursor, ModelPartition partition, Message message) {
        return LongStream.rangeClosed(partition.kept, partition.head())
                .filter(seq -> partition.at(seq).transactionId.equals(message.transactionId()))
                .filter(seq -> !cursor.done.contains(seq))
                .findFirst()
                .orElse(message.seq());
    }

    void buriedByAcknowledgement(Letter letter) {
        assertThat(cursor(letter.group(), letter.partition()).done).contains(letter.seq());
        letters.put(letter.id(), letter);
    }

    /** All leases expired. */
    void leasesEnded() {
        cursors.values().forEach(cursor -> cursor.live = false);
    }

    boolean isLive(UUID lease) {
        return cursors.values().stream().anyMatch(cursor -> cursor.live && lease.equals(cursor.lease));
    }

    // Administration

    /** A group was moved to a seq of a partition; 0: to the beginning. */
    void sought(String group, Name name, long position) {
        cursor(group, name).startAfter(Math.max(position, partitions.get(name).tail - 1));
    }

    /** All messages with a transaction id were deleted. */
    void messageDeleted(Name name, String transactionId, boolean found) {
        ModelPartition partition = partitions.get(name);
        boolean any = partition.scheduled.removeIf(
                waiting -> waiting.message().transactionId.equals(transactionId));
        for (long seq = partition.kept; seq <= partition.head(); seq++) {
            ModelPartition.Stored stored = partition.at(seq);
            if (stored.transactionId.equals(transactionId) && !stored.deleted) {
                stored.deleted = true;
                any = true;
            }
        }
        any |= letters.values()
                .removeIf(letter -> letter.partition().equals(name)
                        && letter.transactionId().equals(transactionId));
        assertThat(found).as("there was %s in %s", transactionId, name).isEqualTo(any);
    }

    void partitionDeleted(Name name, boolean found) {
        assertThat(found).as("there was %s", name).isEqualTo(partitions.containsKey(name));
        forget(name);
    }

    void queueDeleted(String queue) {
        partitions.keySet().stream()
                .filter(name -> name.queue().equals(queue))
                .toList()
                .forEach(this::forget);
        groupsOfQueue.remove(queue);
    }

    private void forget(Name name) {
        partitions.remove(name);
        cursors.keySet().removeIf(key -> key.partition().equals(name));
        letters.values().removeIf(letter -> letter.partition().equals(name));
    }

    /** All messages of a partition or of a queue were deleted, with the scheduled ones. */
    void cleared(String queue, String partitionName, long count) {
        long expected = 0;
        for (Map.Entry<Name, ModelPartition> entry : partitions.entrySet()) {
            Name name = entry.getKey();
            if (!name.queue().equals(queue) || (partitionName != null && !partitionName.equals(name.partition()))) {
                continue;
            }
            ModelPartition partition = entry.getValue();
            expected += partition.head() - partition.tail + 1 + partition.scheduled.size();
            partition.tail = partition.head() + 1;
            partition.scheduled.clear();
            cursors.forEach((key, cursor) -> {
                if (key.partition().equals(name)) {
                    cursor.startAfter(partition.head());
                }
            });
        }
        assertThat(count).as("messages cleared").isEqualTo(expected);
    }

    /** Retention removed the cleared messages, so their transaction ids are free again. */
    void swept() {
        partitions.values().forEach(partition -> partition.kept = partition.tail);
    }

    // Invariants

    /** Checks every cursor in the database. */
    void checkCursors(TestPostgres postgres) {
        for (String row : postgres.query("select l.group_name, l.queue, l.partition, l.position,"
                + " array(select s from generate_series(l.position + 1, l.head) s where s <@"
                + " c.acked), l.head, l.lag"
                + " from sluice.group_lag l join sluice.cursors c on c.group_id = l.group_id and"
                + " c.partition_id = l.partition_id")) {
            String[] columns = row.split("\\|", -1);
            checkCursor(
                    columns[0],
                    new Name(columns[1], columns[2]),
                    Long.parseLong(columns[3]),
                    StoredState.seqs(columns[4]),
                    Long.parseLong(columns[5]),
                    Long.parseLong(columns[6]));
        }
    }

    /**
     * Checks that a cursor of the database is done with the acknowledged messages, and otherwise only with deleted
     * messages that it has passed.
     */
    private void checkCursor(String group, Name name, long position, Set<Long> acked, long head, long lag) {
        ModelPartition partition = partitions.get(name);
        if (partition == null) {
            assertThat(head)
                    .as("head of %s, to which nothing was written", name)
                    .isZero();
            return;
        }
        assertThat(head).as("head of %s", name).isEqualTo(partition.head());
        ModelCursor cursor = cursor(group, name);
        long left = 0;
        for (long seq = partition.tail; seq <= head; seq++) {
            boolean done = seq <= position || acked.contains(seq);
            left += done ? 0 : 1;
            if (cursor.done.contains(seq)) {
                assertThat(done)
                        .as("%s is still done with %s of %s", group, seq, name)
                        .isTrue();
            } else {
                assertThat(!done || partition.at(seq).deleted)
                        .as("%s has still %s of %s", group, seq, name)
                        .isTrue();
            }
        }
        assertThat(lag).as("lag of %s in %s", group, name).isEqualTo(left);
    }

    /** Checks that the group has read all messages. */
    void checkDrained(String group) {
        partitions.forEach((name, partition) -> {
            if (isRegistered(group, name.queue())) {
                assertThat(left(cursor(group, name), partition).stream().filter(partition::isReadable))
                        .as("left in %s for %s", name, group)
                        .isEmpty();
            }
        });
    }
}
