package dev.sluice.work.engine;

import dev.sluice.work.run.Verdict;

/** A work of this engine whose run has ended, and what is to be stored. */
record Ended(Begun begun, Verdict verdict) {
    /** Returns this, or that the work is cancelled if somebody has asked for it and the work would run again. */
    Ended unlessCancelled() {
        return verdict instanceof Verdict.Again && begun.isCancelled()
                ? new Ended(begun, Verdict.Finish.cancelled())
                : this;
    }
}
