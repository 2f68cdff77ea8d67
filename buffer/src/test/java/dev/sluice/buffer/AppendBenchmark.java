package dev.sluice.buffer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;

/**
 * Measures synced appends by 1, 16 and 64 producers, in appends of 1 and 100 records of 200 bytes. Compares each with
 * one thread that writes as many bytes and calls fdatasync in a loop. Then measures unsynced appends with a reader.
 * {@code README.md} of the module has the command.
 */
final class AppendBenchmark {
    private static final int RECORD_BYTES = 200;

    private AppendBenchmark() {}

    /** Arguments: a directory on the disk to measure, and seconds for each measurement (2). */
    public static void main(String[] arguments) throws Exception {
        var directory = Path.of(arguments[0]);
        var time = Duration.ofMillis((long) (1000 * (arguments.length > 1 ? Double.parseDouble(arguments[1]) : 2)));
        Files.createDirectories(directory);
        synced(directory, Duration.ofSeconds(1), 16, 100); // Warm-up.
        System.out.println(
                "producers  group   appends/s   records/s     MB/s  records/sync  p50 ms  p99 ms   raw MB/s  of raw");
        for (int group : new int[] {1, 100}) {
            for (int producers : new int[] {1, 16, 64}) {
                double raw = raw(directory, time, group * RECORD_BYTES);
                var result = synced(directory, time, producers, group);
                System.out.printf(
                        Locale.ROOT,
                        "%9d %6d %11.0f %11.0f %8.2f %13.1f %7.2f %7.2f %10.2f %6.0f%%%n",
                        producers,
                        group,
                        result.appendsPerSecond,
                        result.appendsPerSecond * group,
                        result.appendsPerSecond * group * RECORD_BYTES / 1e6,
                        result.recordsPerSync,
                        result.p50Millis,
                        result.p99Millis,
                        raw,
                        100 * result.appendsPerSecond * group * RECORD_BYTES / 1e6 / raw);
            }
        }
        for (int group : new int[] {1, 100}) {
            unsynced(directory, time, group);
        }
    }

    private record Result(double appendsPerSecond, double recordsPerSync, double p50Millis, double p99Millis) {}

    /** Returns MB/s of one thread that repeatedly writes a group and syncs, into a growing file. */
    private static double raw(Path directory, Duration time, int groupBytes) throws IOException {
        var path = directory.resolve("raw");
        var bytes = ByteBuffer.allocateDirect(groupBytes);
        try (var channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            long position = 0;
            long start = System.nanoTime();
            while (System.nanoTime() - start < time.toNanos()) {
                position += channel.write(bytes.clear(), position);
                channel.force(false);
            }
            return position / ((System.nanoTime() - start) / 1e9) / 1e6;
        } finally {
            Files.delete(path);
        }
    }

    private static List<byte[]> group(int records) {
        var payloads = new ArrayList<byte[]>();
        for (int i = 0; i < records; i++) {
            var payload = new byte[RECORD_BYTES];
            Arrays.fill(payload, (byte) ('a' + i % 26));
            payloads.add(payload);
        }
        return payloads;
    }

    private static Result synced(Path directory, Duration time, int producers, int group) throws Exception {
        var path = directory.resolve("log");
        var appends = new LongAdder();
        var nanos = new ArrayList<Long>();
        double seconds;
        LogCounters counters;
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(path))) {
            var running = new AtomicBoolean(true);
            var threads = new ArrayList<Thread>();
            for (int i = 0; i < producers; i++) {
                threads.add(new Thread(() -> {
                    var payloads = group(group);
                    var mine = new ArrayList<Long>();
                    while (running.get()) {
                        long start = System.nanoTime();
                        if (log.append(payloads) instanceof AppendResult.Appended appended) {
                            log.sync(appended.lastOffset()).join();
                            appends.increment();
                            mine.add(System.nanoTime() - start);
                        }
                        log.commit(Math.max(0, log.status().durableOffset() - 1));
                    }
                    synchronized (nanos) {
                        nanos.addAll(mine);
                    }
                }));
            }
            long start = System.nanoTime();
            threads.forEach(Thread::start);
            Thread.sleep(time.toMillis());
            running.set(false);
            for (var thread : threads) {
                thread.join();
            }
            seconds = (System.nanoTime() - start) / 1e9;
            counters = log.status().counters();
        } finally {
            delete(path);
        }
        nanos.sort(Comparator.naturalOrder());
        return new Result(
                appends.sum() / seconds,
                (double) counters.records() / Math.max(1, counters.syncs()),
                nanos.get(nanos.size() / 2) / 1e6,
                nanos.get((int) (nanos.size() * 0.99)) / 1e6);
    }

    /** Appends as fast as the log accepts, without waiting for the disk, with one reader that commits. */
    private static void unsynced(Path directory, Duration time, int group) throws Exception {
        var path = directory.resolve("log");
        long read = 0;
        try (var log = SegmentLog.open(SegmentLogConfig.defaults(path));
                var reader = log.reader(0)) {
            var running = new AtomicBoolean(true);
            var producer = new Thread(() -> {
                var payloads = group(group);
                while (running.get()) {
                    if (!(log.append(payloads) instanceof AppendResult.Appended)) {
                        Thread.onSpinWait();
                    }
                }
            });
            long start = System.nanoTime();
            producer.start();
            while (System.nanoTime() - start < time.toNanos()) {
                if (reader.await(Duration.ofMillis(10))) {
                    read += reader.read(10_000, 4 << 20).size();
                    log.commit(reader.position());
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            running.set(false);
            producer.join();
            System.out.printf(
                    Locale.ROOT,
                    "unsynced, group %d: %.0f appends/s written, %.0f records/s read behind them, %.1f appends per write%n",
                    group,
                    log.status().counters().appends() / seconds,
                    read / seconds,
                    (double) log.status().counters().appends()
                            / log.status().counters().groups());
        } finally {
            delete(path);
        }
    }

    static void delete(Path directory) throws IOException {
        try (var files = Files.walk(directory)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
