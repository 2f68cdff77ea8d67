package dev.sluice.work.rules;

import dev.sluice.queue.LimitKey;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.PriorityLane;
import dev.sluice.queue.WorkHeaders;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names by which types, keys and lanes are found in the queue.
 *
 * <p>A key is the name of its partition. The partitions of works without a key begin with {@value #SHARED}; a push that
 * names no partition goes to the default one, which is another of them. A key that looks like one of these names, with
 * or without a limit key, gets the prefix {@value #ESCAPE}. A limit key is added to these names as {@link LimitKey}
 * says.
 */
public final class Types {
    /** The consumer group of all engines. */
    public static final String GROUP = "work";

    public static final String NAMESPACE = "work";

    /** The queue of events. */
    public static final String EVENTS = "sluice.events";

    /** Reserved name of the header with the idempotency key: no client can set it. */
    public static final String KEY_HEADER = WorkHeaders.KEY;

    /** Reserved name of the header with the deadline. */
    public static final String DEADLINE_HEADER = WorkHeaders.DEADLINE;

    /** Longest name of a type. */
    public static final int MAX_LENGTH = 200;

    /** The names of the queues of types begin with it. */
    public static final String PREFIX = NAMESPACE + ".";

    private static final String SHARED = "~";
    private static final String ESCAPE = "=";
    private static final Pattern TYPE = Pattern.compile("[A-Za-z0-9._-]{1," + MAX_LENGTH + "}");

    private Types() {}

    /**
     * Checks the name of a type.
     *
     * @throws IllegalArgumentException if no type may have the name
     */
    public static void check(String type) {
        if (!TYPE.matcher(type).matches()) {
            throw new IllegalArgumentException(
                    "type must be 1 to " + MAX_LENGTH + " letters, digits, dots, underscores and hyphens, was " + type);
        }
    }

    /** Checks a key. One character of its partition's name is reserved for the escape. */
    public static void checkKey(String what, String key) {
        NewMessage.checkName(what, key);
        NewMessage.checkName(what, partitionOfKey(key));
    }

    /** Returns the queue of a type. */
    public static String queue(String type) {
        return PREFIX + type;
    }

    /** Returns whether a queue is that of a type. */
    public static boolean isQueue(String queue) {
        return queue.startsWith(PREFIX)
                && TYPE.matcher(queue.substring(PREFIX.length())).matches();
    }

    /** Returns the type of a queue of works. */
    public static String ofQueue(String queue) {
        return queue.substring(PREFIX.length());
    }

    /** Returns the task of the queue of a type: its second dot-separated part. */
    public static String task(String type) {
        int dot = type.indexOf('.');
        return dot < 0 ? type : type.substring(0, dot);
    }

    public static String partitionOfKey(String key) {
        boolean looksOther = key.startsWith(SHARED) || key.equals(NewMessage.DEFAULT_PARTITION);
        return looksOther || key.startsWith(ESCAPE) ? ESCAPE + key : key;
    }

    /**
     * Returns the partition of a lane for the works of one program: in it, they keep the order of their enqueue. Few
     * partitions are enough, because a claim does not hold its partition.
     *
     * @param program 0 to {@link PriorityLane#PARTITIONS} - 1
     */
    public static String partitionOfLane(PriorityLane lane, int program) {
        return lane.partition(program);
    }

    /** Returns the name of a partition with a limit key; null: it has none. */
    public static String partition(String partition, @Nullable String limitKey) {
        return limitKey == null ? partition : LimitKey.partition(limitKey, partition);
    }

    /** Returns the name of the line in which the works of a partition wait for room. */
    public static String line(String partition) {
        String name = LimitKey.nameOf(partition);
        return name == null ? LimitKey.NO_KEY : name;
    }

    /** Returns the lane in the name of a partition; {@code otherwise} if it names none. */
    public static PriorityLane laneOf(String partition, PriorityLane otherwise) {
        for (PriorityLane lane : PriorityLane.values()) {
            if (partition.startsWith(SHARED + lane.text())) {
                return lane;
            }
        }
        return otherwise;
    }

    /** Returns whether the works of a partition have no key. */
    public static boolean isShared(String partition) {
        String name = LimitKey.withoutKey(partition);
        return name.startsWith(SHARED) || name.equals(NewMessage.DEFAULT_PARTITION);
    }

    /** Returns the key that is the name of a partition of a key. */
    public static String keyOf(String partition) {
        String name = LimitKey.withoutKey(partition);
        boolean isEscaped = name.startsWith(ESCAPE) && name.length() > ESCAPE.length();
        return isEscaped ? name.substring(ESCAPE.length()) : name;
    }
}
