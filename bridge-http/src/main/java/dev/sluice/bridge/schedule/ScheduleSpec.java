package dev.sluice.bridge.schedule;

import java.time.Instant;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a user says of a schedule. Immutable.
 *
 * @param startsAt there is no tick before, and the ticks of an interval are counted from here
 * @param endsAt there is no tick after; null: no end
 */
public record ScheduleSpec(
        String name,
        String description,
        Timetable.Text timetable,
        Instant startsAt,
        @Nullable Instant endsAt,
        Missed missed,
        ScheduleTarget target) {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");
    private static final int MAX_DESCRIPTION = 1000;

    public ScheduleSpec {
        checkName(name);
        if (description.length() > MAX_DESCRIPTION) {
            throw new IllegalArgumentException("description must have at most " + MAX_DESCRIPTION + " characters");
        }
    }

    /**
     * Checks what the constructor does not: a row of the database may say what this version or this Java runtime cannot
     * read, and is shown nevertheless.
     *
     * @throws IllegalArgumentException if the schedule has no times, or times that do not fit together
     */
    ScheduleSpec checked() {
        if (endsAt != null && !endsAt.isAfter(startsAt)) {
            throw new IllegalArgumentException("endsAt must be after startsAt, " + startsAt + ", was " + endsAt);
        }
        Timetable unused = timetable.read(startsAt);
        return this;
    }

    /**
     * Checks the name of a schedule and returns it.
     *
     * @throws IllegalArgumentException if no schedule may have the name
     */
    public static String checkName(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("the name of a schedule must be 1 to 100 letters, digits, dots,"
                    + " underscores and hyphens, and begin with a letter or digit, was " + name);
        }
        return name;
    }

    /**
     * Returns a schedule that a user has described.
     *
     * @throws IllegalArgumentException if it has no times, or times that do not fit together
     */
    public static ScheduleSpec require(ScheduleSpec spec) {
        return spec.checked();
    }

    /** Returns in words when it fires, or why this service cannot say it. */
    public String words() {
        try {
            return timetable.read(startsAt).words();
        } catch (IllegalArgumentException e) {
            return "not readable here: " + e.getMessage();
        }
    }

    /**
     * Returns when it fires, from its start to its end.
     *
     * @throws IllegalArgumentException if this service cannot read its timetable
     */
    Ticks ticks() {
        return new Ticks(timetable.read(startsAt), startsAt, endsAt);
    }
}
