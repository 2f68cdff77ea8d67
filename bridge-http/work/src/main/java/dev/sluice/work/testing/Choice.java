package dev.sluice.work.testing;

import static java.util.Comparator.comparing;

import dev.sluice.work.Batching;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;

/**
 * The choice of the works that run next: those with a history first, then lane by lane, in each the one that has been
 * due longest. A work with a key waits for those before it.
 */
final class Choice {
    private final Instant now;
    private final List<TestedWork> due;

    /** Makes the choice among works that are not finished. */
    Choice(Collection<TestedWork> unfinished, Instant now) {
        this.now = now;
        this.due = unfinished.stream()
                .filter(this::isTime)
                .filter(each -> !each.isKeyed() || unfinished.stream().noneMatch(other -> goesBefore(other, each)))
                .sorted(comparing((TestedWork each) -> each.hasRun ? 0 : 1)
                        .thenComparing(each -> each.enqueued().priority().number())
                        .thenComparing(each -> Objects.requireNonNull(each.dueAt)))
                .toList();
    }

    /** Returns the works that may run. */
    List<TestedWork> due() {
        return due;
    }

    /** Returns the works of the next call; none if nothing is to run at this time. */
    List<TestedWork> next() {
        for (int i = 0; i < due.size(); i++) {
            List<TestedWork> call = callOf(due.get(i), due.subList(i + 1, due.size()));
            if (!call.isEmpty()) {
                return call;
            }
        }
        return List.of();
    }

    private boolean isTime(TestedWork work) {
        return work.status == WorkStatus.WAITING && work.dueAt != null && !work.dueAt.isAfter(now);
    }

    /** Returns whether a work waits for another one with the same key. */
    private boolean goesBefore(TestedWork other, TestedWork work) {
        boolean sameKey = !other.equals(work)
                && Objects.equals(other.enqueued().key(), work.enqueued().key())
                && other.type().equals(work.type());
        if (!sameKey || work.hasRun) {
            return false;
        }
        if (other.hasRun) {
            return other.closes;
        }
        return isTime(other)
                && comparing((TestedWork each) -> Objects.requireNonNull(each.dueAt))
                                .thenComparing(TestedWork::number)
                                .compare(other, work)
                        < 0;
    }

    /** Returns the works that run in one call with a work; none if the call waits for further works. */
    private List<TestedWork> callOf(TestedWork first, List<TestedWork> later) {
        Batching batching = first.type().batching();
        if (batching.size() == 1 || first.crashes() > 0) {
            return List.of(first);
        }
        var call = new ArrayList<TestedWork>(List.of(first));
        var keys = new HashSet<String>();
        if (first.enqueued().key() != null) {
            keys.add(first.enqueued().key());
        }
        for (TestedWork next : later) {
            String key = next.enqueued().key();
            if (call.size() < batching.size()
                    && next.crashes() == 0
                    && next.type().equals(first.type())
                    && (key == null || keys.add(key))) {
                call.add(next);
            }
        }
        Instant lingersUntil = Objects.requireNonNull(first.dueAt).plus(batching.linger());
        boolean starts = call.size() == batching.size() || !lingersUntil.isAfter(now);
        return starts ? call : List.of();
    }
}
