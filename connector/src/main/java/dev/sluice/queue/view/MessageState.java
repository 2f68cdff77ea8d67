package dev.sluice.queue.view;

import java.util.Locale;

/** What has become of a message, as lists show it. */
public enum MessageState {
    /** It waits to be read. */
    PENDING,
    /** Its partition is leased. */
    PROCESSING,
    /** Consumers without a group have done with it; or, where there are none, every group. */
    COMPLETED,
    /** Some group gave up on it. */
    DEAD_LETTER;

    /** Returns the name clients use: {@code dead_letter}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    static MessageState of(String text) {
        return valueOf(text.toUpperCase(Locale.ROOT));
    }
}
