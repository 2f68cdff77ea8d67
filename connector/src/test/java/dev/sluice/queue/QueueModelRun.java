package dev.sluice.queue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.PopTarget.Across;
import dev.sluice.queue.QueueModel.Letter;
import dev.sluice.queue.QueueModel.Name;
import dev.sluice.queue.admin.ConsumerGroups;
import dev.sluice.queue.admin.Queues;
import dev.sluice.queue.admin.Retention;
import dev.sluice.queue.admin.SeekTarget;
import dev.sluice.queue.transact.Redrive;
import dev.sluice.queue.transact.TransactionExecutor;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Runs the queue beside its {@link QueueModel}: random pushes and transactions by several writers, pops of one
 * partition, one queue and across queues, acknowledgements of every kind, expired leases, seeks, deletions, redrives
 * and restarts. Consumers are served by several bridges ({@link ModelBridges}). After every step the two must agree. A
 * failure names the seed and the steps before it.
 *
 * <p>PostgreSQL and all statements are real. The passing of time is simulated: the run moves times in the tables into
 * the past.
 */
final class QueueModelRun implements AutoCloseable {
    private static final List<String> QUEUES = List.of("m.a", "m.b");
    private static final List<String> GROUPS = List.of(PopTarget.DEFAULT_GROUP, "g1", "g2");
    private static final int WRITERS = 3;
    private static final int PARTITIONS = 3;
    private static final int STEPS_SHOWN = 30;

    private final TestPostgres postgres;
    private final StoredState stored;
    private final Random random;
    private final long seed;
    private final QueueModel model = new QueueModel();
    private final List<QueueWriter> writers = new ArrayList<>();
    private final ModelBridges bridges;
    private final Queues queues;
    private final ConsumerGroups groups;
    private final Retention retention;
    private final Redrive redrive;
    private final TransactionExecutor transactions;
    private final Set<String> existing = new TreeSet<>();
    private final List<Held> held = new ArrayList<>();
    private final List<String> steps = new ArrayList<>();
    private int keys;

    /** A message that a consumer has popped and may acknowledge. */
    private record Held(String group, Message message, UUID lease) {}

    QueueModelRun(TestPostgres postgres, long seed) {
        this.postgres = postgres;
        this.stored = new StoredState(postgres);
        this.seed = seed;
        this.random = new Random(seed);
        this.bridges = new ModelBridges(postgres, seed);
        this.queues = new Queues(postgres.dataSource(), "sluice");
        this.groups = new ConsumerGroups(postgres.dataSource(), "sluice");
        this.retention = new Retention(postgres.dataSource(), "sluice");
        this.redrive = new Redrive(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        this.transactions = new TransactionExecutor(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
        for (int i = 0; i < WRITERS; i++) {
            writers.add(newWriter());
        }
        postgres.execute("alter table sluice.queues alter retry_limit set default " + QueueModel.RETRY_LIMIT
                + ", alter redelivery_limit set default " + QueueModel.REDELIVERY_LIMIT);
    }

    private QueueWriter newWriter() {
        // Some writers cache few partitions, so that the run tests eviction and loading too.
        int maxPartitions = random.nextBoolean() ? 2 : 1000;
        return new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS, maxPartitions);
    }

    /** Takes that many random steps, and then checks that every group can read all messages that are left. */
    void run(int count) {
        try {
            for (int i = 0; i < count; i++) {
                step();
                if (i % 25 == 0) {
                    model.checkCursors(postgres);
                }
            }
            drain();
        } catch (AssertionError | RuntimeException e) {
            int from = Math.max(0, steps.size() - STEPS_SHOWN);
            throw new AssertionError(
                    "seed " + seed + " after " + steps.size() + " steps, the last of them:\n"
                            + String.join("\n", steps.subList(from, steps.size())),
                    e);
        }
    }

    private void step() {
        int dice = random.nextInt(200);
        if (dice < 52) {
            push();
        } else if (dice < 112) {
            pop();
        } else if (dice < 156) {
            acknowledge();
        } else if (dice < 164) {
            letLeasesEnd();
        } else if (dice < 167) {
            extend();
        } else if (dice < 173) {
            transact();
        } else if (dice < 178) {
            seek();
        } else if (dice < 184) {
            deleteMessage();
        } else if (dice < 188) {
            redrive();
        } else if (dice < 192) {
            release();
        } else if (dice < 196) {
            restartWriter();
        } else if (dice < 197) {
            clear();
        } else if (dice < 198) {
            deletePartition();
        } else if (dice < 199) {
            sweep();
        } else if (random.nextInt(3) == 0) {
            deleteQueue();
        }
    }

    private <T> T any(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private Name anyName() {
        return new Name(any(QUEUES), "p" + random.nextInt(PARTITIONS));
    }

    // Writing

    private List<NewMessage> messages() {
        var messages = new ArrayList<NewMessage>();
        for (int left = 1 + random.nextInt(6); left > 0; left--) {
            boolean repeat = keys > 0 && random.nextInt(4) == 0;
            String key = "t" + (repeat ? random.nextInt(keys) : keys++);
            Duration delay = random.nextInt(12) == 0 ? Duration.ofSeconds(60 + random.nextInt(3000)) : null;
            Name name = anyName();
            String payload = "\"" + key + "#" + random.nextInt(100) + "\"";
            messages.add(NewMessage.builder(
                            UUID.randomUUID(),
                            name.queue(),
                            name.partition(),
                            key,
                            payload.getBytes(StandardCharsets.UTF_8))
                    .headers(QueueModel.headersOf(payload))
                    .delay(delay)
                    .build());
        }
        return messages;
    }

    private static List<String> names(List<NewMessage> messages) {
        return messages.stream()
                .map(m ->
                        m.queue() + "/" + m.partition() + "/" + m.transactionId() + (m.delay() == null ? "" : " late"))
                .toList();
    }

    private void push() {
        List<NewMessage> messages = messages();
        int writer = random.nextInt(WRITERS);
        steps.add("writer " + writer + " pushes " + names(messages));
        pushed(messages, writers.get(writer).write(messages, List.of()));
    }

    private void pushed(List<NewMessage> messages, List<PushOutcome> outcomes) {
        for (int i = 0; i < messages.size(); i++) {
            existing.add(messages.get(i).queue());
            model.pushed(messages.get(i), outcomes.get(i));
        }
    }

    private void release() {
        steps.add("scheduled messages are due");
        postgres.execute("update sluice.scheduled set due_at = due_at - interval '2 hours'");
        model.released(writers.get(random.nextInt(WRITERS)).releaseDue(10_000).messages());
    }

    private void restartWriter() {
        int which = random.nextInt(WRITERS);
        steps.add("restart writer " + which);
        writers.get(which).close();
        writers.set(which, newWriter());
    }

    private void redrive() {
        var ids = new ArrayList<>(model.letters.keySet());
        ids.removeIf(id -> random.nextInt(3) == 0);
        if (random.nextInt(4) == 0) {
            ids.add(stored.lastLetter() + 1_000_000);
        }
        steps.add("redrive " + ids);
        List<Redrive.Verdict> verdicts = redrive.run(ids).verdicts();
        model.redriven(ids, verdicts, stored.redrivenIds());
    }

    // Reading

    private PopTarget target(String group) {
        int dice = random.nextInt(8);
        if (dice < 3) {
            return new PopTarget(new Across("m", null), group);
        }
        Name name = anyName();
        return new PopTarget(name.queue(), dice < 5 ? name.partition() : null, group);
    }

    private void pop() {
        PopTarget target = target(any(GROUPS));
        var requests = new ArrayList<PopRequest>();
        for (int left = target.isOnePartition() ? 1 : 1 + random.nextInt(2); left > 0; left--) {
            requests.add(new PopRequest(
                    1 + random.nextInt(6), 1 + random.nextInt(4), random.nextInt(5) == 0, Subscription.ALL));
        }
        pop(target, requests);
    }

    private List<PopResult> pop(PopTarget target, List<PopRequest> requests) {
        steps.add("pop " + target + " " + requests);
        boolean mustFind = model.mustFind(target);
        List<PopResult> results = bridges.any().pop(target, requests);
        model.registered(target, existing);
        for (Letter letter : stored.newLetters()) {
            model.buriedByPop(target, letter);
            mustFind &= model.mustFind(target);
        }
        for (int i = 0; i < results.size(); i++) {
            PopResult result = results.get(i);
            steps.add("  got "
                    + result.messages().stream()
                            .map(m -> m.queue() + "/" + m.partition() + "/" + m.seq())
                            .toList());
            model.popped(target, requests.get(i), result);
            for (Message message : result.messages()) {
                held.add(new Held(target.group(), message, result.leaseId()));
            }
        }
        if (mustFind) {
            // Any of the pops: a pop may get only deleted messages while another one gets the rest.
            assertThat(results)
                    .as("what can be read")
                    .anyMatch(result -> !result.messages().isEmpty());
        }
        return results;
    }

    // Acknowledgements

    /** Adds acknowledgements of messages that were popped lately, with their leases or without, in time or late. */
    private void addAcknowledgements(List<Acknowledgement> acknowledgements, List<Message> acknowledged) {
        if (bridges.completesWholeLease() && !held.isEmpty()) {
            addWholeLease(acknowledgements, acknowledged);
            return;
        }
        var known = new HashSet<List<Object>>();
        for (int left = 1 + random.nextInt(5); left > 0 && !held.isEmpty(); left--) {
            Held each = held.get(Math.max(0, held.size() - 1 - random.nextInt(12)));
            Message message = each.message();
            if (!known.add(List.of(each.group(), message.partitionId(), message.transactionId()))) {
                continue;
            }
            int dice = random.nextInt(10);
            Verdict verdict =
                    dice < 6 ? Verdict.COMPLETED : dice < 8 ? Verdict.FAILED : dice < 9 ? Verdict.RETRY : Verdict.DLQ;
            UUID lease = each.lease() == null || random.nextInt(8) == 0 ? null : each.lease();
            acknowledged.add(message);
            acknowledgements.add(new Acknowledgement(
                    each.group(), message.partitionId(), message.transactionId(), lease, verdict, null));
        }
    }

    /** Adds the completion of all messages of one of the latest leases, in time or late. */
    private void addWholeLease(List<Acknowledgement> acknowledgements, List<Message> acknowledged) {
        UUID lease = held.get(held.size() - 1 - bridges.lateness(Math.min(12, held.size())))
                .lease();
        held.stream()
                .filter(each -> lease != null && lease.equals(each.lease()))
                .forEach(each -> {
                    acknowledged.add(each.message());
                    acknowledgements.add(new Acknowledgement(
                            each.group(),
                            each.message().partitionId(),
                            each.message().transactionId(),
                            lease,
                            Verdict.COMPLETED,
                            null));
                });
    }

    private static List<String> texts(List<Acknowledgement> acknowledgements) {
        return acknowledgements.stream()
                .map(each -> each.group() + " " + each.transactionId() + " " + each.verdict()
                        + (each.leaseId() == null ? " without lease" : ""))
                .toList();
    }

    private void acknowledge() {
        var acknowledgements = new ArrayList<Acknowledgement>();
        var acknowledged = new ArrayList<Message>();
        addAcknowledgements(acknowledgements, acknowledged);
        steps.add("ack " + texts(acknowledgements));
        model.acknowledged(acknowledgements, acknowledged, bridges.any().acknowledge(acknowledgements));
        stored.newLetters().forEach(model::buriedByAcknowledgement);
    }

    /** Pushes and acknowledgements of one transaction: if any is rejected, nothing changes. */
    private void transact() {
        List<NewMessage> messages = messages();
        var acknowledgements = new ArrayList<Acknowledgement>();
        var acknowledged = new ArrayList<Message>();
        addAcknowledgements(acknowledgements, acknowledged);
        steps.add("transaction of " + names(messages) + " and " + texts(acknowledgements));
        boolean repeats = model.hasRepeat(messages);
        TransactionExecutor.Outcome outcome = transactions.execute(messages, acknowledgements);
        messages.forEach(
                message -> existing.add(message.queue())); // The queue is created before the transaction and stays.
        if (!outcome.committed()) {
            boolean refused = outcome.acknowledgements().stream()
                    .anyMatch(each -> !(each instanceof AcknowledgeOutcome.Acknowledged));
            assertThat(repeats || refused).as("there was a reason to roll back").isTrue();
            return;
        }
        assertThat(repeats).as("committed with a duplicate").isFalse();
        pushed(messages, outcome.pushes());
        assertThat(outcome.acknowledgements()).allMatch(AcknowledgeOutcome.Acknowledged.class::isInstance);
        model.acknowledged(acknowledgements, acknowledged, outcome.acknowledgements());
        stored.newLetters().forEach(model::buriedByAcknowledgement);
    }

    private void letLeasesEnd() {
        steps.add("all leases end");
        postgres.execute(
                "update sluice.cursors set available_at = now() - interval '1 second' where available_at > now()");
        model.leasesEnded();
    }

    private void extend() {
        if (held.isEmpty() || held.get(held.size() - 1).lease() == null) {
            return;
        }
        steps.add("extend");
        UUID lease = held.get(held.size() - 1).lease();
        assertThat(bridges.any().extend(lease, Duration.ofSeconds(30)).isPresent())
                .isEqualTo(model.isLive(lease));
    }

    // Administration

    private void seek() {
        String group = any(GROUPS);
        Name only = anyName();
        boolean all = random.nextBoolean();
        List<Name> names = model.partitions.keySet().stream()
                .filter(name -> all ? name.queue().equals(only.queue()) : name.equals(only))
                .toList();
        if (!model.isRegistered(group, only.queue()) || names.isEmpty()) {
            steps.add("seek where there is nothing to seek");
            assertThat(groups.seek(group, only.queue(), only.partition(), new SeekTarget.Beginning()))
                    .isLessThanOrEqualTo(model.isRegistered(group, only.queue()) ? 1 : 0);
            return;
        }
        Map<Name, Map<Long, Instant>> times = names.stream()
                .collect(Collectors.toMap(name -> name, name -> stored.timesOf(model.partitions.get(name).id)));
        List<Instant> moments = times.values().stream()
                .flatMap(each -> each.values().stream())
                .distinct()
                .sorted()
                .toList();
        int dice = random.nextInt(4);
        SeekTarget to = dice == 0 || moments.isEmpty()
                ? new SeekTarget.Beginning()
                : dice == 1 ? new SeekTarget.End() : new SeekTarget.After(any(moments));
        steps.add("seek " + group + " in " + names + " to " + to);
        assertThat(groups.seek(group, only.queue(), all ? null : only.partition(), to))
                .isGreaterThanOrEqualTo(names.size());
        for (Name name : names) {
            ModelPartition partition = model.partitions.get(name);
            long position = 0;
            if (to instanceof SeekTarget.End) {
                position = partition.head();
            } else if (to instanceof SeekTarget.After after) {
                position = times.get(name).entrySet().stream()
                        .filter(entry -> !entry.getValue().isAfter(after.time()))
                        .mapToLong(Map.Entry::getKey)
                        .max()
                        .orElse(0);
            }
            model.sought(group, name, position);
        }
    }

    private void deleteMessage() {
        List<Name> names = List.copyOf(model.partitions.keySet());
        if (names.isEmpty() || keys == 0) {
            return;
        }
        Name name = any(names);
        ModelPartition partition = model.partitions.get(name);
        String key = partition.messages.isEmpty() || random.nextInt(5) == 0
                ? "t" + random.nextInt(keys)
                : any(partition.messages).transactionId;
        steps.add("delete " + key + " of " + name);
        model.messageDeleted(name, key, queues.deleteMessage(partition.id, key));
    }

    private void deletePartition() {
        Name name = anyName();
        if (!model.partitions.containsKey(name)) {
            return;
        }
        steps.add("delete " + name);
        model.partitionDeleted(name, queues.deletePartition(name.queue(), name.partition()));
    }

    private void deleteQueue() {
        String name = any(QUEUES);
        steps.add("delete queue " + name);
        assertThat(queues.delete(name)).isEqualTo(existing.remove(name));
        model.queueDeleted(name);
    }

    private void clear() {
        Name name = anyName();
        String partition = random.nextBoolean() ? name.partition() : null;
        steps.add("clear " + name.queue() + " " + partition);
        model.cleared(name.queue(), partition, queues.clear(name.queue(), partition));
    }

    private void sweep() {
        steps.add("sweep");
        assertThat(retention.sweep().complete()).isTrue();
        model.swept();
    }

    // Invariants

    /** Checks that every group gets all messages that are left, in order. */
    private void drain() {
        steps.add("drain");
        release();
        for (String group : GROUPS) {
            for (String name : existing) {
                var target = new PopTarget(name, null, group);
                var all = List.of(new PopRequest(1_000, PARTITIONS, true, Subscription.ALL));
                boolean found;
                int rounds = 0;
                do {
                    letLeasesEnd();
                    found = !pop(target, all).get(0).messages().isEmpty() || rounds < PARTITIONS;
                } while (found && ++rounds < 10_000);
            }
            model.checkDrained(group);
        }
        model.checkCursors(postgres);
        assertThat(postgres.query(
                        "select count(*) from sluice.cursors where available_at is not null or lease_id is not null"))
                .as("cursors that are not idle")
                .containsExactly("0");
        assertThat(postgres.query("select coalesce(sum(lag), 0) from sluice.group_lag"))
                .as("lag of all groups")
                .containsExactly("0");
    }

    @Override
    public void close() {
        writers.forEach(QueueWriter::close);
        redrive.close();
        transactions.close();
    }
}
