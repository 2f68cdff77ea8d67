package dev.sluice.queue;

import static dev.sluice.queue.Messages.message;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.queue.AcknowledgeOutcome.Acknowledged;
import dev.sluice.queue.Acknowledgement.Verdict;
import dev.sluice.queue.read.Queue;
import dev.sluice.queue.read.QueueConfig;
import dev.sluice.queue.write.Ending;
import dev.sluice.queue.write.Flush;
import dev.sluice.queue.write.QueueWriter;
import dev.sluice.queue.write.QueueWriterConfig;
import dev.sluice.queue.write.WriterSession;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Races of threads that write, pop and acknowledge at the same time. */
class QueueConcurrencyTest {
    private static final PopTarget ANY = new PopTarget("q", null, PopTarget.DEFAULT_GROUP);
    private static final long SECONDS = 280;

    @AutoClose
    private final TestPostgres postgres = TestPostgres.withSchema();

    private Queue queue;
    private ExecutorService pool;

    @BeforeEach
    void open() {
        queue = new Queue(postgres.dataSource(), new QueueConfig("sluice"));
        pool = Executors.newCachedThreadPool();
    }

    @AfterEach
    void close() {
        pool.shutdownNow();
    }

    private QueueWriter writer() {
        return new QueueWriter(postgres.dataSource(), QueueWriterConfig.DEFAULTS);
    }

    private static PopRequest request(int batch, int partitions) {
        return new PopRequest(batch, partitions, false, Subscription.ALL);
    }

    private PopResult pop(PopRequest request) {
        return queue.pop(ANY, List.of(request)).get(0);
    }

    private static List<String> ids(PopResult result) {
        return result.messages().stream().map(Message::transactionId).toList();
    }

    private void complete(PopResult result) {
        assertThat(queue.acknowledge(result.messages().stream()
                        .map(each -> new Acknowledgement(
                                ANY.group(),
                                each.partitionId(),
                                each.transactionId(),
                                result.leaseId(),
                                Verdict.COMPLETED,
                                null))
                        .toList()))
                .allMatch(Acknowledged.class::isInstance);
    }

    private <T> void together(List<Callable<T>> tasks) throws Exception {
        for (Future<T> task : pool.invokeAll(tasks, SECONDS, TimeUnit.SECONDS)) {
            task.get();
        }
    }

    @Test
    void sixteenConsumersOfAHundredPartitionsGetEveryMessageOnceInOrderUnderOneLeaseAtATime() throws Exception {
        int partitions = 100;
        int perPartition = 30;
        Map<String, List<Long>> taken = new ConcurrentHashMap<>();
        Map<String, Integer> holders = new ConcurrentHashMap<>();
        var left = new AtomicInteger(partitions * perPartition);
        var tasks = new ArrayList<Callable<Void>>();
        tasks.add(() -> {
            try (var writer = writer()) {
                for (int i = 1; i <= perPartition; i++) {
                    var messages = new ArrayList<NewMessage>();
                    for (int p = 0; p < partitions; p++) {
                        messages.add(message("p" + p, "t" + i));
                    }
                    writer.write(messages, List.of());
                }
            }
            return null;
        });
        for (int c = 0; c < 16; c++) {
            int consumer = c;
            tasks.add(() -> {
                var random = new Random(consumer);
                while (left.get() > 0 && !Thread.interrupted()) {
                    PopResult result = pop(request(1 + random.nextInt(20), 1 + random.nextInt(6)));
                    List<String> held = result.messages().stream()
                            .map(Message::partition)
                            .distinct()
                            .toList();
                    for (String partition : held) {
                        assertThat(holders.put(partition, consumer))
                                .as("another holder of %s", partition)
                                .isNull();
                    }
                    for (Message message : result.messages()) {
                        taken.computeIfAbsent(message.partition(), name -> new ArrayList<>())
                                .add(message.seq());
                    }
                    held.forEach(holders::remove);
                    if (!held.isEmpty()) {
                        complete(result);
                        left.addAndGet(-result.messages().size());
                    }
                }
                return null;
            });
        }
        together(tasks);
        assertThat(taken).hasSize(partitions);
        assertThat(taken.values())
                .allSatisfy(seqs -> assertThat(seqs)
                        .containsExactlyElementsOf(
                                LongStream.rangeClosed(1, perPartition).boxed().toList()));
        assertThat(postgres.query("select count(*) from sluice.cursors where available_at is not null"))
                .as("cursors that are not idle")
                .containsExactly("0");
    }

    @Test
    void aPushThatCommitsLateIsNeverPassed() throws Exception {
        try (var writer = writer();
                var late = new WriterSession(postgres.dataSource(), QueueWriterConfig.DEFAULTS)) {
            writer.write(List.of(message("p", "t0")), List.of());
            complete(pop(request(9, 1)));
            for (int round = 1; round <= 10; round++) {
                boolean readyBefore = round % 2 == 0;
                String early = "early" + round;
                String last = "late" + round;
                if (readyBefore) {
                    writer.write(List.of(message("p", early)), List.of());
                }
                var written = new CountDownLatch(1);
                var release = new CountDownLatch(1);
                Future<Flush> flush = pool.submit(() -> late.run("late", transaction -> {
                    var given = new Flush(List.of(message("p", last)));
                    assertThat(transaction.locate(given) && transaction.write(given))
                            .isTrue();
                    written.countDown();
                    await(release);
                    return Ending.commit(given);
                }));
                await(written);
                try {
                    PopResult first = pop(request(9, 1));
                    assertThat(ids(first)).isEqualTo(readyBefore ? List.of(early) : List.of());
                    if (readyBefore) {
                        complete(first);
                    }
                    assertThat(pop(request(9, 1)).messages())
                            .as("while it is not committed")
                            .isEmpty();
                } finally {
                    release.countDown();
                }
                flush.get(SECONDS, TimeUnit.SECONDS);
                PopResult second = pop(request(9, 1));
                assertThat(ids(second)).containsExactly(last);
                complete(second);
            }
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void anAckThatEmptiesAPartitionWhileItIsPushedToLeavesNothingStuck() throws Exception {
        int rounds = 200;
        var start = new CyclicBarrier(2);
        try (var writer = writer()) {
            writer.write(List.of(message("p", "t0")), List.of());
            for (int round = 1; round <= rounds; round++) {
                String next = "t" + round;
                boolean autoAck = round % 3 == 0;
                PopResult held = autoAck ? null : pop(request(9, 1));
                var tasks = new ArrayList<Callable<List<String>>>();
                tasks.add(() -> {
                    start.await(SECONDS, TimeUnit.SECONDS);
                    if (held != null) {
                        complete(held);
                        return ids(held);
                    }
                    return ids(pop(new PopRequest(1, 1, true, Subscription.ALL)));
                });
                tasks.add(() -> {
                    start.await(SECONDS, TimeUnit.SECONDS);
                    writer.write(List.of(message("p", next)), List.of());
                    return List.of("t" + (Integer.parseInt(next.substring(1)) - 1));
                });
                List<Future<List<String>>> done = pool.invokeAll(tasks, SECONDS, TimeUnit.SECONDS);
                assertThat(done.get(0).get())
                        .as("round %s", round)
                        .isEqualTo(done.get(1).get());
                PopResult pushed = pop(request(9, 1));
                assertThat(ids(pushed)).as("round %s", round).containsExactly(next);
                queue.acknowledge(List.of(new Acknowledgement(
                        ANY.group(),
                        pushed.messages().get(0).partitionId(),
                        next,
                        pushed.leaseId(),
                        Verdict.RETRY,
                        null)));
            }
        }
    }

    @Test
    void tenThousandFlushesOverOverlappingPartitionsNeverDeadlock() throws Exception {
        int writers = 8;
        int flushes = 1250;
        postgres.withoutSyncs();
        var tasks = new ArrayList<Callable<Void>>();
        var pushed = new AtomicInteger();
        for (int w = 0; w < writers; w++) {
            int seed = w;
            tasks.add(() -> {
                var random = new Random(seed);
                try (var mine = writer()) {
                    for (int i = 0; i < flushes; i++) {
                        var messages = new ArrayList<NewMessage>();
                        for (int m = 1 + random.nextInt(5); m > 0; m--) {
                            messages.add(message(
                                    "q" + random.nextInt(3), "p" + random.nextInt(8), seed + "-" + i + "-" + m, "1"));
                        }
                        mine.write(messages, List.of());
                        pushed.addAndGet(messages.size());
                    }
                }
                return null;
            });
        }
        together(tasks);
        assertThat(postgres.query("select count(*) from sluice.messages"))
                .containsExactly(String.valueOf(pushed.get()));
        assertThat(postgres.query("select count(*) from sluice.partitions p where head <>"
                        + " (select count(*) from sluice.messages m where m.partition_id = p.id)"))
                .containsExactly("0");
        assertThat(postgres.query("select deadlocks from pg_stat_database where datname = current_database()"))
                .containsExactly("0");
    }
}
