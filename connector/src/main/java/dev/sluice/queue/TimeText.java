package dev.sluice.queue;

import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Parses the times that people and programs write in requests, in the settings of a connector and in the headers of a
 * record. It accepts:
 *
 * <ul>
 *   <li>RFC 3339: {@code 2026-05-16T10:00:00.123Z}, {@code 2026-05-16T12:00:00+02:00}; the seconds, and the colon or
 *       the minutes of the offset, may be missing,
 *   <li>the same with a space instead of the {@code T}, as Python, Ruby and PostgreSQL print it,
 *   <li>the same without an offset, which means UTC,
 *   <li>the same with a space instead of the {@code +} of the offset, or before its sign, because a {@code +} in a
 *       query string means a space,
 *   <li>a date alone, which means its midnight in UTC,
 *   <li>a number that is not negative, which means milliseconds since 1970.
 * </ul>
 *
 * <p>A time must lie in the years {@value #FIRST_YEAR} to {@value #LAST_YEAR}, in UTC. Digits below microseconds are
 * dropped, because PostgreSQL stores none. Stateless; safe for use by many threads.
 */
public final class TimeText {
    static final int FIRST_YEAR = 1;
    static final int LAST_YEAR = 9999;

    /** Describes the accepted forms in an error message, after "must be". */
    public static final String FORMS =
            "a time: RFC 3339 like 2026-05-16T10:00:00Z (with T or a space; without an offset it is"
                    + " UTC), a date like 2026-05-16 (its midnight UTC), or milliseconds since 1970; in the years "
                    + FIRST_YEAR
                    + " to " + LAST_YEAR;

    private static final Instant EARLIEST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999999Z");
    private static final BigDecimal LATEST_MILLIS = BigDecimal.valueOf(LATEST.toEpochMilli());

    /** Longest text that is parsed; no time with all its digits is longer. */
    private static final int MAX_LENGTH = 64;

    private static final Pattern NUMBER = Pattern.compile("-?\\d+(\\.\\d+)?([eE][+-]?\\d{1,3})?");
    private static final Pattern DATE_TIME = Pattern.compile(
            "(\\d{4})-(\\d\\d)-(\\d\\d)" // 1, 2, 3: date
                    + "(?:[Tt ](\\d\\d):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d+))?)?" // 4, 5, 6, 7: time
                    + "([Zz]|(?: ?([+-])|  ?)(\\d\\d)(?::?(\\d\\d))?)?)?"); // 8: offset, of 9 (sign), 10 and 11

    private static final int NANO_DIGITS = 9;
    private static final int LAST_SECOND = 59;
    private static final int MAX_OFFSET_HOURS = 23;

    private TimeText() {}

    /**
     * Parses a time.
     *
     * @param what where the text stands, for the error message
     * @throws IllegalArgumentException if the text is no time; the message names {@code what} and the accepted forms
     */
    public static Instant parse(String what, String text) {
        Instant time = text.length() > MAX_LENGTH ? null : time(text);
        if (time == null || !isInRange(time)) {
            throw new IllegalArgumentException(what + " must be " + FORMS);
        }
        return time.truncatedTo(ChronoUnit.MICROS);
    }

    /**
     * Checks that a time lies in the years {@value #FIRST_YEAR} to {@value #LAST_YEAR}.
     *
     * @param what name of the value, for the error message
     * @throws IllegalArgumentException if it does not
     */
    static void checkRange(String what, Instant time) {
        if (!isInRange(time)) {
            throw new IllegalArgumentException(
                    what + " must be in the years " + FIRST_YEAR + " to " + LAST_YEAR + ", was " + time);
        }
    }

    private static boolean isInRange(Instant time) {
        return !time.isBefore(EARLIEST) && !time.isAfter(LATEST);
    }

    private static @Nullable Instant time(String text) {
        if (NUMBER.matcher(text).matches()) {
            return ofMillis(new BigDecimal(text));
        }
        Matcher parts = DATE_TIME.matcher(text);
        try {
            return parts.matches() ? ofParts(parts) : null;
        } catch (DateTimeException e) {
            return null; // The day or the hour does not exist.
        }
    }

    private static @Nullable Instant ofMillis(BigDecimal millis) {
        if (millis.signum() < 0 || millis.compareTo(LATEST_MILLIS) > 0) {
            return null;
        }
        return Instant.EPOCH.plus(millis.movePointRight(3).longValue(), ChronoUnit.MICROS);
    }

    private static @Nullable Instant ofParts(Matcher parts) {
        LocalDate date = LocalDate.of(number(parts, 1), number(parts, 2), number(parts, 3));
        if (parts.group(4) == null) {
            return date.atStartOfDay().toInstant(ZoneOffset.UTC);
        }
        int minute = number(parts, 5);
        int second = number(parts, 6);
        // A leap second is legal; it becomes the first moment of the next minute.
        boolean leap = second == LAST_SECOND + 1 && minute == LAST_SECOND;
        LocalTime time = LocalTime.of(number(parts, 4), minute, leap ? LAST_SECOND : second, nanos(parts.group(7)));
        int offsetHours = number(parts, 10);
        int offsetMinutes = number(parts, 11);
        if (offsetHours > MAX_OFFSET_HOURS || offsetMinutes > LAST_SECOND) {
            return null;
        }
        int sign = "-".equals(parts.group(9)) ? -1 : 1;
        return LocalDateTime.of(date, time)
                .minusMinutes(sign * (offsetHours * 60L + offsetMinutes))
                .plusSeconds(leap ? 1 : 0)
                .toInstant(ZoneOffset.UTC);
    }

    /** Returns the number in a group; 0 if the text lacks that part. */
    private static int number(Matcher parts, int group) {
        String digits = parts.group(group);
        return digits == null ? 0 : Integer.parseInt(digits);
    }

    private static int nanos(@Nullable String fraction) {
        if (fraction == null) {
            return 0;
        }
        String digits = fraction.length() > NANO_DIGITS ? fraction.substring(0, NANO_DIGITS) : fraction;
        return Integer.parseInt(digits + "0".repeat(NANO_DIGITS - digits.length()));
    }
}
