package dev.sluice.queue.view;

import java.util.Locale;

/** The state of a message in lists. */
public enum MessageState {
    /** It waits for a pop. */
    PENDING,
    /** Its partition is under a lease. */
    PROCESSING,
    /** Consumers without a group have completed it; if there are no such consumers, every group has. */
    COMPLETED,
    /** At least one group gave up on it. */
    DEAD_LETTER;

    /** Returns the name that clients use, such as {@code dead_letter}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    static MessageState of(String text) {
        return valueOf(text.toUpperCase(Locale.ROOT));
    }
}
