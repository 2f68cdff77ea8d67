package dev.sluice.work.share;

import dev.sluice.queue.PriorityLane;
import dev.sluice.work.LaneOrder;
import org.jspecify.annotations.Nullable;

/**
 * Divides the claims of a type among its lanes. Lanes are given by their numbers.
 *
 * <p>With weights, each work that is claimed goes to the lane that is furthest behind its share. What a lane is behind
 * is kept between claims, so the shares also hold if claims are small. A lane without works is behind nothing: its
 * share goes to the others, and it cannot claim it later.
 *
 * <p>Owned by the dispatcher.
 */
public final class LaneShares {
    private static final int LANES = PriorityLane.values().length;

    /** Null: the order is strict. */
    private final long @Nullable [] weights;

    private final long[] behind = new long[LANES];

    /** Whether the lane had works at the last claim. A hint: it decides how many cursors are locked at first. */
    private final boolean[] likely = new boolean[LANES];

    public LaneShares(LaneOrder order) {
        this.weights = order.isStrict() ? null : new long[LANES];
        for (PriorityLane lane : PriorityLane.values()) {
            likely[lane.number()] = true;
            if (weights != null) {
                weights[lane.number()] = order.weight(lane);
            }
        }
    }

    /**
     * Returns how many cursors of each lane are likely to be needed, at least one; null: those of the most urgent
     * lanes.
     *
     * @param works how many works are wanted
     */
    public long @Nullable [] cursors(int works) {
        long[] known = weights;
        if (known == null) {
            return null;
        }
        long ofAll = 0;
        long ofLikely = 0;
        for (int lane = 0; lane < LANES; lane++) {
            ofAll += known[lane];
            ofLikely += likely[lane] ? known[lane] : 0;
        }
        long[] cursors = new long[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            long of = likely[lane] ? ofLikely : ofAll;
            cursors[lane] = (works * known[lane] + of - 1) / of;
        }
        return cursors;
    }

    /**
     * Divides room among lanes. Leaves none unused while a lane has works.
     *
     * @param available how many works each lane has
     * @return how many of each are claimed
     */
    public long[] divide(int room, long[] available) {
        long[] rest = available.clone();
        for (int lane = 0; lane < LANES; lane++) {
            likely[lane] = available[lane] > 0;
        }
        for (int i = 0; i < room; i++) {
            int lane = next(rest);
            if (lane == LANES) {
                break;
            }
            rest[lane]--;
        }
        long[] shares = new long[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            shares[lane] = available[lane] - rest[lane];
        }
        return shares;
    }

    /** Returns the lane of the next work; {@link #LANES} if none has works. */
    private int next(long[] rest) {
        int chosen = LANES;
        long all = 0;
        for (int lane = 0; lane < LANES; lane++) {
            if (rest[lane] == 0) {
                behind[lane] = 0;
            } else if (weights == null) {
                return lane;
            } else {
                behind[lane] += weights[lane];
                all += weights[lane];
                chosen = chosen == LANES || behind[lane] > behind[chosen] ? lane : chosen;
            }
        }
        if (chosen < LANES) {
            behind[chosen] -= all;
        }
        return chosen;
    }
}
