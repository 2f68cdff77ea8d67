package dev.sluice.work.breaker;

import dev.sluice.work.BreakerSettings;
import dev.sluice.work.BreakerState;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;

/**
 * The circuit breaker of a type or of a target: a state machine of resilience4j that runs by the clock of the engine.
 *
 * <p>Each state that the breaker enters is a period. A call belongs to the period in which it got its permission. If it
 * ends in a later one, its result counts nowhere: a call of before the breaker opened says nothing about the target
 * now.
 *
 * <p>Safe for use by many threads.
 */
final class Breaker {
    private static final Duration NEVER = Duration.ofDays(36_500);

    private final BreakerSettings settings;
    private final LongSupplier nanos;
    private final CircuitBreaker circuit;
    private final AtomicLong period = new AtomicLong();
    private volatile long openUntilNanos;

    /**
     * Makes a closed breaker.
     *
     * @param changed gets each new state, and the failure rate that led to it; a negative rate is not known
     */
    Breaker(String name, BreakerSettings settings, LongSupplier nanos, BiConsumer<BreakerState, Float> changed) {
        this.settings = settings;
        this.nanos = nanos;
        this.circuit = CircuitBreaker.of(name, config(settings, nanos));
        circuit.getEventPublisher().onStateTransition(event -> {
            period.incrementAndGet();
            BreakerState state = state(event.getStateTransition().getToState());
            if (state == BreakerState.OPEN) {
                openUntilNanos = nanos.getAsLong() + settings.openFor().toNanos();
            }
            changed.accept(state, circuit.getMetrics().getFailureRate());
        });
    }

    private static CircuitBreakerConfig config(BreakerSettings settings, LongSupplier nanos) {
        return CircuitBreakerConfig.custom()
                .clock(new EngineClock(nanos, nanos.getAsLong()))
                .slidingWindowType(SlidingWindowType.COUNT_BASED)
                .slidingWindowSize(settings.window())
                .minimumNumberOfCalls(settings.minimumCalls())
                .failureRateThreshold(settings.failureRate())
                .slowCallRateThreshold(settings.slowRate())
                .slowCallDurationThreshold(settings.slowerThan() == null ? NEVER : settings.slowerThan())
                .waitDurationInOpenState(settings.openFor())
                .permittedNumberOfCallsInHalfOpenState(settings.halfOpenCalls())
                .automaticTransitionFromOpenToHalfOpenEnabled(false) // It would need a thread.
                .build();
    }

    /** The time since the start of the breaker, as a clock. */
    private static final class EngineClock extends Clock {
        private final LongSupplier nanos;
        private final long start;

        EngineClock(LongSupplier nanos, long start) {
            this.nanos = nanos;
            this.start = start;
        }

        @Override
        public Instant instant() {
            return Instant.EPOCH.plusNanos(nanos.getAsLong() - start);
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }

    private static BreakerState state(CircuitBreaker.State state) {
        return switch (state) {
            case OPEN -> BreakerState.OPEN;
            case HALF_OPEN -> BreakerState.HALF_OPEN;
            case CLOSED -> BreakerState.CLOSED;
            default -> throw new IllegalStateException("nobody brings a breaker into the state " + state);
        };
    }

    BreakerState state() {
        return state(circuit.getState());
    }

    /** Returns when a breaker that is open may be half open, by the clock of the engine. */
    long openUntilNanos() {
        return openUntilNanos;
    }

    /** Returns how long to wait until a call is likely to get a permission. */
    Duration waitTime() {
        long left = openUntilNanos - nanos.getAsLong();
        if (circuit.getState() == CircuitBreaker.State.OPEN && left > 0) {
            return Duration.ofNanos(left).plusMillis(1); // Open to the end of that time.
        }
        // The calls that decide are under way.
        return Duration.ofMillis(Math.max(1, settings.openFor().toMillis() / 10));
    }

    /** Asks for a permission to call. The caller must end what it gets. */
    Permit ask() {
        long before = period.get();
        if (!circuit.tryAcquirePermission()) {
            return Permit.NONE;
        }
        // This permission may have been the first of a new period.
        return new Permit(this, circuit.getState() == CircuitBreaker.State.HALF_OPEN ? period.get() : before);
    }

    /** Closes the breaker and forgets what it has counted. */
    void reset() {
        period.incrementAndGet();
        circuit.reset();
    }

    /** Returns whether a permission of that period counts now. */
    boolean isIn(long ofPermit) {
        return period.get() == ofPermit;
    }

    void succeeded(long tookNanos) {
        circuit.onSuccess(tookNanos, TimeUnit.NANOSECONDS);
    }

    void failed(long tookNanos, Throwable error) {
        if (settings.ignores(error)) {
            circuit.releasePermission();
        } else {
            circuit.onError(tookNanos, TimeUnit.NANOSECONDS, error);
        }
    }

    void release() {
        circuit.releasePermission();
    }
}
