package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.AcknowledgeOutcome.LeaseInvalid;
import dev.sluice.queue.AcknowledgeOutcome.NotFound;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.PushOutcome.Duplicate;
import dev.sluice.queue.PushOutcome.Queued;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.LongStream;

/**
 * The queue beside a model of it in memory: random pushes by several writers, pops, verdicts of every kind, ends of leases,
 * deletions and restarts. After every step the two must agree; a step that disagrees names the seed and the steps before it.
 *
 * <p>What is simulated: the passing of time, by moving {@code available_at} into the past. What is real: PostgreSQL, and
 * every statement.
 */
final class QueueModel implements AutoCloseable {
    private static final String QUEUE = "q";
    private static final int WRITERS = 3;
    private static final int PARTITIONS = 4;
    private static final List<String> GROUPS = List.of(PopTarget.DEFAULT_GROUP, "g1", "g2");
    private static final int RETRY_LIMIT = 2;
    private static final int REDELIVERY_LIMIT = 4;

    private final TestPostgres postgres;
    private final Random random;
    private final long seed;
    private final List<QueueWriter> writers = new ArrayList<>();
    private final Queue queue;
    private final Map<String, Partition> partitions = new TreeMap<>();
    private final Map<String, Map<String, Cursor>> groups = new LinkedHashMap<>();
    private final List<Held> held = new ArrayList<>();
    private final List<String> steps = new ArrayList<>();
    private int transactions;
    private long buried;

    /** A message of the model; a deleted one has no payload. */
    private static final class Stored {
        final String transactionId;
        final UUID id;
        boolean deleted;

        Stored(String transactionId, UUID id) {
            this.transactionId = transactionId;
            this.id = id;
        }
    }

    private static final class Partition {
        final List<Stored> messages = new ArrayList<>();
        long id;

        Stored at(long seq) {
            return messages.get((int) seq - 1);
        }
    }

    private static final class Cursor {
        final Set<Long> done = new TreeSet<>();
        final Map<Long, Integer> failures = new HashMap<>();
        UUID lease;
        List<Long> leased = List.of();
        boolean live;
        int deliveries;
    }

    /** A message some consumer has or had, and may speak of. */
    private record Held(String group, Message message, UUID lease) {}

    QueueModel(TestPostgres postgres, long seed) {
        this.postgres = postgres;
        this.seed = seed;
        this.random = new Random(seed);
        this.queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        for (int i = 0; i < WRITERS; i++) {
            writers.add(newWriter());
        }
        postgres.execute("insert into sluice.queues (name, retry_limit, redelivery_limit) values ('" + QUEUE + "', "
                + RETRY_LIMIT + ", " + REDELIVERY_LIMIT + ")");
    }

    private QueueWriter newWriter() {
        // Some forget partitions early (not ids: no partition gets that many), so that reading back is tested too.
        int maxIds = random.nextBoolean() ? 300 : 100_000;
        return new QueueWriter(
                postgres.dataSource(),
                new QueueWriterConfig("sluice", QueueWriterConfig.DEFAULTS.dedupWindow(), maxIds));
    }

    /** Takes that many random steps, and checks that everything that is left can be read. */
    void run(int count) {
        try {
            for (int i = 0; i < count; i++) {
                step();
                if (i % 25 == 0) {
                    checkLag();
                }
            }
            drain();
        } catch (AssertionError | RuntimeException e) {
            int from = Math.max(0, steps.size() - 30);
            throw new AssertionError(
                    "seed " + seed + " after " + steps.size() + " steps, the last of them:\n"
                            + String.join("\n", steps.subList(from, steps.size())),
                    e);
        }
    }

    private void step() {
        int dice = random.nextInt(100);
        if (dice < 30) {
            push();
        } else if (dice < 60) {
            pop();
        } else if (dice < 88) {
            acknowledge();
        } else if (dice < 93) {
            letLeasesEnd();
        } else if (dice < 95) {
            extend();
        } else if (dice < 97) {
            delete();
        } else {
            int which = random.nextInt(WRITERS);
            steps.add("restart writer " + which);
            writers.get(which).close();
            writers.set(which, newWriter());
        }
    }

    private void push() {
        var messages = new ArrayList<NewMessage>();
        for (int left = 1 + random.nextInt(6); left > 0; left--) {
            String partition = "p" + random.nextInt(PARTITIONS);
            boolean repeat = transactions > 0 && random.nextInt(4) == 0;
            String transactionId = "t" + (repeat ? random.nextInt(transactions) : transactions++);
            messages.add(Messages.message(QUEUE, partition, transactionId, "\"" + transactionId + "\""));
        }
        int writer = random.nextInt(WRITERS);
        steps.add("writer " + writer + " pushes "
                + messages.stream()
                        .map(m -> m.partition() + "/" + m.transactionId())
                        .toList());
        List<PushOutcome> outcomes = writers.get(writer).write(messages, List.of());
        for (int i = 0; i < messages.size(); i++) {
            check(messages.get(i), outcomes.get(i));
        }
    }

    private void check(NewMessage message, PushOutcome outcome) {
        Partition partition = partitions.computeIfAbsent(message.partition(), name -> new Partition());
        Stored first = partition.messages.stream()
                .filter(stored -> stored.transactionId.equals(message.transactionId()) && !stored.deleted)
                .findFirst()
                .orElse(null);
        if (first != null) {
            assertThat(outcome).isInstanceOf(Duplicate.class);
            assertThat(((Duplicate) outcome).id()).as("id of the first message").isEqualTo(first.id);
            return;
        }
        assertThat(outcome).as("outcome of " + message.transactionId()).isInstanceOf(Queued.class);
        partition.messages.add(new Stored(message.transactionId(), message.id()));
        partition.id = ((Queued) outcome).partitionId();
        assertThat(((Queued) outcome).seq()).isEqualTo(partition.messages.size());
    }

    private void pop() {
        String group = GROUPS.get(random.nextInt(GROUPS.size()));
        boolean one = random.nextInt(4) == 0;
        var target = new PopTarget(QUEUE, one ? "p" + random.nextInt(PARTITIONS) : null, group);
        var requests = new ArrayList<PopRequest>();
        for (int left = one ? 1 : 1 + random.nextInt(2); left > 0; left--) {
            requests.add(new PopRequest(
                    1 + random.nextInt(5), 1 + random.nextInt(2), random.nextInt(5) == 0, Subscription.ALL));
        }
        steps.add("pop " + target + " " + requests);
        if (!partitions.isEmpty()) {
            groups.computeIfAbsent(group, name -> new HashMap<>());
        }
        List<PopResult> results = queue.pop(target, requests);
        for (int i = 0; i < results.size(); i++) {
            check(target, requests.get(i), results.get(i));
        }
    }

    private void check(PopTarget target, PopRequest request, PopResult result) {
        steps.add("  got "
                + result.messages().stream()
                        .map(m -> m.partition() + "/" + m.seq())
                        .toList());
        assertThat(result.messages()).as("at most the batch").hasSizeLessThanOrEqualTo(request.batch());
        var byPartition = new LinkedHashMap<String, List<Message>>();
        result.messages()
                .forEach(message -> byPartition
                        .computeIfAbsent(message.partition(), name -> new ArrayList<>())
                        .add(message));
        assertThat(byPartition.size()).isLessThanOrEqualTo(target.isOnePartition() ? 1 : request.maxPartitions());
        bury(target);
        byPartition.forEach((name, messages) -> take(target, request, result, name, messages));
    }

    /** Takes over from the dead letters which messages the pop gave up on, after checking that it may have. */
    private void bury(PopTarget target) {
        var rows = postgres.query(
                "select group_name, partition_id, seq, error from sluice.dead_letters order by id offset " + buried);
        buried += rows.size();
        for (String row : rows) {
            String[] columns = row.split("\\|", -1);
            assertThat(columns[0]).isEqualTo(target.group());
            Partition partition = partitions.values().stream()
                    .filter(each -> each.id == Long.parseLong(columns[1]))
                    .findFirst()
                    .orElseThrow();
            String name = partitions.entrySet().stream()
                    .filter(entry -> entry.getValue() == partition)
                    .findFirst()
                    .orElseThrow()
                    .getKey();
            Cursor cursor = cursor(target.group(), name);
            assertThat(cursor.lease != null && !cursor.live)
                    .as("its lease had ended")
                    .isTrue();
            assertThat(cursor.deliveries + 1).as("leases that ended").isGreaterThanOrEqualTo(REDELIVERY_LIMIT);
            long first = Long.parseLong(columns[2]);
            assertThat(waiting(cursor, partition).stream().filter(seq -> seq < first))
                    .as("what waits before it")
                    .allMatch(seq -> partition.at(seq).deleted);
            cursor.done.add(first);
            cursor.lease = null;
            cursor.deliveries = 0;
        }
    }

    private static List<Long> waiting(Cursor cursor, Partition partition) {
        return LongStream.rangeClosed(1, partition.messages.size())
                .filter(seq -> !cursor.done.contains(seq))
                .boxed()
                .toList();
    }

    private void take(PopTarget target, PopRequest request, PopResult result, String name, List<Message> messages) {
        Partition partition = partitions.get(name);
        Cursor cursor = cursor(target.group(), name);
        assertThat(cursor.live).as("%s of %s was leased", name, target.group()).isFalse();
        var expected = new ArrayList<Long>();
        for (long seq = 1; seq <= partition.messages.size() && expected.size() < messages.size(); seq++) {
            if (!cursor.done.contains(seq) && !partition.at(seq).deleted) {
                expected.add(seq);
            }
        }
        assertThat(messages.stream().map(Message::seq))
                .as("what waits in %s, in order", name)
                .isEqualTo(expected);
        for (Message message : messages) {
            assertThat(message.transactionId()).isEqualTo(partition.at(message.seq()).transactionId);
            assertThat(message.id()).isEqualTo(partition.at(message.seq()).id);
            assertThat(message.payload()).isEqualTo("\"" + message.transactionId() + "\"");
            held.add(new Held(target.group(), message, result.leaseId()));
        }
        if (cursor.lease != null) {
            cursor.deliveries++;
        }
        if (request.autoAck()) {
            assertThat(result.leaseId()).isNull();
            cursor.done.addAll(expected);
            cursor.lease = null;
            cursor.deliveries = 0;
            cursor.failures.clear();
        } else {
            cursor.lease = result.leaseId();
            cursor.leased = List.copyOf(expected);
            cursor.live = true;
        }
    }

    private Cursor cursor(String group, String partition) {
        return groups.computeIfAbsent(group, name -> new HashMap<>()).computeIfAbsent(partition, name -> new Cursor());
    }

    private void acknowledge() {
        if (held.isEmpty()) {
            return;
        }
        var said = new ArrayList<Acknowledgement>();
        var about = new ArrayList<Held>();
        for (int left = 1 + random.nextInt(5); left > 0; left--) {
            Held each = held.get(Math.max(0, held.size() - 1 - random.nextInt(12)));
            if (about.stream()
                    .anyMatch(
                            other -> other.message().id().equals(each.message().id())
                                    && other.group().equals(each.group()))) {
                continue;
            }
            int dice = random.nextInt(10);
            Verdict verdict =
                    dice < 6 ? Verdict.COMPLETED : dice < 8 ? Verdict.FAILED : dice < 9 ? Verdict.RETRY : Verdict.DLQ;
            UUID lease = each.lease() == null || random.nextInt(8) == 0 ? null : each.lease();
            about.add(each);
            said.add(new Acknowledgement(
                    each.group(), each.message().partitionId(), each.message().transactionId(), lease, verdict, null));
        }
        steps.add("ack "
                + said.stream()
                        .map(each -> each.group() + " " + each.transactionId() + " " + each.verdict()
                                + (each.leaseId() == null ? " without lease" : ""))
                        .toList());
        List<AcknowledgeOutcome> outcomes = queue.acknowledge(said);
        var ended = new HashSet<Cursor>();
        for (int i = 0; i < said.size(); i++) {
            apply(said.get(i), about.get(i).message(), outcomes.get(i), ended);
        }
        for (Cursor cursor : ended) {
            cursor.live = false;
            cursor.lease = null;
        }
        for (Map<String, Cursor> cursors : groups.values()) {
            cursors.forEach((name, cursor) -> {
                boolean allDone = cursor.lease != null && cursor.done.containsAll(cursor.leased);
                if (allDone) {
                    cursor.live = false;
                    cursor.lease = null;
                }
            });
        }
        buried = Long.parseLong(
                postgres.query("select count(*) from sluice.dead_letters").get(0));
    }

    private void apply(Acknowledgement said, Message message, AcknowledgeOutcome outcome, Set<Cursor> ended) {
        Cursor cursor = cursor(said.group(), message.partition());
        Partition partition = partitions.get(message.partition());
        long seq = message.seq();
        boolean done = cursor.done.contains(seq);
        if (said.leaseId() != null && !(cursor.live && said.leaseId().equals(cursor.lease))) {
            assertThat(outcome).as("%s after its lease", said).isInstanceOf(LeaseInvalid.class);
            return;
        }
        if (done) {
            assertThat(outcome)
                    .as("%s again", said)
                    .satisfiesAnyOf(
                            it -> assertThat(it).isInstanceOf(NotFound.class),
                            it -> assertThat(it).isInstanceOf(LeaseInvalid.class),
                            it -> assertThat(it)
                                    .isEqualTo(new Acknowledged(
                                            QUEUE, message.partition(), ((Acknowledged) it).leaseReleased(), false)));
            return;
        }
        assertThat(outcome).as("%s", said).isInstanceOf(Acknowledged.class);
        boolean dead = false;
        switch (said.verdict()) {
            case COMPLETED -> cursor.done.add(seq);
            case DLQ -> {
                cursor.done.add(seq);
                dead = true;
            }
            case RETRY -> ended.add(cursor);
            case FAILED -> {
                int failures = cursor.failures.merge(seq, 1, Integer::sum);
                dead = failures > RETRY_LIMIT;
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
        assertThat(((Acknowledged) outcome).deadLettered())
                .as("%s is a dead letter", said)
                .isEqualTo(dead);
        assertThat(partition.at(seq).transactionId).isEqualTo(said.transactionId());
    }

    private void letLeasesEnd() {
        steps.add("all leases end");
        postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
        groups.values().forEach(cursors -> cursors.values().forEach(cursor -> cursor.live = false));
    }

    private void extend() {
        if (held.isEmpty()) {
            return;
        }
        Held some = held.get(held.size() - 1);
        if (some.lease() == null) {
            return;
        }
        steps.add("extend");
        boolean live = groups.values().stream()
                .flatMap(cursors -> cursors.values().stream())
                .anyMatch(cursor -> cursor.live && some.lease().equals(cursor.lease));
        assertThat(queue.extend(some.lease(), java.time.Duration.ofSeconds(30)).isPresent())
                .isEqualTo(live);
    }

    private void delete() {
        var candidates = partitions.entrySet().stream()
                .filter(entry -> !entry.getValue().messages.isEmpty())
                .toList();
        if (candidates.isEmpty()) {
            return;
        }
        var entry = candidates.get(random.nextInt(candidates.size()));
        Partition partition = entry.getValue();
        int index = random.nextInt(partition.messages.size());
        steps.add("delete " + entry.getKey() + "/" + (index + 1));
        partition.messages.get(index).deleted = true;
        postgres.execute(
                "update sluice.segments set payloads[" + (index + 1) + " - first_seq + 1] = null where partition_id = "
                        + partition.id + " and " + (index + 1) + " between first_seq and last_seq");
    }

    /** What is left by arithmetic is what is left. */
    private void checkLag() {
        var rows = postgres.query(
                "select g.name, p.name, p.head - c.position - coalesce((select sum(upper(r) - lower(r)) from unnest(c.acked) r), 0)"
                        + " from sluice.cursors c join sluice.consumer_groups g on g.id = c.group_id join sluice.partitions p on p.id = c.partition_id");
        for (String row : rows) {
            String[] columns = row.split("\\|", -1);
            Cursor cursor = cursor(columns[0], columns[1]);
            Partition partition = partitions.get(columns[1]);
            long left = 0;
            long skippable = 0;
            for (long seq = 1; seq <= partition.messages.size(); seq++) {
                if (!cursor.done.contains(seq)) {
                    left++;
                    skippable += partition.at(seq).deleted ? 1 : 0;
                }
            }
            // A deleted message counts until a pop has passed it.
            assertThat(Long.parseLong(columns[2])).as("lag of %s", row).isBetween(left - skippable, left);
        }
    }

    /** Every group gets all that is left, in order. */
    private void drain() {
        steps.add("drain");
        for (String group : groups.keySet()) {
            for (int i = 0; i < 10_000; i++) {
                letLeasesEnd();
                steps.remove(steps.size() - 1);
                var target = new PopTarget(QUEUE, null, group);
                var request = new PopRequest(1_000, PARTITIONS, true, Subscription.ALL);
                PopResult result = queue.pop(target, List.of(request)).get(0);
                check(target, request, result);
                if (result.messages().isEmpty()) {
                    break;
                }
            }
            for (var entry : partitions.entrySet()) {
                Cursor cursor = cursor(group, entry.getKey());
                for (long seq = 1; seq <= entry.getValue().messages.size(); seq++) {
                    assertThat(cursor.done.contains(seq) || entry.getValue().at(seq).deleted)
                            .as("%s of %s delivered to %s", seq, entry.getKey(), group)
                            .isTrue();
                }
            }
        }
        assertThat(postgres.query(
                        "select count(*) from sluice.cursors where available_at is not null or lease_id is not null"))
                .as("cursors that are not idle")
                .containsExactly("0");
    }

    @Override
    public void close() {
        writers.forEach(QueueWriter::close);
    }
}
