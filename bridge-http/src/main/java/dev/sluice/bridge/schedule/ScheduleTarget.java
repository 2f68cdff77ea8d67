package dev.sluice.bridge.schedule;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.sluice.queue.MessageHeaders;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.work.Work;
import dev.sluice.work.rules.Types;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a schedule pushes, and where. Immutable.
 *
 * @param queue the queue; of a type of work, {@code work.TYPE}
 * @param partition null: the default one; of a work, one of its lane
 * @param isWork whether the queue is that of a type of work, and the partition is named by its key
 * @param lane the priority of a work
 * @param payload JSON text
 * @param isReadable whether this service has the key with which payload and headers were stored; else they are empty
 */
public record ScheduleTarget(
        String queue,
        @Nullable String partition,
        boolean isWork,
        PriorityLane lane,
        String payload,
        Map<String, String> headers,
        boolean isReadable) {
    /** Largest payload in bytes: schedules are for signals, and their rows are read at each tick. */
    public static final int MAX_PAYLOAD = 64 * 1024;

    public ScheduleTarget {
        NewMessage.checkName("queue", queue);
        if (partition != null) {
            NewMessage.checkName("partition", partition);
        }
        if (payload.getBytes(UTF_8).length > MAX_PAYLOAD) {
            throw new IllegalArgumentException("payload must have at most " + MAX_PAYLOAD + " bytes");
        }
        headers = new TreeMap<>(headers);
        MessageHeaders.of(headers);
    }

    /** Returns a target that pushes to a queue. */
    public static ScheduleTarget queue(
            String queue, @Nullable String partition, String payload, Map<String, String> headers) {
        return new ScheduleTarget(queue, partition, false, PriorityLane.NORMAL, payload, headers, true);
    }

    /**
     * Returns a target that enqueues a work.
     *
     * @param key null: none
     * @throws IllegalArgumentException if the work would be refused
     */
    public static ScheduleTarget work(
            String type, @Nullable String key, PriorityLane lane, String payload, Map<String, String> headers) {
        Work.of(type, "null");
        if (key != null) {
            Types.checkKey("key", key);
        }
        String partition = key == null ? null : Types.partitionOfKey(key);
        return new ScheduleTarget(Types.queue(type), partition, true, lane, payload, headers, true);
    }

    /** Returns the type of work; null: it pushes to a queue. */
    public @Nullable String type() {
        return isWork ? Types.ofQueue(queue) : null;
    }

    /** Returns the key of a work; null: it has none, or is no work. */
    public @Nullable String key() {
        return isWork && partition != null ? Types.keyOf(partition) : null;
    }

    /** Returns where the message goes: works without a key go to the partition {@code spread} of their lane. */
    String partition(int spread) {
        if (partition != null) {
            return partition;
        }
        return isWork ? Types.partitionOfLane(lane, spread) : NewMessage.DEFAULT_PARTITION;
    }
}
