package dev.sluice.bridge.postgres;

/**
 * The number of connections of each pool.
 *
 * @param consumers for pops and acknowledgements
 * @param administration for the routes of administration
 * @param writers for transactions and direct pushes
 * @param control for jobs beside the requests
 */
record PoolSizes(int consumers, int administration, int writers, int control) {
    /** One connection is always lent to the listener, one to the release of scheduled messages; the rest share one. */
    private static final int LEAST_CONTROL = 3;

    /** Returns the smallest sizes with which everything works, if slowly. */
    static PoolSizes least() {
        return new PoolSizes(1, 1, 1, LEAST_CONTROL);
    }

    int total() {
        return consumers + administration + writers + control;
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
        int[] wanted = {consumers, writers, control, administration};
        PoolSizes least = least();
        int[] given = {least.consumers, least.writers, Math.min(control, least.control), least.administration};
        int left = room - least.total();
        for (int i = 0; left > 0; i = (i + 1) % wanted.length) {
            if (given[i] < wanted[i]) {
                given[i]++;
                left--;
            }
        }
        return new PoolSizes(given[0], given[3], given[1], given[2]);
    }
}
