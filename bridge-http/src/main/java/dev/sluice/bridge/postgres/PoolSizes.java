package dev.sluice.bridge.postgres;

/**
 * How many connections each pool has.
 *
 * @param consumers for pops and acknowledgements
 * @param administration for the routes of administration
 * @param writers for transactions and direct pushes
 * @param control for what runs beside the requests
 */
record PoolSizes(int consumers, int administration, int writers, int control) {
    /**
     * The control pool lends one connection for good to what listens and one to scheduled messages; the rest share one.
     */
    private static final int LEAST_CONTROL = 3;

    /** Returns the fewest connections with which everything works, if slowly. */
    static PoolSizes least() {
        return new PoolSizes(1, 1, 1, LEAST_CONTROL);
    }

    int total() {
        return consumers + administration + writers + control;
    }

    /**
     * Returns these sizes if they fit into {@code room}; otherwise smaller ones, which get a connection in turn,
     * consumers first. Never less than {@link #least}.
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
