package dev.sluice.bridge.webhook;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The header {@code Retry-After}: a number of seconds, or a time in one of the three forms of HTTP. */
final class RetryAfter {
    private static final Pattern SECONDS = Pattern.compile("\\d{1,18}");
    private static final int CENTURY = 100;
    private static final int YEARS_AHEAD = 50;

    private static final DateTimeFormatter ASCTIME =
            DateTimeFormatter.ofPattern("EEE MMM ppd HH:mm:ss yyyy", Locale.ENGLISH);

    private RetryAfter() {}

    /** Returns how long to wait, 0 for a time that is over; null if the text is neither. */
    static @Nullable Duration parse(String header, Instant now) {
        String text = header.strip();
        if (SECONDS.matcher(text).matches()) {
            return Duration.ofSeconds(Long.parseLong(text));
        }
        Instant time = time(text, now);
        if (time == null) {
            return null;
        }
        Duration wait = Duration.between(now, time);
        return wait.isNegative() ? Duration.ZERO : wait;
    }

    private static @Nullable Instant time(String text, Instant now) {
        try {
            return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME)
                    .toInstant();
        } catch (DateTimeParseException e) {
            // One of the two old forms, perhaps.
        }
        try {
            return LocalDateTime.parse(text, ASCTIME).toInstant(ZoneOffset.UTC);
        } catch (DateTimeParseException e) {
            // The other old form, perhaps.
        }
        try {
            int firstYear = now.atZone(ZoneOffset.UTC).getYear() + YEARS_AHEAD - CENTURY + 1;
            DateTimeFormatter twoDigits = new DateTimeFormatterBuilder()
                    .appendPattern("EEEE, dd-MMM-")
                    .appendValueReduced(ChronoField.YEAR, 2, 2, firstYear)
                    .appendPattern(" HH:mm:ss 'GMT'")
                    .toFormatter(Locale.ENGLISH);
            return LocalDateTime.parse(text, twoDigits).toInstant(ZoneOffset.UTC);
        } catch (DateTimeParseException e) {
            return null;
        }
    }
}
