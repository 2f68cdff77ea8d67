package dev.sluice.bridge.schedule;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;

/**
 * Fires again and again after the same time. Changes of the local clock do not matter to it.
 *
 * @param start the first tick
 * @param period the time between two ticks
 */
record IntervalTimetable(Instant start, Duration period) implements Timetable {
    static final Duration SHORTEST = Duration.ofSeconds(1);
    static final Duration LONGEST = Duration.ofDays(36_500);
    private static final int NANOS_PER_MILLI = 1_000_000;

    IntervalTimetable {
        if (period.compareTo(SHORTEST) < 0 || period.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("every must be " + SHORTEST + " to " + LONGEST + ", was " + period);
        }
        if (period.toNanosPart() % NANOS_PER_MILLI != 0) { // The database would round the ticks, and fire some twice.
            throw new IllegalArgumentException("every must be whole milliseconds, was " + period);
        }
    }

    @Override
    public Instant after(Instant time) {
        if (time.isBefore(start)) {
            return start;
        }
        Duration since = Duration.between(start, time);
        return start.plus(period.multipliedBy(since.dividedBy(period) + 1));
    }

    @Override
    public String words() {
        var parts = new ArrayList<String>();
        add(parts, period.toDays(), "day");
        add(parts, period.toHoursPart(), "hour");
        add(parts, period.toMinutesPart(), "minute");
        add(parts, period.toSecondsPart(), "second");
        add(parts, period.toMillisPart(), "millisecond");
        return "every " + String.join(" ", parts);
    }

    private static void add(ArrayList<String> parts, long number, String unit) {
        if (number > 0) {
            parts.add(number + " " + unit + (number == 1 ? "" : "s"));
        }
    }
}
