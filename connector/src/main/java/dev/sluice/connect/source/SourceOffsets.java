package dev.sluice.connect.source;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.read.QueueReader.Partition;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;

/**
 * What Connect remembers of a partition: under <code>{"partition": id, "queue": name}</code> the offset <code>{"seq":
 * n}</code>, n being the seq of the last message that is in the topic. The id of a partition is never used again, so
 * one that is deleted and made anew begins at its beginning.
 */
public final class SourceOffsets {
    private static final String QUEUE = "queue";
    private static final String PARTITION = "partition";
    private static final String SEQ = "seq";

    private SourceOffsets() {}

    /**
     * Returns the key of a partition. Connect compares keys as JSON text, so the order of the parts counts. It is the
     * one in which a {@link java.util.HashMap} has them, for that is what Connect reads them into, and writes them from
     * when it resets offsets.
     */
    static Map<String, Object> key(Partition partition) {
        var key = new LinkedHashMap<String, Object>();
        key.put(PARTITION, partition.id());
        key.put(QUEUE, partition.queue());
        return Collections.unmodifiableMap(key);
    }

    static Map<String, Object> offset(long seq) {
        return Map.of(SEQ, seq);
    }

    /** Returns the seq of an offset that Connect has, or null if it has none. */
    static @Nullable Long seq(@Nullable Map<String, Object> offset) {
        return offset != null && offset.get(SEQ) instanceof Number seq ? seq.longValue() : null;
    }

    /**
     * Checks the form of an offset that an operator sets. Connect would store a key whose parts have another order, and
     * the task would never find it. An operator may reset any key, to remove one that was stored by mistake.
     *
     * @param offset null: none any more
     * @throws ConnectException if it is none of ours
     */
    public static void check(Map<String, ?> key, @Nullable Map<String, ?> offset) {
        boolean isOurs = key.get(QUEUE) instanceof String && isWhole(key.get(PARTITION)) && key.size() == 2;
        if (!isOurs && offset == null) {
            return;
        }
        if (!isOurs) {
            throw new ConnectException("a partition must be written {\"partition\": id, \"queue\": name}, was " + key);
        }
        if (!key.keySet().iterator().next().equals(PARTITION)) {
            throw new ConnectException(
                    "a partition must be written {\"partition\": id, \"queue\": name}, in this order, for"
                            + " Connect compares it as text, was " + key);
        }
        if (offset != null
                && !(isWhole(offset.get(SEQ)) && ((Number) offset.get(SEQ)).longValue() >= 0 && offset.size() == 1)) {
            throw new ConnectException("an offset must be written {\"seq\": n}, n being 0 or more, was " + offset);
        }
    }

    /**
     * Says whether a part of an offset is a whole number: {@code 7.0} would be other text to Connect, and 7.5 is no
     * position.
     */
    private static boolean isWhole(@Nullable Object value) {
        return value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte;
    }

    /** Returns the id of the partition that a key of ours names. */
    public static long id(Map<String, ?> key) {
        return ((Number) requireNonNull(key.get(PARTITION))).longValue();
    }

    /**
     * Checks an offset of the right form against the database.
     *
     * @param partition the partition of the id in the key; null if there is none
     * @param isRead says by its name whether the connector reads a queue
     * @throws ConnectException if it is no position that the connector would read from
     */
    public static void check(
            Map<String, ?> key, Map<String, ?> offset, @Nullable Partition partition, Predicate<String> isRead) {
        if (partition == null) {
            throw new ConnectException("there is no partition with the id " + id(key) + ", was " + key);
        }
        if (!partition.queue().equals(key.get(QUEUE))) {
            throw new ConnectException(
                    "partition " + id(key) + " belongs to the queue " + partition.queue() + ", was " + key);
        }
        if (!isRead.test(partition.queue())) {
            throw new ConnectException("the connector does not read the queue " + partition.queue() + ", see "
                    + QueueSourceConfig.QUEUES + " and " + QueueSourceConfig.QUEUES_PATTERN + ", was " + key);
        }
        long seq = ((Number) requireNonNull(offset.get(SEQ))).longValue();
        if (seq > partition.head()) {
            throw new ConnectException("seq " + seq + " is beyond the newest message of partition " + id(key)
                    + " of queue " + partition.queue() + ", which has seq " + partition.head());
        }
    }
}
