package dev.sluice.work.run;

import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Says what listeners are told of a run that has ended. */
public final class VerdictEvents {
    private VerdictEvents() {}

    /** Returns the events of a verdict, in order. */
    public static List<WorkEvent> of(String type, Run run, Verdict verdict) {
        var events = new ArrayList<WorkEvent>(2);
        Failure failure = Verdict.failureOf(verdict);
        if (failure != null) {
            events.add(event(Kind.FAILED, type, run, failure.reason()));
        }
        if (verdict instanceof Verdict.Finish finish) {
            events.add(event(finish.isCancelled() ? Kind.CANCELLED : Kind.COMPLETED, type, run, null));
        } else if (verdict instanceof Verdict.Again again) {
            if (failure != null) {
                events.add(event(Kind.RETRIED, type, run, null));
            } else if (again.snoozed()) {
                events.add(event(Kind.SNOOZED, type, run, null));
            }
        } else if (verdict instanceof Verdict.Bury bury) {
            events.add(event(Kind.DEAD_LETTERED, type, run, bury.reason()));
        }
        return events;
    }

    private static WorkEvent event(Kind kind, String type, Run run, @Nullable String detail) {
        return new WorkEvent(kind, type, run.id(), run.attempt(), detail);
    }
}
