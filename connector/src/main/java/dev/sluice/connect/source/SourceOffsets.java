package dev.sluice.connect.source;

import static java.util.Objects.requireNonNull;

import dev.sluice.queue.QueueException;
import dev.sluice.queue.read.QueueReader;
import dev.sluice.queue.read.QueueReader.Partition;
import dev.sluice.queue.sql.QueueSchema;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.jspecify.annotations.Nullable;

/**
 * The offsets of a source as Connect stores them. The key is <code>{"partition": id, "queue": name}</code>. The offset
 * is <code>{"seq": n}</code>, where n is the seq of the last message in the topic.
 *
 * <p>PostgreSQL never reuses the id of a partition. So a partition that is deleted and created again starts without an
 * offset.
 */
public final class SourceOffsets {
    private static final String QUEUE = "queue";
    private static final String PARTITION = "partition";
    private static final String SEQ = "seq";

    private SourceOffsets() {}

    /**
     * Returns the key of a partition. Connect compares keys as JSON text, so the order of the parts counts. This order
     * is that of a {@link java.util.HashMap}: when Connect resets offsets it reads the keys into such a map, and writes
     * them from it.
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

    /** Returns the seq of an offset; null if Connect has no offset. */
    static @Nullable Long seq(@Nullable Map<String, Object> offset) {
        return offset != null && offset.get(SEQ) instanceof Number seq ? seq.longValue() : null;
    }

    /**
     * Checks offsets that an operator sets through Connect's API. Each entry must name a partition of the database, in
     * a queue that the connector reads, and a position in this partition. An operator may reset any offset, also while
     * PostgreSQL is not reachable, to remove one that was stored by mistake.
     *
     * @param offsets the offset by key; null resets it
     * @throws ConfigException if the configuration is not valid
     * @throws ConnectException if one offset is not possible, or PostgreSQL is not reachable
     */
    public static void check(Map<String, String> connectorConfig, Map<Map<String, ?>, Map<String, ?>> offsets) {
        var set = new HashMap<Map<String, ?>, Map<String, ?>>();
        offsets.forEach((key, offset) -> {
            checkForm(key, offset);
            if (offset != null) {
                set.put(key, offset);
            }
        });
        if (set.isEmpty()) {
            return;
        }
        var config = new QueueSourceConfig(connectorConfig);
        Map<Long, Partition> partitions =
                partitions(config, set.keySet().stream().map(SourceOffsets::id).toList());
        set.forEach((key, offset) -> checkPosition(key, offset, partitions.get(id(key)), config.queues()));
    }

    private static Map<Long, Partition> partitions(QueueSourceConfig config, List<Long> ids) {
        String schema = config.postgres().schema();
        try {
            QueueSchema.verify(config.connections(), schema);
            var reader = new QueueReader(
                    config.connections(), schema, config.postgres().cipher());
            var found = new HashMap<Long, Partition>();
            reader.partitions(ids).forEach(partition -> found.put(partition.id(), partition));
            return found;
        } catch (QueueException | IllegalStateException e) {
            throw new ConnectException("the offsets cannot be checked, and nothing is changed: " + e.getMessage(), e);
        }
    }

    /**
     * Checks the form of an entry. A worker brings the parts of a key into the order of a {@link HashMap} before it
     * calls the connector, whatever order the request has. It would store a key in another order, and no task would
     * find it.
     */
    private static void checkForm(Map<String, ?> key, @Nullable Map<String, ?> offset) {
        boolean isOurs = key.get(QUEUE) instanceof String && isWhole(key.get(PARTITION)) && key.size() == 2;
        if (!isOurs && offset == null) {
            return;
        }
        if (!isOurs) {
            throw new ConnectException("a partition must be written {\"partition\": id, \"queue\": name}, was " + key);
        }
        if (!key.keySet().iterator().next().equals(PARTITION)) {
            throw new ConnectException(
                    "a partition must be written {\"partition\": id, \"queue\": name}, in this order,"
                            + " because Connect compares it as text, was " + key);
        }
        if (offset != null && !(isWhole(offset.get(SEQ)) && number(offset, SEQ) >= 0 && offset.size() == 1)) {
            throw new ConnectException("an offset must be written {\"seq\": n}, n being 0 or more, was " + offset);
        }
    }

    /**
     * Returns true if a part of an entry is a whole number. Connect would store {@code 7.0} as another text than 7, and
     * 7.5 is no position.
     */
    private static boolean isWhole(@Nullable Object value) {
        return value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte;
    }

    private static long id(Map<String, ?> key) {
        return number(key, PARTITION);
    }

    private static long number(Map<String, ?> map, String name) {
        return ((Number) requireNonNull(map.get(name))).longValue();
    }

    /**
     * Checks an entry of the right form against the database.
     *
     * @param partition the partition that the key names by its id; null if there is none
     * @param isRead accepts the names of the queues that the connector reads
     */
    private static void checkPosition(
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
        long seq = number(offset, SEQ);
        if (seq > partition.head()) {
            throw new ConnectException("seq " + seq + " is beyond the newest message of partition " + id(key)
                    + " of queue " + partition.queue() + ", which has seq " + partition.head());
        }
    }
}
