package dev.sluice.work;

import java.util.Locale;

/** Where a work is on its way. */
public enum WorkState {
    /** Its turn has not come: it is in its queue, or an engine gave it back, or held it when it died. */
    WAITING,
    /** It is not due. */
    SCHEDULED,
    /** An engine has begun it. */
    RUNNING,
    /** It has failed, or was begun when an engine died, and runs again. */
    RETRYING,
    /** Its handler asked to run it later. */
    SNOOZED,
    /**
     * The engines are past it, and no row says that it was cancelled, replayed or became a dead letter. Such rows are
     * deleted: ends after a week, dead letters with a purge.
     */
    DONE,
    /** It was dropped. */
    CANCELLED,
    /** It is a dead letter. */
    DEAD,
    /** It was a dead letter, and another work with its idempotency key stands for it. */
    REPLAYED;

    /** Returns the name in lower case. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns the state of that name.
     *
     * @throws IllegalArgumentException if no state has the name; the message lists the names
     */
    public static WorkState of(String text) {
        var names = new StringBuilder();
        for (WorkState state : values()) {
            if (state.text().equals(text)) {
                return state;
            }
            names.append(names.isEmpty() ? "" : ", ").append(state.text());
        }
        throw new IllegalArgumentException("state must be one of " + names + ", was " + text);
    }
}
