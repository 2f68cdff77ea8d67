package dev.sluice.bridge.schedule;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/** At which times a schedule fires. Immutable. */
public sealed interface Timetable permits CronTimetable, IntervalTimetable, OneTime {
    /** Returns the earliest tick that is later than a time; null: there is none. */
    @Nullable
    Instant after(Instant time);

    /** Returns in words when it fires. */
    String words();

    /**
     * How a timetable is written and stored.
     *
     * @param kind {@code cron}, {@code every} or {@code once}
     * @param expression five fields or a nickname such as {@code @daily}; an ISO duration; an ISO time
     * @param zone the time zone of the fields
     */
    record Text(String kind, String expression, String zone) {
        /**
         * Reads it.
         *
         * @param startsAt from when the ticks of an interval are counted
         * @throws IllegalArgumentException if it is not valid; the message says why
         */
        public Timetable read(Instant startsAt) {
            return switch (kind) {
                case "cron" -> CronTimetable.parse(expression, zoneOf(zone));
                case "every" -> new IntervalTimetable(startsAt, duration(expression));
                case "once" -> new OneTime(time(expression));
                default -> throw new IllegalArgumentException("the kind must be cron, every or once, was " + kind);
            };
        }
    }

    /** Reads the name of a time zone. */
    private static ZoneId zoneOf(String text) {
        try {
            return ZoneId.of(text);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("zone must be a time zone such as Europe/Berlin or UTC, was " + text, e);
        }
    }

    private static Duration duration(String text) {
        try {
            return Duration.parse(text);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException("every must be an ISO duration such as PT15M, was " + text, e);
        }
    }

    private static Instant time(String text) {
        try {
            return Instant.parse(text).truncatedTo(ChronoUnit.MICROS); // As the database keeps it.
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException("at must be an ISO time such as 2030-01-31T08:00:00Z, was " + text, e);
        }
    }
}
