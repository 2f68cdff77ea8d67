package dev.sluice.connect.sink;

import dev.sluice.queue.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * The records that a sink task has accepted and not written yet, in order, each with its message.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class HeldRecords {
    private final List<SinkRecord> records = new ArrayList<>();

    /** The message of each of {@link #records}; null if the record was refused. */
    private final List<@Nullable NewMessage> messages = new ArrayList<>();

    /** When the oldest record came. */
    private long sinceNanos;

    boolean isEmpty() {
        return records.isEmpty();
    }

    int size() {
        return records.size();
    }

    SinkRecord record(int index) {
        return records.get(index);
    }

    /** Returns a view of the records from {@code from} to {@code to}, exclusive. */
    List<SinkRecord> records(int from, int to) {
        return records.subList(from, to);
    }

    /** Returns the message of a record, or null if it was refused. */
    @Nullable
    NewMessage message(int index) {
        return messages.get(index);
    }

    /**
     * Returns the messages of the records in a range that were not refused.
     *
     * @param isOmitted accepts further records to omit
     */
    List<NewMessage> messages(int from, int to, Predicate<SinkRecord> isOmitted) {
        var found = new ArrayList<NewMessage>(to - from);
        for (int i = from; i < to; i++) {
            NewMessage message = messages.get(i);
            if (message != null && !isOmitted.test(records.get(i))) {
                found.add(message);
            }
        }
        return found;
    }

    /** Returns the time since the oldest record came. */
    Duration age() {
        return Duration.ofNanos(System.nanoTime() - sinceNanos);
    }

    /**
     * Adds a record.
     *
     * @param message null if the record was refused
     */
    void add(SinkRecord record, @Nullable NewMessage message) {
        if (records.isEmpty()) {
            sinceNanos = System.nanoTime();
        }
        records.add(record);
        messages.add(message);
    }

    /** Notes that a record was refused. */
    void refused(int index) {
        messages.set(index, null);
    }

    /** Removes the first records. */
    void removeFirst(int count) {
        records.subList(0, count).clear();
        messages.subList(0, count).clear();
    }

    /** Removes the records that a predicate accepts. It calls the predicate once for each record, in order. */
    void removeIf(Predicate<SinkRecord> isRemoved) {
        int kept = 0;
        for (int i = 0; i < records.size(); i++) {
            SinkRecord record = records.get(i);
            if (!isRemoved.test(record)) {
                records.set(kept, record);
                messages.set(kept, messages.get(i));
                kept++;
            }
        }
        records.subList(kept, records.size()).clear();
        messages.subList(kept, messages.size()).clear();
    }

    /** Returns the end, exclusive, of the batch that starts at {@code from}. It has at least one record. */
    int batchEnd(int from, int maxRecords, long maxBytes) {
        int end = from;
        int limit = (int) Math.min(records.size(), (long) from + maxRecords);
        long bytesLeft = maxBytes;
        while (end < limit && bytesLeft > 0) {
            NewMessage message = messages.get(end++);
            bytesLeft -= message == null ? 0 : message.contentBytes();
        }
        return end;
    }
}
