package dev.sluice.work.share;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/** Shares works out to limit keys: one after the other to the key with the least turn. */
public final class Shares {
    private Shares() {}

    private static final class Candidate {
        private final Allowance key;
        private final double weight;
        private double turn;
        private int left;
        private int got;

        Candidate(Allowance key) {
            this.key = key;
            this.weight = key.weight();
            this.turn = key.turn();
            this.left = key.room();
        }
    }

    /**
     * Returns how many works each key may begin, without the keys that get none, in the order of their turns.
     *
     * @param keys the keys with the least turns, in that order
     * @param works most works of all
     */
    public static Map<Allowance, Integer> of(List<Allowance> keys, int works) {
        var all = new ArrayList<Candidate>();
        var next = new PriorityQueue<Candidate>(Comparator.comparingDouble(candidate -> candidate.turn));
        for (Allowance key : keys) {
            var candidate = new Candidate(key);
            all.add(candidate);
            if (candidate.left > 0) {
                next.add(candidate);
            }
        }
        for (int left = works; left > 0 && !next.isEmpty(); left--) {
            Candidate served = next.remove();
            served.got++;
            served.turn += 1 / served.weight;
            if (--served.left > 0) {
                next.add(served);
            }
        }
        var shares = new LinkedHashMap<Allowance, Integer>();
        for (Candidate candidate : all) {
            if (candidate.got > 0) {
                shares.put(candidate.key, candidate.got);
            }
        }
        return shares;
    }
}
