package dev.sluice.bridge.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.bridge.drain.Destination;
import dev.sluice.bridge.drain.Drain;
import dev.sluice.bridge.drain.DrainConfig;
import dev.sluice.buffer.SegmentLogConfig;
import dev.sluice.connect.sink.QueueSinkConfig;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;

/**
 * Measures the throughput of pushes through log and drain into an embedded PostgreSQL, without HTTP.
 *
 * <p>Arguments: {@code stored|buffered}, messages per push, pushes at a time, seconds, lanes. Defaults: {@code stored
 * 100 16 10 1}. Run by {@code mvn -pl bridge-http test-compile exec:java
 * -Dexec.mainClass=dev.sluice.bridge.ingest.IngestBenchmark}. Payloads have 195 bytes, there are 50 partitions. The
 * first four seconds are not counted.
 */
public final class IngestBenchmark {
    private static final int PARTITIONS = 50;
    private static final int WARM_UP_SECONDS = 4;
    private static final byte[] PAYLOAD = ("{\"text\":\"" + "x".repeat(184) + "\"}").getBytes(UTF_8);

    private final Intake intake;
    private final Durability durability;
    private final int batch;
    private final int pushes;
    private long ids;

    private IngestBenchmark(Intake intake, Durability durability, int batch, int pushes) {
        this.intake = intake;
        this.durability = durability;
        this.batch = batch;
        this.pushes = pushes;
    }

    /** Runs the benchmark. */
    public static void main(String[] args) throws Exception {
        Durability durability = Durability.valueOf((args.length > 0 ? args[0] : "stored").toUpperCase(Locale.ROOT));
        int batch = argument(args, 1, 100);
        int pushes = argument(args, 2, 16);
        int seconds = argument(args, 3, 10);
        int laneCount = argument(args, 4, 1);
        Path directory = Files.createTempDirectory("sluice-ingest");
        try (TestPostgres postgres = TestPostgres.withSchema();
                Lanes lanes = Lanes.open(directory, laneCount, SegmentLogConfig.defaults(directory));
                FailedRecords failed = FailedRecords.open(directory);
                Intake intake = new Intake(lanes, Duration.ofSeconds(1))) {
            var config = new DrainConfig(
                    Map.of(QueueSinkConfig.CONNECTION_URL, postgres.url(), QueueSinkConfig.CONNECTION_USER, "postgres"),
                    20_000,
                    16 << 20,
                    Duration.ZERO,
                    Duration.ofSeconds(5));
            var drain = new Drain(lanes, intake, failed, config, queues -> {}, Destination.postgres());
            drain.start();
            var benchmark = new IngestBenchmark(intake, durability, batch, pushes);
            benchmark.run(WARM_UP_SECONDS);
            System.out.println(benchmark.run(seconds));
            System.out.println(intake.status());
            System.out.println(drain.stop(Duration.ofSeconds(60)));
        }
        System.exit(0);
    }

    private static int argument(String[] args, int index, int otherwise) {
        return args.length > index ? Integer.parseInt(args[index]) : otherwise;
    }

    private String run(int seconds) throws InterruptedException {
        var permits = new Semaphore(pushes);
        var answered = new LongAdder();
        var latencies = new ConcurrentLinkedQueue<Long>();
        long start = System.nanoTime();
        while (System.nanoTime() - start < Duration.ofSeconds(seconds).toNanos()) {
            permits.acquire();
            List<NewMessage> messages = messages();
            long pushed = System.nanoTime();
            var unused = intake.accept(messages, durability).whenComplete((results, failure) -> {
                answered.add(failure == null ? results.size() : 0);
                latencies.add(System.nanoTime() - pushed);
                permits.release();
            });
        }
        permits.acquire(pushes);
        double elapsed = (System.nanoTime() - start) / 1e9;
        List<Long> sorted = latencies.stream().sorted().toList();
        return String.format(
                Locale.ROOT,
                "%s: %,.0f messages/s, %,.0f pushes/s of %d, %d at a time, p50 %.2f ms, p99 %.2f ms",
                durability,
                answered.sum() / elapsed,
                sorted.size() / elapsed,
                batch,
                pushes,
                sorted.get(sorted.size() / 2) / 1e6,
                sorted.get(sorted.size() * 99 / 100) / 1e6);
    }

    /** Runs of twenty messages per partition, as a producer that fills a batch would send them. */
    private List<NewMessage> messages() {
        var messages = new ArrayList<NewMessage>(batch);
        for (int i = 0; i < batch; i++) {
            long id = ++ids;
            messages.add(NewMessage.builder(
                            new UUID(0x0190_0000_0000_7000L, 0x8000_0000_0000_0000L | id),
                            "benchmark",
                            "p" + id / 20 % PARTITIONS,
                            Long.toString(id),
                            PAYLOAD)
                    .generatedTransactionId(true)
                    .build());
        }
        return messages;
    }
}
