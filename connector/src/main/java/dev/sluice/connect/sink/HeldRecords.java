package dev.sluice.connect.sink;

import dev.sluice.queue.NewMessage;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.apache.kafka.connect.sink.SinkRecord;
import org.jspecify.annotations.Nullable;

/**
 * The records a sink task has accepted and not written yet, in order, with their messages.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class HeldRecords {
    private final List<SinkRecord> records = new ArrayList<>();

    /** The message of each of {@link #records}; null where the record was refused. */
    private final List<@Nullable NewMessage> messages = new ArrayList<>();

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

    /** Returns the records from {@code from} to {@code to}, exclusive; a view. */
    List<SinkRecord> records(int from, int to) {
        return records.subList(from, to);
    }

    /** Returns the message of a record, or null if it was refused. */
    @Nullable
    NewMessage message(int index) {
        return messages.get(index);
    }

    /**
     * Returns the messages of a range without the gaps that refused records leave.
     *
     * @param leftOut says which records are left out, too
     */
    List<NewMessage> messages(int from, int to, Predicate<SinkRecord> leftOut) {
        var found = new ArrayList<NewMessage>(to - from);
        for (int i = from; i < to; i++) {
            NewMessage message = messages.get(i);
            if (message != null && !leftOut.test(records.get(i))) {
                found.add(message);
            }
        }
        return found;
    }

    /** Returns how long the oldest record has been held. */
    Duration age() {
        return Duration.ofNanos(System.nanoTime() - sinceNanos);
    }

    /**
     * Takes a record.
     *
     * @param message null: the record is refused
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

    /** Forgets the first records. */
    void removeFirst(int count) {
        records.subList(0, count).clear();
        messages.subList(0, count).clear();
    }

    /** Forgets the records that {@code gone} says, which is asked once for each, in order. */
    void removeIf(Predicate<SinkRecord> gone) {
        int kept = 0;
        for (int i = 0; i < records.size(); i++) {
            SinkRecord record = records.get(i);
            if (!gone.test(record)) {
                records.set(kept, record);
                messages.set(kept, messages.get(i));
                kept++;
            }
        }
        records.subList(kept, records.size()).clear();
        messages.subList(kept, messages.size()).clear();
    }

    /** Returns the end, exclusive, of the batch that starts at {@code from}: at least one record. */
    int batchEnd(int from, int maxRecords, long maxBytes) {
        int end = from;
        int limit = (int) Math.min(records.size(), (long) from + maxRecords);
        long bytesLeft = maxBytes;
        while (end < limit && bytesLeft > 0) {
            NewMessage message = messages.get(end++);
            bytesLeft -= message == null ? 0 : message.payload().length;
        }
        return end;
    }
}
