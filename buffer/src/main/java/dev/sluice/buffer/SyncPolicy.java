package dev.sluice.buffer;

import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * When the log syncs appends to the disk. The package comment has a table of what each policy can lose.
 *
 * <p>The text forms, as in {@code buffer.fsync}, are {@code always}, {@code interval:<ms>} and {@code os}.
 */
public sealed interface SyncPolicy {

    /** The longest interval that can be configured: one hour. */
    Duration MAX_INTERVAL = Duration.ofHours(1);

    /** {@link SegmentLog#sync} completes after an fdatasync, which all waiting callers share (group commit). */
    record Always() implements SyncPolicy {
        @Override
        public String toString() {
            return "always";
        }
    }

    /**
     * {@link SegmentLog#sync} completes when the operating system has the data; an fdatasync follows within the
     * interval.
     *
     * @param every the interval, 1 ms to one hour
     */
    record Interval(Duration every) implements SyncPolicy {
        /** Checks the range. */
        public Interval {
            if (every.toMillis() < 1 || every.compareTo(MAX_INTERVAL) > 0) {
                throw new IllegalArgumentException(
                        "buffer.fsync: the interval must be 1 to " + MAX_INTERVAL.toMillis() + " ms, was " + every);
            }
        }

        @Override
        public String toString() {
            return "interval:" + every.toMillis();
        }
    }

    /** {@link SegmentLog#sync} completes when the operating system has the data; the system decides when it writes. */
    record Os() implements SyncPolicy {
        @Override
        public String toString() {
            return "os";
        }
    }

    /** Returns the policy that waits for the disk. */
    static SyncPolicy always() {
        return new Always();
    }

    /**
     * Returns the policy that syncs at an interval.
     *
     * @param every 1 ms to one hour
     * @throws IllegalArgumentException if the interval is out of range
     */
    static SyncPolicy interval(Duration every) {
        return new Interval(every);
    }

    /** Returns the policy that never syncs before a segment ends. */
    static SyncPolicy os() {
        return new Os();
    }

    /**
     * Parses the text form.
     *
     * @param text {@code always}, {@code interval:<ms>} or {@code os}, in any case
     * @throws IllegalArgumentException if the text is none of them; the message names {@code buffer.fsync}
     */
    static SyncPolicy parse(String text) {
        var policy = text.strip().toLowerCase(Locale.ROOT);
        if (policy.equals("always")) {
            return always();
        }
        if (policy.equals("os")) {
            return os();
        }
        if (policy.startsWith("interval:")) {
            try {
                return interval(Duration.ofMillis(
                        Long.parseLong(policy.substring("interval:".length()).strip())));
            } catch (NumberFormatException e) {
                throw unknown(text, e);
            }
        }
        throw unknown(text, null);
    }

    private static IllegalArgumentException unknown(String text, @Nullable NumberFormatException cause) {
        return new IllegalArgumentException(
                "buffer.fsync must be always, interval:<ms> or os, was '" + text + "'", cause);
    }

    /** Returns whether {@link SegmentLog#sync} waits for the disk. */
    default boolean waitsForDisk() {
        return this instanceof Always;
    }
}
