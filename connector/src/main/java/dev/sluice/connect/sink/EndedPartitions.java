package dev.sluice.connect.sink;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * The partitions that end at a record which can be neither written nor reported. The task writes what precedes the
 * record, nothing from the record on, and then fails.
 *
 * <p>Not thread-safe; the task's thread owns it.
 */
final class EndedPartitions {
    private final Map<SinkPosition, End> ends = new LinkedHashMap<>();

    private record End(long offset, ConnectException reason) {}

    boolean isEmpty() {
        return ends.isEmpty();
    }

    /** Ends a partition at a record, unless it ends before the record already. */
    void add(SinkPosition position, SinkRecord record, ConnectException reason) {
        End known = ends.get(position);
        if (known == null || record.originalKafkaOffset() < known.offset) {
            ends.put(position, new End(record.originalKafkaOffset(), reason));
        }
    }

    /** Returns true if the task must not write the record with this offset. */
    boolean isBeyond(SinkPosition position, long offset) {
        End end = ends.get(position);
        return end != null && offset >= end.offset;
    }

    /** Removes a partition, because it belongs to another task now or its records come again. */
    void forget(SinkPosition position) {
        ends.remove(position);
    }

    /** Returns the failure to throw once the task has written everything that precedes the ends. */
    ConnectException failure() {
        String message = ends.entrySet().stream()
                .map(each -> message(each.getKey(), each.getValue()))
                .collect(Collectors.joining("; "));
        ConnectException first = ends.values().iterator().next().reason;
        return new ConnectException(message, first.getCause() == null ? first : first.getCause());
    }

    private static String message(SinkPosition position, End end) {
        String reason = String.valueOf(end.reason.getMessage());
        return reason + (reason.endsWith(".") ? "" : ".") + " All records of " + position.topicPartition
                + " before offset " + end.offset + " are stored, none is from offset " + end.offset
                + " on. To skip only this record, set the offset of the partition to " + (end.offset + 1);
    }
}
