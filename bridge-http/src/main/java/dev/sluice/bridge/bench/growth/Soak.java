package dev.sluice.bridge.bench.growth;

import dev.sluice.bridge.bench.BenchException;
import dev.sluice.bridge.bench.Load;
import dev.sluice.bridge.bench.LoadStream;
import dev.sluice.bridge.bench.PopTraffic;
import dev.sluice.bridge.bench.ProcessFiles;
import dev.sluice.bridge.bench.growth.GrowthBridge.Shapes;
import dev.sluice.bridge.bench.growth.SlicedTraffic.Slice;
import dev.sluice.bridge.system.Threads;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A load at a fixed rate for a long time: pushes of ten messages, which consumers pop and acknowledge. The queue
 * deletes messages a minute after they are consumed, so it should neither grow nor slow down.
 */
final class Soak {
    private static final String QUEUE = "soak";
    private static final int PARTITIONS = 100;
    private static final int BATCH = 10;
    private static final int PRODUCERS = 32;
    private static final int CONSUMERS = 4;
    private static final String POP = "batch=1000&partitions=100&wait=true&timeout=1000";
    private static final String CONFIGURE = "{\"queue\":\"" + QUEUE + "\",\"options\":"
            + "{\"retentionEnabled\":true,\"completedRetentionSeconds\":60}}";
    private static final int PATIENCE_SECONDS = 30;
    private static final double MB = 1e6;
    private static final double MICROS = 1e6;

    private final GrowthBridge bridge;
    private final GrowthOptions options;
    private final Consumer<Sample> sink;
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile @Nullable Exception failure;

    /**
     * Creates the soak.
     *
     * @param sink gets the samples, on the thread that samples
     */
    Soak(GrowthBridge bridge, GrowthOptions options, Consumer<Sample> sink) {
        this.bridge = bridge;
        this.options = options;
        this.sink = sink;
    }

    /** Runs the load and returns when the last sample is taken. */
    void run(long minutes) throws IOException, SQLException, InterruptedException, BenchException {
        run(Duration.ofMinutes(minutes));
    }

    void run(Duration time) throws IOException, SQLException, InterruptedException, BenchException {
        bridge.send("POST", "/api/v1/configure", CONFIGURE);
        PopTraffic pops = bridge.pops(QUEUE, POP, Long.MAX_VALUE, CONSUMERS);
        var shapes = new Shapes(QUEUE, PARTITIONS, BATCH, Shapes.PAYLOAD);
        var pushes = new SlicedTraffic(bridge.pushes(shapes, PRODUCERS), pops);
        LoadStream producers = LoadStream.open(pushes, PRODUCERS, options.rate(), 1);
        pushes.times(producers);
        String url = bridge.own().databaseUrl().orElseThrow();
        try (var load = new Load(bridge.own().address(), List.of(producers, LoadStream.closed(pops, CONSUMERS)));
                GrowthDatabase database = GrowthDatabase.open(url)) {
            Thread sampler = Threads.daemon("sluice-bench-soak", () -> sample(pushes, time, database));
            sampler.start();
            try {
                load.run(time);
            } finally {
                over.countDown();
                pushes.finish();
                sampler.join();
            }
        }
        Exception failed = failure;
        if (failed != null) {
            throw BenchException.failed("the soak cannot be sampled: " + failed.getMessage());
        }
    }

    /** Samples until the time of the soak is over. If the load is late, it may go on for longer. */
    private void sample(SlicedTraffic pushes, Duration time, GrowthDatabase database) {
        long begin = System.nanoTime();
        try {
            Times before = times();
            while (!over.await(options.every().toNanos(), TimeUnit.NANOSECONDS)) {
                Slice slice = pushes.cut(PATIENCE_SECONDS, TimeUnit.SECONDS);
                long elapsed = System.nanoTime() - begin;
                if (elapsed > time.toNanos()) {
                    return;
                }
                if (slice != null) {
                    sink.accept(sample(elapsed / 1e9, slice, before, database));
                    before = times();
                }
            }
        } catch (IOException | SQLException | RuntimeException e) {
            failure = e;
            pushes.end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Processor time in seconds: of the bridge, of PostgreSQL, of this process, and of the whole machine. */
    private record Times(double bridge, double postgres, double driver, double machine) {
        double others() {
            return machine - bridge - postgres - driver;
        }
    }

    private Times times() throws IOException {
        return new Times(
                ProcessFiles.cpu(bridge.own().pid()),
                ProcessFiles.cpuOfTree(bridge.own().postgresPid()),
                ProcessFiles.cpu(ProcessHandle.current().pid()),
                ProcessFiles.cpuOfMachine());
    }

    private Sample sample(double seconds, Slice slice, Times before, GrowthDatabase database)
            throws IOException, SQLException {
        long pid = bridge.own().pid();
        Times now = times();
        double messages = Math.max(1, slice.pushed());
        var sample = new Sample(seconds)
                .set(Gauge.CPU_BRIDGE, MICROS * (now.bridge - before.bridge) / messages)
                .set(Gauge.CPU_POSTGRES, MICROS * (now.postgres - before.postgres) / messages)
                .set(Gauge.CORES_OTHERS, Math.max(0, now.others() - before.others()) / slice.seconds())
                .set(Gauge.PUSHED, slice.pushed() / slice.seconds())
                .set(Gauge.DELIVERED, slice.popped() / slice.seconds())
                .set(Gauge.P50, slice.p50())
                .set(Gauge.P99, slice.p99())
                .set(Gauge.FAILED, (double) slice.failed())
                .set(Gauge.RESIDENT, ProcessFiles.resident(pid))
                .set(Gauge.HEAP_USED, bridge.jvm().usedHeap() / MB)
                .set(Gauge.HEAP_COMMITTED, bridge.jvm().committedHeap() / MB)
                .set(
                        Gauge.POSTGRES,
                        ProcessFiles.proportional(ProcessFiles.tree(bridge.own().postgresPid())))
                .set(Gauge.THREADS, ProcessFiles.threads(pid))
                .set(Gauge.OPEN_FILES, ProcessFiles.openFiles(pid))
                .set(Gauge.LOG, bytes(bridge.own().directory().resolve("data").resolve("log")) / MB);
        database.read(sample);
        return sample;
    }

    /** Returns the bytes of all files below a directory. A file that goes away meanwhile does not count. */
    static double bytes(Path directory) throws IOException {
        double[] sum = {0};
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                sum[0] += attributes.size();
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE;
            }
        });
        return sum[0];
    }
}
