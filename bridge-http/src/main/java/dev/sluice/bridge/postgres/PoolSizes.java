package dev.sluice.bridge.postgres;

/**
 * The number of connections of each pool.
 *
 * @param consumers for pops and acknowledgements
 * @param administration for the routes of administration
 * @param writers for transactions and direct pushes
 * @param control for jobs beside the requests
 * @param work for the work engine; 0 if it runs no handlers, then its pool is small and opens connections on demand
 */
record PoolSizes(int consumers, int administration, int writers, int control, int work) {
    /** One connection is always lent to the listener, one to the release of scheduled messages; the rest share one. */
    private static final int LEAST_CONTROL = 3;

    /** One is lent to the thread that enqueues, the other threads of the engine share one. */
    static final int LEAST_WORK = 2;

    /** Most connections of an engine that the configuration gives no handlers: endpoints may give it some. */
    static final int WORK_ON_DEMAND = 6;

    /** Returns the smallest sizes with which everything works, if slowly. */
    static PoolSizes least() {
        return new PoolSizes(1, 1, 1, LEAST_CONTROL, 0);
    }

    /** Returns the smallest sizes with which what these sizes are for works. */
    private PoolSizes leastOfThese() {
        PoolSizes least = least();
        return new PoolSizes(
                least.consumers,
                least.administration,
                least.writers,
                Math.min(control, least.control),
                Math.min(work, LEAST_WORK));
    }

    /** Returns how many connections {@link #within} returns at least. */
    int leastTotal() {
        return leastOfThese().total();
    }

    int total() {
        return consumers + administration + writers + control + work;
    }

    /**
     * Returns these sizes if they fit into {@code room}. Otherwise returns smaller ones: each pool has its
     * {@link #least}, and the pools get the rest in turn, consumers first. The result is never smaller than
     * {@link #least}.
     */
    PoolSizes within(int room) {
        if (total() <= room) {
            return this;
        }
        int[] wanted = {consumers, writers, control, work, administration};
        PoolSizes least = leastOfThese();
        int[] given = {least.consumers, least.writers, least.control, least.work, least.administration};
        int left = room - least.total();
        for (int i = 0; left > 0; i = (i + 1) % wanted.length) {
            if (given[i] < wanted[i]) {
                given[i]++;
                left--;
            }
        }
        return new PoolSizes(given[0], given[4], given[1], given[2], given[3]);
    }
}
