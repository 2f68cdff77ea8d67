package dev.sluice.work.store;

/**
 * The limits of a type over all engines.
 *
 * @param ofType the limit of all its works
 * @param ofEachKey the limit of each limit key, if it has no rule of its own
 */
public record LimitRules(Rule ofType, Rule ofEachKey) {
    /** No limits. */
    public static final LimitRules NONE = new LimitRules(Rule.NONE, Rule.NONE);

    /**
     * A limit.
     *
     * @param concurrency most works that run at a time; 0: any number
     * @param rate how many works may begin in a period on average; 0: any number
     * @param periodMs the period of the rate
     * @param burst how many works may begin at once
     * @param weight the share of a key
     */
    public record Rule(int concurrency, int rate, long periodMs, int burst, int weight) {
        public static final Rule NONE = new Rule(0, 0, 1000, 0, 1);

        /** Returns how long an empty bucket takes to fill. */
        public long fillMillis() {
            return rate == 0 ? 0 : periodMs * burst / rate + 1;
        }
    }
}
