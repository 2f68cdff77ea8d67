package dev.sluice.work;

import org.jspecify.annotations.Nullable;

/**
 * Something that happened to a work or a type in this buffer. What other programs enqueue and run is not among them.
 *
 * @param type the type of the work
 * @param id the work; null: the event is of the type
 * @param attempt the number of the attempt, from 1; 0 if there was none
 * @param detail the reason of a failure or of a dead letter, or the text of a progress; null: none
 */
public record WorkEvent(
        Kind kind,
        String type,
        @Nullable WorkId id,
        int attempt,
        @Nullable String detail) {

    /** What happened. */
    public enum Kind {
        /** The work was stored by this buffer. An engine may begin it before a listener has got this event. */
        ENQUEUED,
        /** A handler begins. */
        STARTED,
        /** A handler has reported a progress. */
        PROGRESS,
        /** The work is done, and that is stored. */
        COMPLETED,
        /** An attempt has failed, and that is stored. {@link #RETRIED} or {@link #DEAD_LETTERED} follows. */
        FAILED,
        /** The work runs again after a failure. */
        RETRIED,
        /** The work runs again later, because its handler asked for that. */
        SNOOZED,
        /** The work is a dead letter. */
        DEAD_LETTERED,
        /** The work is dropped. */
        CANCELLED,
        /** The engine has noticed that the type is paused. */
        PAUSED,
        /** The engine has noticed that the type is not paused any more. */
        RESUMED,
        /**
         * A circuit breaker of the type has another state in this buffer. The detail is a {@link BreakerState},
         * followed by a space and the target if it is that of a target.
         */
        BREAKER
    }
}
