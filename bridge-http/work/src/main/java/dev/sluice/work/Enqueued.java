package dev.sluice.work;

import org.jspecify.annotations.Nullable;

/**
 * The result of an enqueue. It is committed.
 *
 * @param id the work; of a repetition, the first work with its idempotency key
 * @param isDuplicate whether the work is such a repetition: then nothing was stored
 * @param isFinished whether the first work is done, cancelled or a dead letter; false if this is no repetition
 * @param result what the handler of the first work returned, JSON text, if the handler keeps results; else null
 * @param replaced the work that this one has replaced, which will not run; null: none, or the work was enqueued in a
 *     transaction of the program
 */
public record Enqueued(
        WorkId id,
        boolean isDuplicate,
        boolean isFinished,
        @Nullable String result,
        @Nullable WorkId replaced) {
    /** Makes the result of an enqueue that has replaced nothing. */
    public Enqueued(WorkId id, boolean isDuplicate, boolean isFinished, @Nullable String result) {
        this(id, isDuplicate, isFinished, result, null);
    }
}
