package dev.sluice.work.breaker;

import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkEvent.Kind;
import dev.sluice.work.WorkStats;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The circuit breakers of a type: one for works without a target, and one for each target. What an operator has forced
 * counts more than any of them.
 *
 * <p>A claim does not know the targets of works: they are in the payloads. So only the breaker of works without a
 * target stops claims. It gives permissions before the claim, as many as works may run. A work whose target is open is
 * claimed, and put off by its worker.
 *
 * <p>Safe for use by many threads.
 */
public final class Breakers {
    private static final Logger log = LoggerFactory.getLogger(Breakers.class);

    /** Most targets that are known. Beyond it, the one that was used longest ago is forgotten. */
    static final int MAX_TARGETS = 1_000;

    private final String type;
    private final @Nullable BreakerSettings settings;
    private final LongSupplier nanos;
    private final Consumer<WorkEvent> events;
    private final @Nullable Breaker withoutTarget;

    /** Guarded by itself. */
    private final Map<String, Breaker> targets = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Breaker> eldest) {
            return size() > MAX_TARGETS;
        }
    };

    private volatile @Nullable BreakerState forced;
    private volatile @Nullable Long resets;

    /**
     * Makes breakers that are closed.
     *
     * @param settings null: works run unless an operator forces the breakers open
     * @param nanos the clock of the engine
     * @param events gets each change of a state
     */
    public Breakers(String type, @Nullable BreakerSettings settings, LongSupplier nanos, Consumer<WorkEvent> events) {
        this.type = type;
        this.settings = settings;
        this.nanos = nanos;
        this.events = events;
        this.withoutTarget = settings == null ? null : make(null, settings);
    }

    private Breaker make(@Nullable String target, BreakerSettings of) {
        String name = target == null ? type : type + " " + target;
        return new Breaker(name, of, nanos, (state, rate) -> changed(target, state, rate));
    }

    private void changed(@Nullable String target, BreakerState state, float failureRate) {
        if (forced != null) {
            return; // The new state has no effect.
        }
        if (state == BreakerState.OPEN) {
            log.warn(
                    "A circuit breaker has opened; its works wait type={} target={} failure_rate={} open_for={}",
                    type,
                    target,
                    failureRate,
                    settings == null ? null : settings.openFor());
        } else {
            log.info("A circuit breaker has another state type={} target={} state={}", type, target, state);
        }
        tell(target, state);
    }

    private void tell(@Nullable String target, BreakerState state) {
        String detail = target == null ? state.name() : state.name() + " " + target;
        events.accept(new WorkEvent(Kind.BREAKER, type, null, 0, detail));
    }

    /**
     * Sets what operators have set.
     *
     * @param state {@code open}, {@code closed} or null
     * @param newResets how often the breakers were reset
     */
    public void set(@Nullable String state, long newResets) {
        Long before = resets;
        resets = newResets;
        BreakerState wanted =
                state == null ? null : state.equals("open") ? BreakerState.FORCED_OPEN : BreakerState.FORCED_CLOSED;
        boolean isForcedNow = wanted != forced && wanted != null;
        boolean isFreeNow = wanted == null && forced != null;
        if (isFreeNow || (before != null && before != newResets)) {
            reset();
        }
        forced = wanted;
        if (isForcedNow) {
            log.warn("An operator has forced the circuit breaker of a type type={} state={}", type, wanted);
            tell(null, wanted);
        } else if (isFreeNow) {
            log.info("An operator has reset the circuit breaker of a type type={}", type);
            tell(null, BreakerState.CLOSED);
        }
    }

    private void reset() {
        if (withoutTarget != null) {
            withoutTarget.reset();
        }
        List<Breaker> all;
        synchronized (targets) {
            all = List.copyOf(targets.values());
        }
        all.forEach(Breaker::reset);
    }

    /**
     * Returns permissions to run works, before they are claimed. The caller gives back those that it does not use.
     *
     * @param works how many are wanted
     * @return null: as many as wanted, without permissions
     */
    public @Nullable List<Permit> permissions(int works) {
        if (forced == BreakerState.FORCED_OPEN) {
            return List.of();
        }
        if (forced != null || withoutTarget == null || withoutTarget.state() == BreakerState.CLOSED) {
            return null;
        }
        var permissions = new ArrayList<Permit>();
        while (permissions.size() < works) {
            Permit permit = withoutTarget.ask();
            if (!permit.isPermitted()) {
                break;
            }
            permissions.add(permit);
        }
        return permissions;
    }

    /** Returns whether works that were claimed and have not started are to be given back. */
    public boolean isOpen() {
        return forced == BreakerState.FORCED_OPEN
                || (forced == null && withoutTarget != null && withoutTarget.state() == BreakerState.OPEN);
    }

    /** Returns when works may be claimed again; null: nothing is known of such a time. */
    public @Nullable Long nextNanos() {
        if (forced != null || withoutTarget == null || withoutTarget.state() != BreakerState.OPEN) {
            return null;
        }
        return withoutTarget.openUntilNanos() + 1; // Open to the end of that time.
    }

    /** What a worker is told before it calls a handler: a permission, or how long the work waits. */
    public record Answer(Permit permit, @Nullable Duration putOff) {
        private static final Answer FREE = new Answer(Permit.NONE, null);
        private static final Answer GIVEN_BACK = new Answer(Permit.NONE, Duration.ZERO);
    }

    /** Returns whether the handler is asked for the targets of works. */
    public boolean haveTargets() {
        return settings != null;
    }

    /**
     * Asks for a permission for a work that was claimed.
     *
     * @param target its target; null: none
     * @param claimed the permission with which it was claimed; null: none
     */
    public Answer ask(@Nullable String target, @Nullable Permit claimed) {
        boolean isForcedOpen = forced == BreakerState.FORCED_OPEN;
        if (claimed != null && target == null && !isForcedOpen) {
            return new Answer(claimed, null);
        }
        if (claimed != null) {
            claimed.giveBack(); // Another work may use it.
        }
        if (isForcedOpen) {
            return Answer.GIVEN_BACK;
        }
        Breaker breaker = target == null ? withoutTarget : ofTarget(target);
        if (forced != null || breaker == null) {
            return Answer.FREE;
        }
        Permit permit = breaker.ask();
        if (permit.isPermitted()) {
            return new Answer(permit, null);
        }
        return target == null ? Answer.GIVEN_BACK : new Answer(permit, breaker.waitTime());
    }

    private @Nullable Breaker ofTarget(String target) {
        BreakerSettings of = settings;
        if (of == null) {
            return null;
        }
        synchronized (targets) {
            return targets.computeIfAbsent(target, name -> make(name, of));
        }
    }

    /** Returns the states, for operators. */
    public WorkStats.Breaker view() {
        var states = new TreeMap<String, BreakerState>();
        synchronized (targets) {
            targets.forEach((target, breaker) -> states.put(target, breaker.state()));
        }
        BreakerState known = forced;
        BreakerState own = withoutTarget == null ? BreakerState.CLOSED : withoutTarget.state();
        return new WorkStats.Breaker(known == null ? own : known, states);
    }
}
