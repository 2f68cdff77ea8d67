package dev.sluice.bridge.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bridge.e2e.BridgeClient.Item;
import dev.sluice.bridge.e2e.BridgeClient.Popped;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * A hundred real documents, many times over, pushed to partitions in requests of 1 to 100 items, and read again by
 * groups. Each partition is written by one thread, so that the order it must have is known.
 */
final class Workload {
    private static final int MAX_ITEMS = 100;
    private static final String WAITING = "&wait=true&timeout=1000";
    private static final List<byte[]> DOCUMENTS = documents();

    private final String queue;
    private final int partitions;
    private final int rounds;
    private final long seed;
    private final int producers;

    /** What was answered {@code queued} or {@code buffered}, by partition, in order. */
    private final Map<String, List<String>> answered = new ConcurrentHashMap<>();

    private volatile boolean isPushed;
    private final Map<String, Integer> statuses = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Long> pushMillis = new ConcurrentLinkedQueue<>();

    Workload(int partitions, int rounds, int producers, long seed) {
        this.queue = "tweets" + seed;
        this.partitions = partitions;
        this.rounds = rounds;
        this.producers = producers;
        this.seed = seed;
    }

    private static List<byte[]> documents() {
        try (InputStream in = Workload.class.getResourceAsStream("/tweets.ndjson")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank())
                    .map(line -> line.getBytes(StandardCharsets.UTF_8))
                    .toList();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    int messages() {
        return DOCUMENTS.size() * rounds;
    }

    int answeredMessages() {
        return answered.values().stream().mapToInt(List::size).sum();
    }

    /** Items by the status they were answered with. */
    Map<String, Integer> statuses() {
        return statuses;
    }

    /** The longest time a push took to be answered. */
    Duration slowestPush() {
        return Duration.ofMillis(
                pushMillis.stream().mapToLong(Long::longValue).max().orElse(0));
    }

    private static byte[] document(int number) {
        return DOCUMENTS.get(number % DOCUMENTS.size());
    }

    /**
     * Pushes everything. A producer whose request is not answered stops there, and does not repeat it.
     *
     * @param pause between the requests of a producer
     */
    void push(BridgeClient client, Duration pause) throws Exception {
        push(client, pause, 0, rounds);
    }

    /** Pushes the rounds from {@code from} to {@code to}, exclusive; otherwise the same. */
    void push(BridgeClient client, Duration pause, int from, int to) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(producers);
        try {
            var running = new ArrayList<Future<?>>();
            for (int producer = 0; producer < producers; producer++) {
                int mine = producer;
                running.add(pool.submit(() -> {
                    produce(client, mine, pause, from * DOCUMENTS.size(), to * DOCUMENTS.size());
                    return null;
                }));
            }
            for (Future<?> each : running) {
                each.get();
            }
        } finally {
            isPushed = true;
            pool.shutdownNow();
        }
    }

    private void produce(BridgeClient client, int producer, Duration pause, int from, int to)
            throws InterruptedException {
        var random = new Random((seed + from) * 31 + producer);
        int number = from + producer;
        while (number < to) {
            var items = new ArrayList<Item>();
            for (int left = 1 + random.nextInt(MAX_ITEMS); left > 0 && number < to; left--) {
                int partition =
                        producer + producers * random.nextInt((partitions - producer + producers - 1) / producers);
                items.add(new Item(queue, "p" + partition, "m-" + number, document(number)));
                number += producers;
            }
            long start = System.nanoTime();
            List<String> results;
            try {
                results = client.push(items);
            } catch (IOException e) {
                return;
            }
            pushMillis.add((System.nanoTime() - start) / 1_000_000);
            for (int i = 0; i < items.size(); i++) {
                statuses.merge(results.get(i), 1, Integer::sum);
                answered.computeIfAbsent(items.get(i).partition(), name -> new ArrayList<>())
                        .add(items.get(i).transactionId());
            }
            Thread.sleep(pause.toMillis());
        }
    }

    /**
     * Pops and acknowledges as the group until everything answered has been delivered and nothing more comes.
     *
     * @return what was delivered, by partition, in order of delivery
     */
    Map<String, List<String>> consume(BridgeClient client, String group, int consumers, Duration limit)
            throws Exception {
        return consume(client, group, consumers, limit, false);
    }

    /**
     * The same while something fails: a pop or an ack that fails is tried again. Ends when everything was delivered.
     */
    Map<String, List<String>> consumeThroughFailures(BridgeClient client, String group, int consumers, Duration limit)
            throws Exception {
        return consume(client, group, consumers, limit, true);
    }

    private Map<String, List<String>> consume(
            BridgeClient client, String group, int consumers, Duration limit, boolean failing) throws Exception {
        Map<String, List<String>> delivered = new ConcurrentHashMap<>();
        long deadline = System.nanoTime() + limit.toNanos();
        ExecutorService pool = Executors.newFixedThreadPool(consumers);
        try {
            var running = new ArrayList<Future<?>>();
            for (int i = 0; i < consumers; i++) {
                running.add(pool.submit(() -> {
                    boolean more = true;
                    while (more && System.nanoTime() < deadline) {
                        try {
                            boolean complete = isComplete(delivered);
                            boolean some =
                                    popAndAcknowledge(client, group, delivered, complete ? "" : WAITING, failing);
                            more = some || !complete;
                        } catch (IOException e) {
                            if (!failing) {
                                throw e;
                            }
                        }
                    }
                    return null;
                }));
            }
            for (Future<?> each : running) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
        return delivered;
    }

    private boolean isComplete(Map<String, List<String>> delivered) {
        return isPushed
                && answered.entrySet().stream()
                        .allMatch(each -> new HashSet<>(List.copyOf(delivered.getOrDefault(each.getKey(), List.of())))
                                .containsAll(each.getValue()));
    }

    private boolean popAndAcknowledge(
            BridgeClient client, String group, Map<String, List<String>> delivered, String waiting, boolean failing)
            throws IOException, InterruptedException {
        List<Popped> popped = client.pop(queue, group, "&batch=200&partitions=4" + waiting);
        if (popped.isEmpty()) {
            return false;
        }
        for (Popped message : popped) {
            checkPayload(message);
            delivered
                    .computeIfAbsent(message.partition(), name -> Collections.synchronizedList(new ArrayList<>()))
                    .add(message.transactionId());
        }
        List<Boolean> accepted = client.acknowledge(popped, group);
        assertThat(accepted).as("acks").hasSize(popped.size());
        if (!failing) {
            // Through a failure an ack may come after its lease; then the messages come again.
            assertThat(accepted).as("acks").containsOnly(true);
        }
        return true;
    }

    private static void checkPayload(Popped message) {
        int number = Integer.parseInt(message.transactionId().substring("m-".length()));
        if (!Arrays.equals(message.payload(), document(number))) {
            throw new AssertionError(
                    message.transactionId() + " came back as " + new String(message.payload(), StandardCharsets.UTF_8));
        }
    }

    /**
     * Checks that a group got everything answered once, in order; and nothing else, unless some pushes got no answer.
     */
    void checkDelivered(String group, Map<String, List<String>> delivered, boolean everyPushAnswered) {
        assertThat(delivered.values().stream().flatMap(List::stream))
                .as("delivered to %s, each once", group)
                .doesNotHaveDuplicates();
        var inOrder = new LinkedHashMap<String, List<String>>();
        answered.forEach((partition, expected) -> {
            List<String> got = new ArrayList<>(delivered.getOrDefault(partition, List.of()));
            if (!everyPushAnswered) {
                got.retainAll(new HashSet<>(expected));
            }
            inOrder.put(partition, got);
        });
        assertThat(inOrder).as("delivered to %s, in order", group).isEqualTo(new HashMap<>(answered));
    }

    /** Checks that a group that consumed while something failed got everything at least once. */
    void checkReached(String group, Map<String, List<String>> delivered) {
        var reached = new HashMap<String, Set<String>>();
        delivered.forEach((partition, got) -> reached.put(partition, new HashSet<>(got)));
        var expected = new HashMap<String, Set<String>>();
        answered.forEach((partition, all) -> expected.put(partition, new HashSet<>(all)));
        assertThat(reached).as("delivered to %s, at least once", group).isEqualTo(expected);
    }
}
