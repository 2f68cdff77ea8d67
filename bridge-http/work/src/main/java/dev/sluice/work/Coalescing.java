package dev.sluice.work;

import dev.sluice.queue.NewMessage;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a work replaces the work with the same key that waits: {@link Work#debounce} and {@link Work#conflate} describe
 * the two ways. Debounce keys and conflation keys are independent of each other, and so are those of different types.
 * Immutable.
 *
 * @param quiet of a debounce: how long the work waits for a newer one; null: the key is a conflation key
 * @param longest of a debounce: how long after the first work that was replaced the newest one is due at the latest;
 *     null: the key is a conflation key
 */
public record Coalescing(
        String key, @Nullable Duration quiet, @Nullable Duration longest) {
    public Coalescing {
        NewMessage.checkName(quiet == null ? "conflation key" : "debounce key", key);
        if ((quiet == null) != (longest == null)) {
            throw new IllegalArgumentException("a debounce has both quiet and longest, and a conflation none");
        }
        if (quiet != null && longest != null) {
            if (quiet.isNegative() || longest.compareTo(quiet) < 0 || longest.compareTo(NewMessage.MAX_DELAY) > 0) {
                throw new IllegalArgumentException("quiet must be 0 or more and at most longest, and longest at most "
                        + NewMessage.MAX_DELAY + ", was " + quiet + " with longest " + longest);
            }
        }
    }

    /** Returns whether the key is a conflation key. */
    public boolean conflates() {
        return quiet == null;
    }
}
