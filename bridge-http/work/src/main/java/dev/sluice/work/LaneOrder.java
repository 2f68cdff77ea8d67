package dev.sluice.work;

import dev.sluice.queue.PriorityLane;

/**
 * How an engine divides what it claims of a type among the lanes in which works wait. Inside a lane, works are claimed
 * in their order.
 *
 * <p>With a <em>weighted</em> order, a lane gets its weight's share of the claims, so a low work always moves. The
 * share of a lane without works goes to the others. With a <em>strict</em> order, a lane gets nothing while a more
 * urgent one has works.
 *
 * @param isStrict whether the weights have no effect
 * @param critical weight of the lane, 1 or more
 * @param high the same
 * @param normal the same
 * @param low the same
 */
public record LaneOrder(boolean isStrict, int critical, int high, int normal, int low) {
    /** Largest weight. */
    public static final int MAX_WEIGHT = 1_000;

    /** Of 15 works, 8 are critical, 4 high, 2 normal and 1 low. */
    public static final LaneOrder WEIGHTED = weighted(8, 4, 2, 1);

    /** The most urgent lane first. Starves the others while it has works. */
    public static final LaneOrder STRICT = new LaneOrder(true, 8, 4, 2, 1);

    /**
     * Checks the weights.
     *
     * @throws IllegalArgumentException if one is not 1 to {@value #MAX_WEIGHT}; the message names its lane
     */
    public LaneOrder {
        check("critical", critical);
        check("high", high);
        check("normal", normal);
        check("low", low);
    }

    private static void check(String lane, int weight) {
        if (weight < 1 || weight > MAX_WEIGHT) {
            throw new IllegalArgumentException(
                    "the weight of lane " + lane + " must be 1 to " + MAX_WEIGHT + ", was " + weight);
        }
    }

    /** Returns an order by these weights. */
    public static LaneOrder weighted(int critical, int high, int normal, int low) {
        return new LaneOrder(false, critical, high, normal, low);
    }

    /** Returns the weight of a lane. */
    public int weight(PriorityLane lane) {
        return switch (lane) {
            case CRITICAL -> critical;
            case HIGH -> high;
            case NORMAL -> normal;
            case LOW -> low;
        };
    }
}
