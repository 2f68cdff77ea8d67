package dev.sluice.buffer;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Opens a log of 1,000,000 records of 200 bytes after a crash, verifies all of it, and reads it back. {@code README.md}
 * of the module has the command.
 */
final class OpenBenchmark {
    private static final int RECORD_BYTES = 200;

    private OpenBenchmark() {}

    /** Arguments: a directory, and the number of records (1,000,000). */
    public static void main(String[] arguments) throws Exception {
        var path = Path.of(arguments[0]).resolve("log");
        int records = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1_000_000;
        for (int group : new int[] {100, 1}) {
            var config = SegmentLogConfig.defaults(path)
                    .withVerifyBytes(Long.MAX_VALUE)
                    .withSync(SyncPolicy.os());
            try (var log = SegmentLog.open(config)) {
                List<byte[]> payloads = new ArrayList<>();
                for (int i = 0; i < group; i++) {
                    payloads.add(new byte[RECORD_BYTES]);
                }
                for (int i = 0; i < records; i += group) {
                    while (!(log.append(payloads) instanceof AppendResult.Appended)) {
                        Thread.onSpinWait();
                    }
                }
                log.sync(log.nextOffset() - 1).get();
            }
            Files.delete(path.resolve(CommittedPosition.FILE)); // As if the process had been killed.
            long start = System.nanoTime();
            try (var log = SegmentLog.open(config);
                    var reader = log.reader(0)) {
                double opened = (System.nanoTime() - start) / 1e9;
                long read = 0;
                while (reader.await(Duration.ZERO)) {
                    read += reader.read(10_000, 4 << 20).size();
                }
                System.out.printf(
                        Locale.ROOT,
                        "%,d records of %d bytes in appends of %d: opened and verified in %.2f s (%d of %d segments), "
                                + "%,d read back in %.2f s, heap at most %d MiB%n",
                        records,
                        RECORD_BYTES,
                        group,
                        opened,
                        log.recovery().segmentsVerified(),
                        log.recovery().segments(),
                        read,
                        (System.nanoTime() - start) / 1e9 - opened,
                        Runtime.getRuntime().maxMemory() >> 20);
            } finally {
                AppendBenchmark.delete(path);
            }
        }
    }
}
