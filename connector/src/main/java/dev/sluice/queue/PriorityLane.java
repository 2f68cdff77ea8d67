package dev.sluice.queue;

import java.util.Locale;

/**
 * The urgency of a partition. A pop serves more urgent lanes first.
 *
 * <p>A lane has partitions of its own in a queue, for messages without a partition that have a priority. Their names
 * begin with {@value #PREFIX}.
 */
public enum PriorityLane {
    CRITICAL(0),
    HIGH(1),
    NORMAL(2),
    LOW(3);

    /** How many partitions of its own a lane has in a queue. */
    public static final int PARTITIONS = 16;

    private static final String PREFIX = "~";
    /** What follows the name of a lane in the name of a partition: a number or a limit key. */
    private static final String ENDS = ".@";

    private static final int CRITICAL_PRIORITY = 10;

    private final int number;

    PriorityLane(int number) {
        this.number = number;
    }

    /** Returns its number in PostgreSQL. */
    public int number() {
        return number;
    }

    /**
     * Returns the lane of that name.
     *
     * @param what name of the field as the client knows it, for the error message
     * @throws IllegalArgumentException if no lane has the name; the message lists the names
     */
    public static PriorityLane of(String what, String text) {
        for (PriorityLane lane : values()) {
            if (lane.text().equalsIgnoreCase(text)) {
                return lane;
            }
        }
        throw new IllegalArgumentException(what + " must be critical, high, normal or low, was " + text);
    }

    /** Returns the lane of a queue's priority: below 0 low, 0 normal, 1 to 9 high, 10 and more critical. */
    static PriorityLane ofPriority(int priority) {
        if (priority < 0) {
            return LOW;
        }
        return priority == 0 ? NORMAL : priority < CRITICAL_PRIORITY ? HIGH : CRITICAL;
    }

    /** Returns the lane of that number, as PostgreSQL stores it. */
    public static PriorityLane ofNumber(int number) {
        for (PriorityLane lane : values()) {
            if (lane.number == number) {
                return lane;
            }
        }
        throw new IllegalStateException("no lane has the number " + number);
    }

    /**
     * Returns the name of a partition of this lane.
     *
     * @param number 0 to {@link #PARTITIONS} - 1
     */
    public String partition(int number) {
        return PREFIX + text() + (number < 10 ? ".0" : ".") + number;
    }

    /** Returns whether a partition has the name of one of a lane, with or without a {@link LimitKey}. */
    public static boolean isPartition(String partition) {
        if (!partition.startsWith(PREFIX)) {
            return false;
        }
        for (PriorityLane lane : values()) {
            int end = PREFIX.length() + lane.text().length();
            if (partition.startsWith(lane.text(), PREFIX.length())
                    && partition.length() > end
                    && ENDS.indexOf(partition.charAt(end)) >= 0) {
                return true;
            }
        }
        return false;
    }

    /** Returns the name in lower case. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
