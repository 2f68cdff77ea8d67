package dev.sluice.work.share;

import dev.sluice.work.store.LimitRows.Change;
import dev.sluice.work.store.LimitRows.Used;
import dev.sluice.work.store.LimitRules.Rule;
import org.jspecify.annotations.Nullable;

/**
 * How many works of a type, or of a limit key, may begin now: a concurrency and a token bucket. The bucket fills with
 * the rate and holds the burst. One transaction uses it.
 *
 * <p>A key also has a turn, which grows with each work by the inverse of its weight. The key with the least turn is
 * served next, so keys get works in the proportion of their weights.
 */
public final class Allowance {
    private static final double MILLIS_PER_SECOND = 1000;

    /** What sums of parts of tokens may be wrong by. */
    private static final double TOLERANCE = 1e-9;

    /** A due time is a little late rather than early: times in the database are whole microseconds. */
    private static final double MICROSECOND = 1e-6;

    private final String name;
    private final Rule rule;
    private final long running;
    private double tokens;
    private final @Nullable Double refilled;
    private final double now;
    private double turn;
    private int begun;

    /**
     * Makes an allowance.
     *
     * @param now the database's time in seconds
     */
    public Allowance(Used used, Rule rule, double now) {
        this.name = used.name();
        this.rule = rule;
        this.running = used.running();
        this.now = now;
        this.turn = used.turn();
        if (rule.rate() == 0) {
            tokens = 0;
            refilled = null;
            return;
        }
        Double before = used.refilled();
        Double left = used.tokens();
        double elapsed = before == null ? 0 : Math.max(0, now - before);
        tokens = left == null ? rule.burst() : Math.min(rule.burst(), left + elapsed * perSecond());
        // If the clock went back, the time for which the bucket was filled already does not count again.
        refilled = before == null ? now : Math.max(before, now);
    }

    private double perSecond() {
        return rule.rate() * MILLIS_PER_SECOND / rule.periodMs();
    }

    public String name() {
        return name;
    }

    public double turn() {
        return turn;
    }

    public int weight() {
        return rule.weight();
    }

    public int begun() {
        return begun;
    }

    /** Returns how many works may begin now. */
    public int room() {
        long room = Integer.MAX_VALUE;
        if (rule.concurrency() > 0) {
            room = Math.min(room, rule.concurrency() - running - begun);
        }
        if (rule.rate() > 0) {
            room = Math.min(room, (long) Math.floor(tokens + TOLERANCE));
        }
        return (int) Math.max(0, room);
    }

    /** Notes that works begin. */
    public void begin(int works) {
        begun += works;
        if (rule.rate() > 0) {
            tokens -= works;
        }
        turn += (double) works / rule.weight();
    }

    /** Returns in how many seconds the rate lets the next work begin; null: at once. */
    @Nullable
    public Double waitSeconds() {
        if (rule.rate() == 0 || tokens + TOLERANCE >= 1) {
            return null;
        }
        return (1 - tokens) / perSecond() + MICROSECOND;
    }

    private boolean hasConcurrency() {
        return rule.concurrency() == 0 || running + begun < rule.concurrency();
    }

    /** Returns the row to write of a key. */
    public Change change() {
        return change(turn);
    }

    /**
     * Returns the row to write.
     *
     * @param served where the keys are, of a type
     */
    public Change change(double served) {
        Double wait = waitSeconds();
        boolean isLimited = rule.rate() > 0;
        return new Change(
                name,
                begun,
                isLimited ? Double.valueOf(tokens) : null,
                refilled,
                served,
                hasConcurrency(),
                wait == null ? null : Double.valueOf(now + wait));
    }
}
