package dev.sluice.bridge.drain;

import dev.sluice.bridge.ingest.Lane;
import dev.sluice.buffer.Entry;
import dev.sluice.buffer.LogReader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a batch of one epoch. It waits for more entries as {@link AnsweredPushes} says, and then, if the batch is not
 * full, as {@link DrainConfig#linger} says. One thread owns it.
 */
final class BatchReader {
    private final Lane lane;
    private final LogReader reader;
    private final AnsweredPushes answered;
    private final DrainConfig config;

    BatchReader(Lane lane, LogReader reader, AnsweredPushes answered, DrainConfig config) {
        this.lane = lane;
        this.reader = reader;
        this.answered = answered;
        this.config = config;
    }

    /** Reads the available entries. Waits for more of them only if {@code mayLinger}. */
    List<Entry> read(boolean mayLinger) throws IOException, InterruptedException {
        if (mayLinger) {
            awaitAnswered();
        }
        List<Entry> entries = reader.read(config.batchRecords(), config.batchBytes());
        return config.linger().isZero() || entries.isEmpty() || !mayLinger ? entries : linger(entries);
    }

    /** Waits for the next pushes of clients that were just answered, if some push waits for its commit. */
    private void awaitAnswered() throws InterruptedException {
        Duration wait = answered.waitFor(lane.segments().nextOffset() - reader.position());
        if (!wait.isZero() && lane.hasWaiting()) {
            boolean unused = reader.await(answered.expected(), wait);
        }
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
