package dev.sluice.connect;

import dev.sluice.queue.QueueReader.Partition;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;

/**
 * What Connect remembers of a partition: under <code>{"partition": id, "queue": name}</code> the offset
 * <code>{"seq": n}</code>, n being the seq of the last message that is in the topic. The id of a partition is never used again,
 * so one that is deleted and made anew begins at its beginning.
 */
final class SourceOffsets {
    private static final String QUEUE = "queue";
    private static final String PARTITION = "partition";
    private static final String SEQ = "seq";

    private SourceOffsets() {}

    /**
     * Returns the key of a partition. Connect compares keys as JSON text, so the order of the parts counts. It is the one in which
     * a {@link java.util.HashMap} has them, for that is what Connect reads them into, and writes them from when it resets offsets.
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
     * Checks an offset somebody gives by hand. One whose key has another order would be stored and never found.
     *
     * @param offset null: none any more
     * @throws ConnectException if it is none of ours
     */
    static void check(Map<String, ?> key, @Nullable Map<String, ?> offset) {
        if (!(key.get(QUEUE) instanceof String) || !(key.get(PARTITION) instanceof Number) || key.size() != 2) {
            throw new ConnectException("a partition must be written {\"partition\": id, \"queue\": name}, was " + key);
        }
        if (!key.keySet().iterator().next().equals(PARTITION)) {
            throw new ConnectException(
                    "a partition must be written {\"partition\": id, \"queue\": name}, in this order, for"
                            + " Connect compares it as text, was " + key);
        }
        if (offset != null && !(offset.get(SEQ) instanceof Number seq && seq.longValue() >= 0 && offset.size() == 1)) {
            throw new ConnectException("an offset must be written {\"seq\": n}, n being 0 or more, was " + offset);
        }
    }
}
