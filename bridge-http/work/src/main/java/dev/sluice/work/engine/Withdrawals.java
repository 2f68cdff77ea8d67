package dev.sluice.work.engine;

import dev.sluice.work.run.Runner;
import dev.sluice.work.run.Stop;
import dev.sluice.work.run.Verdict;
import dev.sluice.work.store.TypeRows;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Predicate;

/** Takes works back from the workers that are not to run here. The dispatcher uses it. */
final class Withdrawals {
    private final Workers workers;
    private final Held held;
    private final Claims claims;

    Withdrawals(Workers workers, Held held, Claims claims) {
        this.workers = workers;
        this.held = held;
        this.claims = claims;
    }

    /** Asks the handlers of cancelled works to end. Returns the cancelled works that wait for a worker. */
    List<Ended> cancelled(HandledType type, TypeRows.State state) {
        List<Begun> works = held.works(type);
        if (works.isEmpty()) {
            return List.of();
        }
        Set<UUID> cancelled = claims.cancelled(
                state, works.stream().map(begun -> begun.id().value()).toList());
        Predicate<Begun> isCancelled = begun -> cancelled.contains(begun.id().value());
        works.stream().filter(isCancelled).forEach(begun -> begun.stop(Stop.CANCEL));
        return workers.withdraw(type, isCancelled).stream()
                .map(begun -> new Ended(begun, Verdict.Finish.cancelled()))
                .toList();
    }

    /** Returns what is given back: what another engine could run meanwhile, and what is of a paused type. */
    List<Ended> late(HandledType type) {
        TypeRows.State state = type.state();
        boolean isPaused = state != null && state.isPaused();
        List<Begun> late = isPaused ? workers.withdraw(type, begun -> true) : workers.late(type);
        if (!late.isEmpty()) {
            type.slow();
        }
        return late.stream()
                .map(begun -> new Ended(begun, Runner.givenBack(begun)))
                .toList();
    }
}
