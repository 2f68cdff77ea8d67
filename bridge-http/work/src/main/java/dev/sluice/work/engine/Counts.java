package dev.sluice.work.engine;

import dev.sluice.work.rules.Durations;
import dev.sluice.work.run.Verdict;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;

/** What this engine has done with the works of a type. */
final class Counts {
    private final LongAdder completed = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final LongAdder deadLettered = new LongAdder();
    private final Durations durations = new Durations();

    /** Counts what was stored of runs, without those that other engines have taken over. */
    static void settled(List<Ended> ended, Set<Begun> lost) {
        for (Ended each : ended) {
            if (!lost.contains(each.begun())) {
                each.begun().type().counts().settled(each.verdict());
            }
        }
    }

    private void settled(Verdict verdict) {
        if (verdict instanceof Verdict.Finish finish && !finish.isCancelled()) {
            completed.increment();
        } else if (verdict instanceof Verdict.Again again && again.failure() != null) {
            failed.increment();
        } else if (verdict instanceof Verdict.Bury bury) {
            deadLettered.increment();
            if (bury.failure() != null) {
                failed.increment();
            }
        }
    }

    long completed() {
        return completed.sum();
    }

    long failed() {
        return failed.sum();
    }

    long deadLettered() {
        return deadLettered.sum();
    }

    Durations durations() {
        return durations;
    }
}
