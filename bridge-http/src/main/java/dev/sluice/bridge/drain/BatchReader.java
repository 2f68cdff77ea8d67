package dev.sluice.bridge.drain;

import dev.sluice.buffer.Entry;
import dev.sluice.buffer.LogReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Reads a batch of one epoch, and lingers for more entries if it is not full. One thread owns it. */
final class BatchReader {
    private final LogReader reader;
    private final DrainConfig config;

    BatchReader(LogReader reader, DrainConfig config) {
        this.reader = reader;
        this.config = config;
    }

    /** Reads the available entries. If {@code mayLinger}, lingers as {@link DrainConfig#linger} says. */
    List<Entry> read(boolean mayLinger) throws IOException, InterruptedException {
        List<Entry> entries = reader.read(config.batchRecords(), config.batchBytes());
        return config.linger().isZero() || entries.isEmpty() || !mayLinger ? entries : linger(entries);
    }

    private List<Entry> linger(List<Entry> first) throws IOException, InterruptedException {
        var entries = new ArrayList<>(first);
        long bytes = bytes(first);
        long deadline = System.nanoTime() + config.linger().toNanos();
        while (entries.size() < config.batchRecords() && bytes < config.batchBytes()) {
            long left = deadline - System.nanoTime();
            if (left <= 0 || !reader.await(Duration.ofNanos(left))) {
                break;
            }
            long position = reader.position();
            List<Entry> more = reader.read(config.batchRecords() - entries.size(), config.batchBytes() - bytes);
            if (!more.isEmpty() && more.get(0).epoch() != first.get(0).epoch()) {
                reader.seek(position);
                break;
            }
            entries.addAll(more);
            bytes += bytes(more);
        }
        return entries;
    }

    private static long bytes(List<Entry> entries) {
        return entries.stream().mapToLong(entry -> entry.payload().length).sum();
    }
}
