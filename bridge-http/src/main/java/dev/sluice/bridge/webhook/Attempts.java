package dev.sluice.bridge.webhook;

import dev.sluice.work.Work;
import dev.sluice.work.WorkId;

/** Keeps attempts. Called by the threads of the client: must not block. What it throws is logged. */
@FunctionalInterface
public interface Attempts {
    /** Keeps nothing. */
    Attempts NONE = (work, id, number, attempt, verdict) -> {};

    /**
     * Takes an attempt that has ended.
     *
     * @param number the number of the attempt of this work, from 1
     */
    void ended(Work work, WorkId id, int number, Attempt attempt, Verdict verdict);
}
