package dev.sluice.work.bench;

import dev.sluice.queue.TestPostgres;

/** A part of the benchmark. */
interface Part {
    /** Measures one round on a new database with the queue's schema. */
    void measure(TestPostgres postgres, Round round) throws Exception;

    /**
     * A round.
     *
     * @param number odd and even rounds measure what they compare in another order
     * @param seconds about how long each measurement takes
     */
    record Round(int number, int seconds, Figures figures) {}
}
