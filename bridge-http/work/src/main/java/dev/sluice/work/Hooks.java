package dev.sluice.work;

import org.jspecify.annotations.Nullable;

/** What handlers of all kinds have in common: methods about one work of their type. */
public sealed interface Hooks permits Handler, BatchHandler, AsyncHandler {
    /**
     * Checks a work before it is handled. A work that is not valid becomes a dead letter at once: a retry cannot help.
     *
     * @throws Exception if the work is not valid; its message is the reason of the dead letter
     */
    default void validate(Work work) throws Exception {}

    /**
     * Names what a work needs that may be broken, such as a host. Each target has a circuit breaker of its own. If it
     * is open, the work is put off, which counts no attempt. Return a target for every work of the type, or for none: a
     * work without one counts for a breaker that stops all works of the type. Without effect if the handler has no
     * breaker.
     *
     * @return null: no target
     * @throws Exception if the work cannot be handled now; the same as an exception of the handler
     */
    default @Nullable String target(Work work) throws Exception {
        return null;
    }

    /**
     * Runs after the handler has returned, with the outcome of a work, and before the outcome is stored. An exception
     * is logged and changes nothing.
     */
    default void after(Work work, Context context, Outcome outcome) throws Exception {}

    /**
     * Decides what happens to a work whose handling failed. Runs on the thread of the handler, or on one of the threads
     * of asynchronous handlers. If the handler ignores the interrupt after its timeout, runs on a thread of its own
     * while the handler still runs; if it does not return within {@code interruptGrace} then, the retry policy decides.
     *
     * @param error what the handler threw; a {@link WorkTimeoutException} if it ran into its timeout
     * @return how the work ends; null: as the retry policy says
     */
    default @Nullable Outcome onError(Work work, Context context, Throwable error) {
        return null;
    }
}
