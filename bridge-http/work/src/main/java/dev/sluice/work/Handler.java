package dev.sluice.work;

import org.jspecify.annotations.Nullable;

/**
 * Handles the works of a type. The engine calls {@link #validate}, {@link #before}, {@link #handle} and {@link #after}
 * in this order, on one thread. Many threads call a handler at once, each with another work.
 *
 * <p>A work may be handled more than once: if the engine dies before it has stored the outcome, the work runs again. So
 * a handler must be idempotent.
 */
@FunctionalInterface
public interface Handler {
    /**
     * Handles a work.
     *
     * @return how the work ended
     * @throws Exception if the handler failed: {@link #onError} decides
     */
    Outcome handle(Work work, Context context) throws Exception;

    /**
     * Checks a work before it is handled. A work that is not valid becomes a dead letter at once: a retry cannot help.
     *
     * @throws Exception if the work is not valid; its message is the reason of the dead letter
     */
    default void validate(Work work) throws Exception {}

    /**
     * Runs before {@link #handle}.
     *
     * @throws Exception if the work cannot be handled now; the same as an exception of {@link #handle}
     */
    default void before(Work work, Context context) throws Exception {}

    /**
     * Runs after {@link #handle} has returned, with its outcome, and before the outcome is stored. An exception is
     * logged and changes nothing.
     */
    default void after(Work work, Context context, Outcome outcome) throws Exception {}

    /**
     * Decides what happens to a work whose handling failed.
     *
     * @param error what {@link #before} or {@link #handle} threw; a {@link WorkTimeoutException} if the handler ran
     *     into its timeout
     * @return how the work ends; null: as the retry policy says
     */
    default @Nullable Outcome onError(Work work, Context context, Throwable error) {
        return null;
    }
}
