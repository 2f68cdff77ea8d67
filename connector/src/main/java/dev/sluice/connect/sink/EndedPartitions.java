package dev.sluice.connect.sink;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The partitions that end at a record, because the record is neither in the queue nor where it was reported to. What
 * precedes the record is written, nothing from the record on is, and then the task fails.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class EndedPartitions {
    private final Map<SinkPosition, End> ends = new LinkedHashMap<>();

    private record End(long offset, ConnectException reason) {}

    boolean isEmpty() {
        return ends.isEmpty();
    }

    /** Ends a partition at a record, unless it ends before it already. */
    void add(SinkPosition source, SinkRecord record, ConnectException reason) {
        End known = ends.get(source);
        if (known == null || record.originalKafkaOffset() < known.offset) {
            ends.put(source, new End(record.originalKafkaOffset(), reason));
        }
    }

    /** Says whether a record of the partition must not be written. */
    boolean isBeyond(SinkPosition source, long offset) {
        End end = ends.get(source);
        return end != null && offset >= end.offset;
    }

    /** The partition is given away, or its records come again. */
    void forget(SinkPosition source) {
        ends.remove(source);
    }

    /** Returns what to throw when everything that precedes the ends is written. */
    ConnectException failure() {
        String message = ends.entrySet().stream()
                .map(each -> message(each.getKey(), each.getValue()))
                .collect(Collectors.joining("; "));
        ConnectException first = ends.values().iterator().next().reason;
        return new ConnectException(message, first.getCause() == null ? first : first.getCause());
    }

    private static String message(SinkPosition source, End end) {
        String reason = String.valueOf(end.reason.getMessage());
        return reason + (reason.endsWith(".") ? "" : ".") + " All records of " + source.topicPartition
                + " before offset " + end.offset + " are stored, none is from offset " + end.offset
                + " on. To pass over this record alone, let the partition continue at offset " + (end.offset + 1);
    }
}
