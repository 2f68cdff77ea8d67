package dev.sluice.bridge.drain;

import dev.sluice.bridge.RunningBridge;
import dev.sluice.queue.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * Measures how fast the drain moves the messages of healthy queues: alone, while it makes tens of thousands of queues
 * and partitions, while one queue cannot be written, and after each of these. Compare only rates of the same run.
 *
 * <p>Arguments: queues to make, partitions to make in one queue, seconds of a phase. Without them 20000, 60000 and 15.
 */
final class DrainBenchmark implements AutoCloseable {
    private static final int PUSHERS = 4;
    private static final int HEALTHY_QUEUES = 10;
    private static final int ITEMS = 100;
    private static final int ITEMS_THAT_MAKE = 1_000;
    private static final Duration LONGEST_WAIT = Duration.ofMinutes(5);

    private final TestPostgres postgres;
    private final RunningBridge bridge;
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong stored = new AtomicLong();
    private final List<Thread> pushers = new ArrayList<>();
    private final List<Throwable> failures = new ArrayList<>();
    private long poisoned;
    private long made;

    /** The number of messages stored in the healthy queues in a phase. */
    record Phase(String name, long messages, Duration time) {
        long perSecond() {
            return messages * 1_000 / Math.max(1, time.toMillis());
        }
    }

    DrainBenchmark(TestPostgres postgres, Path directory) {
        this.postgres = postgres;
        this.bridge = RunningBridge.start(postgres.url(), directory, Map.of());
        for (int i = 0; i < PUSHERS; i++) {
            var pusher = new Thread(this::pushHealthy, "pusher-" + i);
            pusher.setDaemon(true);
            pusher.start();
            pushers.add(pusher);
        }
    }

    /** Prints the rates. */
    public static void main(String[] arguments) throws Exception {
        int queues = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 20_000;
        int partitions = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 60_000;
        Duration each = Duration.ofSeconds(arguments.length > 2 ? Integer.parseInt(arguments[2]) : 15);
        Path directory = Files.createTempDirectory("sluice-drain");
        try (TestPostgres postgres = TestPostgres.empty();
                var benchmark = new DrainBenchmark(postgres, directory)) {
            benchmark.during("warming up, not counted", after(each.dividedBy(2)));
            Phase before = benchmark.during("before", after(each));
            print(before, before);
            print(benchmark.making("while " + queues + " queues are made", benchmark.pushesOfQueues(queues)), before);
            print(
                    benchmark.making(
                            "while " + partitions + " partitions of one queue are made",
                            benchmark.pushesOfPartitions(partitions)),
                    before);
            print(benchmark.during("after", after(each)), before);
            benchmark.poison();
            try (var held = benchmark.hold()) {
                BooleanSupplier end = after(each);
                print(
                        benchmark.during("while a queue is held", () -> {
                            benchmark.poison();
                            return end.getAsBoolean();
                        }),
                        before);
            }
            print(benchmark.during("after it was let go", after(each)), before);
            benchmark.awaitReleased();
            System.out.printf("messages of the held queue, all in order: %,d%n", benchmark.poisoned);
        } finally {
            delete(directory);
        }
    }

    private static void print(Phase phase, Phase before) {
        System.out.printf(
                "%-50s %,8d messages/s, %.2f of before (%,d ms)%n",
                phase.name(),
                phase.perSecond(),
                (double) phase.perSecond() / before.perSecond(),
                phase.time().toMillis());
    }

    private static BooleanSupplier after(Duration time) {
        long end = System.nanoTime() + time.toNanos();
        return () -> System.nanoTime() - end >= 0;
    }

    /** Returns a condition that is met when {@code messages} more healthy messages are stored. */
    BooleanSupplier stored(long more) {
        long wanted = stored.get() + more;
        return () -> stored.get() >= wanted;
    }

    /** Pushes to the healthy queues until a condition is met. */
    Phase during(String name, BooleanSupplier until) {
        long start = System.nanoTime();
        long before = stored.get();
        await(until);
        return new Phase(name, stored.get() - before, Duration.ofNanos(System.nanoTime() - start));
    }

    /** Pushes messages that make queues and partitions, and waits until PostgreSQL has all of them. */
    Phase making(String name, List<String> pushes) {
        var next = new AtomicLong();
        made += (long) pushes.size() * ITEMS_THAT_MAKE;
        return during(name, () -> {
            if (next.get() < pushes.size()) {
                push(pushes.get((int) next.getAndIncrement()));
                return false;
            }
            return postgres.query("select count(*) from sluice.partitions where name like 'made%'")
                    .equals(List.of(String.valueOf(made)));
        });
    }

    List<String> pushesOfQueues(int count) {
        return pushes(count, i -> "made-" + i, i -> "made");
    }

    List<String> pushesOfPartitions(int count) {
        return pushes(count, i -> "huge", i -> "made-" + i);
    }

    private interface Name {
        String of(int number);
    }

    private static List<String> pushes(int count, Name queue, Name partition) {
        var pushes = new ArrayList<String>();
        for (int from = 0; from < count; from += ITEMS_THAT_MAKE) {
            var items = new ArrayList<String>();
            for (int i = from; i < from + ITEMS_THAT_MAKE; i++) {
                items.add("{\"queue\":\"" + queue.of(i) + "\",\"partition\":\"" + partition.of(i) + "\",\"payload\":"
                        + i + "}");
            }
            pushes.add("{\"items\":[" + String.join(",", items) + "]}");
        }
        return pushes;
    }

    /** Pushes a few messages to the poisoned queue. */
    void poison() {
        var items = new ArrayList<String>();
        for (int i = 0; i < ITEMS; i++) {
            items.add("{\"queue\":\"poisoned\",\"partition\":\"p\",\"payload\":" + poisoned++ + "}");
        }
        push("{\"items\":[" + String.join(",", items) + "]}");
    }

    /** Locks the partition of the poisoned queue until it is closed. */
    AutoCloseable hold() throws SQLException {
        await(() -> postgres.query("select count(*) from sluice.partitions where name = 'p'")
                .equals(List.of("1")));
        Connection connection = postgres.dataSource().getConnection();
        connection.setAutoCommit(false);
        try (var statement = connection.createStatement()) {
            statement.execute("select from sluice.partitions where name = 'p' for update");
        }
        return () -> {
            connection.rollback();
            connection.setAutoCommit(true);
            connection.close();
        };
    }

    /** Waits until the poisoned queue has all its messages, and fails if they are not in the order of their pushes. */
    void awaitReleased() {
        await(() -> postgres.query("select count(*) from sluice.messages where queue = 'poisoned'")
                .equals(List.of(String.valueOf(poisoned))));
        List<String> payloads =
                postgres.query("select payload from sluice.messages where queue = 'poisoned' order by seq");
        for (int i = 0; i < payloads.size(); i++) {
            if (!payloads.get(i).equals(String.valueOf(i))) {
                throw new IllegalStateException("message " + payloads.get(i) + " stands at " + i);
            }
        }
    }

    private void pushHealthy() {
        long number = 0;
        try {
            while (!over.get()) {
                var items = new ArrayList<String>();
                for (int i = 0; i < ITEMS; i++) {
                    items.add("{\"queue\":\"healthy-" + number % HEALTHY_QUEUES + "\",\"partition\":\"h"
                            + number / 10 % 10 + "\",\"payload\":" + number++ + "}");
                }
                String answer = push("{\"items\":[" + String.join(",", items) + "]}");
                stored.addAndGet(answer.split("\"status\":\"queued\"", -1).length - 1L);
            }
        } catch (RuntimeException | Error e) {
            synchronized (failures) {
                failures.add(e);
            }
        }
    }

    private String push(String body) {
        var answer = bridge.push(body);
        if (answer.statusCode() != 201) {
            throw new IllegalStateException("a push was answered " + answer.statusCode() + ": " + answer.body());
        }
        return answer.body();
    }

    private void await(BooleanSupplier until) {
        long deadline = System.nanoTime() + LONGEST_WAIT.toNanos();
        while (!until.getAsBoolean()) {
            synchronized (failures) {
                if (!failures.isEmpty()) {
                    throw new IllegalStateException("a pusher has failed", failures.get(0));
                }
            }
            if (System.nanoTime() - deadline > 0) {
                throw new IllegalStateException("not within " + LONGEST_WAIT);
            }
            LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
        }
    }

    @Override
    public void close() {
        over.set(true);
        for (Thread pusher : pushers) {
            try {
                pusher.join(Duration.ofSeconds(30).toMillis());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        bridge.close();
    }

    private static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
