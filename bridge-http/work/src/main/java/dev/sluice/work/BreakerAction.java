package dev.sluice.work;

/** What an operator does to the circuit breakers of a type. */
public enum BreakerAction {
    /** Lets no works of the type run. */
    FORCE_OPEN,
    /** Lets works run whatever happens. */
    FORCE_CLOSED,
    /** Ends what was forced. Closes all breakers of the type, and forgets what they have counted. */
    RESET
}
