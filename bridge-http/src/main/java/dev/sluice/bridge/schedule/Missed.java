package dev.sluice.bridge.schedule;

import java.util.Arrays;
import java.util.Locale;

/**
 * What happens to the ticks of a schedule that nobody has fired in time. A tick is missed if it is due for longer than
 * {@code scheduling.grace.ms}.
 */
public enum Missed {
    /** They are left out. */
    SKIP,
    /** The newest of them is fired, unless one that is not missed is due too. */
    ONCE,
    /** All of them are fired, the newest {@code scheduling.missed.max} at most. */
    ALL;

    /** Returns the name in JSON and in the configuration. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * Returns the policy of a name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Missed of(String text) {
        return Arrays.stream(values())
                .filter(each -> each.text().equals(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("missed must be skip, once or all, was " + text));
    }
}
