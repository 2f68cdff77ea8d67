package dev.sluice.work;

import java.util.concurrent.CompletionStage;

/**
 * Handles the works of a type without a thread of its own, such as calls over the network: it begins the work and
 * returns a stage that completes when the work has ended. Until then the work has a place of the type and a lease that
 * is renewed, but no thread. So thousands of works can be in flight.
 *
 * <p>The engine calls {@link #validate}, {@link #target}, {@link #before} and {@link #handle} in this order, on one of
 * a few threads that all asynchronous handlers share; they should not block for long. {@link #after} and
 * {@link #onError} run on such a thread too, and never on the thread that completes the stage. So a network thread may
 * complete it.
 *
 * <p>If the work is to end (it ran into its timeout, was cancelled, the engine closes, or another engine has taken it
 * over), the engine runs what the handler gave to {@link Context#onStop}, cancels the stage if it is a
 * {@link java.util.concurrent.CompletableFuture}, and ends the run at once. An outcome that comes later has no effect.
 *
 * <p>Like a {@link Handler}, it must be idempotent.
 */
@FunctionalInterface
public non-sealed interface AsyncHandler extends Hooks {
    /** Most works of a type that are in flight in an engine at a time. */
    int MAX_CONCURRENCY = 10_000;

    /** How many works of a type are in flight at a time, if its settings do not say. */
    int DEFAULT_CONCURRENCY = 1_000;

    /**
     * Begins to handle a work.
     *
     * @return completes with how the work ended, or with an exception if the handler failed: {@link #onError} decides.
     *     Must not be null
     * @throws Exception if the handler failed at once; the same as a stage that completes with it
     */
    CompletionStage<Outcome> handle(Work work, Context context) throws Exception;

    /**
     * Runs before {@link #handle}.
     *
     * @throws Exception if the work cannot be handled now; the same as an exception of {@link #handle}
     */
    default void before(Work work, Context context) throws Exception {}
}
