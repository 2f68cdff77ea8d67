package dev.sluice.bridge.schedule;

import com.cronutils.descriptor.CronDescriptor;
import com.cronutils.model.Cron;
import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.zone.ZoneOffsetTransition;
import java.time.zone.ZoneRules;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Fires as the five fields of a cron expression say, by the clock on the wall of a time zone.
 *
 * <p>Where this clock is moved, it depends on the field of the hours. If that is {@code *} or begins with <code>*&#47;
 * </code>, the schedule fires at all times that the clock shows: in an hour that it shows twice, twice; in an hour that
 * it leaves out, not at all. Otherwise each time of the expression counts once a day: a time that the clock shows twice
 * is fired at its first, and a time that it leaves out is fired as much later as the clock was moved.
 */
final class CronTimetable implements Timetable {
    private static final CronParser PARSER = new CronParser(CronDefinitionBuilder.instanceDefinitionFor(CronType.UNIX));
    private static final CronDescriptor WORDS = CronDescriptor.instance(Locale.ENGLISH);
    private static final Map<String, String> NICKNAMES = Map.of(
            "@yearly", "0 0 1 1 *",
            "@annually", "0 0 1 1 *",
            "@monthly", "0 0 1 * *",
            "@weekly", "0 0 * * 0",
            "@daily", "0 0 * * *",
            "@midnight", "0 0 * * *",
            "@hourly", "0 * * * *");

    /** Longest text: a list of all minutes, and room. */
    private static final int MAX_LENGTH = 500;

    private static final int HOUR_FIELD = 1;

    private final ExecutionTime times;
    private final String words;
    private final ZoneId zone;
    private final boolean isByElapsedTime;

    private CronTimetable(Cron cron, String fields, ZoneId zone) {
        this.times = ExecutionTime.forCron(cron);
        this.words = WORDS.describe(cron) + ", " + zone;
        this.zone = zone;
        this.isByElapsedTime = fields.split("\\s+", -1)[HOUR_FIELD].startsWith("*");
    }

    /**
     * Parses five fields or a nickname.
     *
     * @throws IllegalArgumentException if they are no cron expression
     */
    static CronTimetable parse(String text, ZoneId zone) {
        String fields = NICKNAMES.getOrDefault(text.strip().toLowerCase(Locale.ROOT), text.strip());
        if (fields.length() > MAX_LENGTH) {
            throw new IllegalArgumentException(
                    "cron must have at most " + MAX_LENGTH + " characters, has " + fields.length());
        }
        try {
            return new CronTimetable(PARSER.parse(fields).validate(), fields, zone);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "cron must have the five fields minute, hour, day of month, month, day of week, such as 30"
                            + " 8 * * 1-5,"
                            + " was " + text + ": " + e.getMessage(),
                    e);
        }
    }

    @Override
    public @Nullable Instant after(Instant time) {
        return isByElapsedTime ? shown(time) : onceADay(time);
    }

    /** Returns the next tick if each time that the clock shows counts. Between two moves, the offset stays the same. */
    private @Nullable Instant shown(Instant time) {
        ZoneRules rules = zone.getRules();
        Instant from = time.plusNanos(1);
        while (true) {
            ZoneOffset offset = rules.getOffset(from);
            LocalDateTime next = next(LocalDateTime.ofInstant(from, offset).minusNanos(1));
            if (next == null) {
                return null;
            }
            Instant tick = next.toInstant(offset);
            ZoneOffsetTransition moved = rules.nextTransition(from);
            if (moved == null || tick.isBefore(moved.getInstant())) {
                return tick;
            }
            from = moved.getInstant();
        }
    }

    /**
     * Returns the next tick if each time of the expression counts once a day. A time that is left out may be fired
     * after times that follow it, so the search goes on until no time can be earlier.
     */
    private @Nullable Instant onceADay(Instant time) {
        Instant earliest = null;
        LocalDateTime end = LocalDateTime.MAX;
        for (LocalDateTime local = next(lastFired(time)); local != null && local.isBefore(end); local = next(local)) {
            // Of two offsets it takes the earlier one; a time that is left out is moved by as much as the clock.
            Instant tick = ZonedDateTime.ofLocal(local, zone, null).toInstant();
            if (tick.isAfter(time) && (earliest == null || tick.isBefore(earliest))) {
                earliest = tick;
                end = LocalDateTime.ofInstant(tick, zone);
            }
        }
        return earliest;
    }

    /** Returns a local time up to which all times are fired by a time: times that were left out are fired later. */
    private LocalDateTime lastFired(Instant time) {
        LocalDateTime local = LocalDateTime.ofInstant(time, zone);
        ZoneOffsetTransition moved = zone.getRules().previousTransition(time.plusNanos(1));
        boolean isBehind = moved != null
                && moved.isGap()
                && local.isBefore(moved.getDateTimeAfter().plus(moved.getDuration()));
        return isBehind ? local.minus(moved.getDuration()) : local;
    }

    private @Nullable LocalDateTime next(LocalDateTime local) {
        return times.nextExecution(local.atZone(ZoneOffset.UTC))
                .map(ZonedDateTime::toLocalDateTime)
                .orElse(null);
    }

    @Override
    public String words() {
        return words;
    }
}
