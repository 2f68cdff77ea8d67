package dev.sluice.bridge.metrics;

/**
 * Counts of schedules in this process.
 *
 * @param fired messages that were pushed
 * @param skipped ticks that were missed and not fired
 * @param failures attempts to fire that failed
 */
public record ScheduleCounts(long fired, long skipped, long failures) {
    /** Those of a process without schedules. */
    public static final ScheduleCounts NONE = new ScheduleCounts(0, 0, 0);
}
