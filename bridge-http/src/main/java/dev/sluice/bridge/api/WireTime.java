package dev.sluice.bridge.api;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.TemporalAccessor;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Times as clients write them: RFC 3339; with a space for the {@code T}; without an offset, which then is UTC. That is what
 * {@code toISOString()} of JavaScript and {@code isoformat()} of Python give, the latter with and without a time zone.
 */
final class WireTime {
    static final int FIRST_YEAR = 1;
    static final int LAST_YEAR = 9999;

    private static final DateTimeFormatter FORMAT = new DateTimeFormatterBuilder()
            .parseCaseInsensitive()
            .append(DateTimeFormatter.ISO_LOCAL_DATE)
            .appendPattern("['T'][' ']")
            .append(DateTimeFormatter.ISO_LOCAL_TIME)
            .appendPattern("[XXX][XX][X]")
            .toFormatter(Locale.ROOT)
            .withResolverStyle(ResolverStyle.STRICT);

    private WireTime() {}

    /** Returns the time; null if it is none, or outside of the years {@value #FIRST_YEAR} to {@value #LAST_YEAR}. */
    static @Nullable Instant parse(String text) {
        try {
            TemporalAccessor parsed = FORMAT.parseBest(text, OffsetDateTime::from, LocalDateTime::from);
            OffsetDateTime time =
                    parsed instanceof LocalDateTime local ? local.atOffset(ZoneOffset.UTC) : (OffsetDateTime) parsed;
            boolean known = time.getYear() >= FIRST_YEAR && time.getYear() <= LAST_YEAR;
            return known ? time.toInstant() : null;
        } catch (DateTimeException e) {
            return null;
        }
    }
}
