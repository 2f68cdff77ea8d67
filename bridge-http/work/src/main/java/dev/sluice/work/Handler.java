package dev.sluice.work;

/**
 * Handles the works of a type. The engine calls {@link #validate}, {@link #target}, {@link #before}, {@link #handle}
 * and {@link #after} in this order, on one thread. Many threads call a handler at once, each with another work.
 *
 * <p>A work may be handled more than once: if the engine dies before it has stored the outcome, the work runs again. So
 * a handler must be idempotent.
 */
@FunctionalInterface
public non-sealed interface Handler extends Hooks {
    /**
     * Handles a work.
     *
     * @return how the work ended
     * @throws Exception if the handler failed: {@link #onError} decides
     */
    Outcome handle(Work work, Context context) throws Exception;

    /**
     * Runs before {@link #handle}.
     *
     * @throws Exception if the work cannot be handled now; the same as an exception of {@link #handle}
     */
    default void before(Work work, Context context) throws Exception {}
}
