package dev.sluice.work;

/** The state of a circuit breaker. */
public enum BreakerState {
    /** Works run. */
    CLOSED,
    /** No works run. */
    OPEN,
    /** A few works run; they decide whether the breaker closes. */
    HALF_OPEN,
    /** No works run, until an operator resets the breaker. */
    FORCED_OPEN,
    /** Works run whatever happens, until an operator resets the breaker. */
    FORCED_CLOSED
}
