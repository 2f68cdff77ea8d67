package dev.sluice.bridge.subscribe;

import java.util.Locale;

/** What a subscriber is told of its queue. */
enum State {
    /** Messages come as they are written. */
    OPEN,
    /** There is no such queue. If it is made, its messages come. */
    ABSENT,
    /** An operator has put pops on hold. */
    MAINTENANCE,
    /** The database does not answer. */
    DATABASE_AWAY;

    String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
