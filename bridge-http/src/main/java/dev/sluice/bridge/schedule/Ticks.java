package dev.sluice.bridge.schedule;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The ticks of a schedule between its start and its end, and which of those that are due are fired. Immutable. */
final class Ticks {
    /** Ticks that were missed and are looked at one by one. Those that follow are neither fired nor counted. */
    private static final int MOST_WALKED = 100_000;

    private final Timetable timetable;
    private final Instant start;
    private final @Nullable Instant end;

    Ticks(Timetable timetable, Instant start, @Nullable Instant end) {
        this.timetable = timetable;
        this.start = start;
        this.end = end;
    }

    /** Returns the earliest tick that is later than a time; null: there is none. */
    @Nullable
    Instant after(Instant time) {
        Instant before = start.minusNanos(1);
        Instant tick = timetable.after(time.isBefore(before) ? before : time);
        return tick == null || (end != null && tick.isAfter(end)) ? null : tick;
    }

    /** Returns the next ticks after a time, {@code count} at most. */
    List<Instant> next(Instant time, int count) {
        var ticks = new ArrayList<Instant>();
        for (Instant tick = after(time); tick != null && ticks.size() < count; tick = after(tick)) {
            ticks.add(tick);
        }
        return ticks;
    }

    /**
     * What is to be done with ticks that are due.
     *
     * @param fire the ticks to fire, the oldest first
     * @param skipped how many are left out
     * @param last the newest tick that is due
     * @param next the first one that is not due; null: there is none
     */
    record Due(
            List<Instant> fire,
            long skipped,
            Instant last,
            @Nullable Instant next) {}

    /**
     * How missed ticks are treated.
     *
     * @param grace for how long a tick is due before it is missed
     * @param most most missed ticks that are fired
     */
    record Rule(Missed missed, Duration grace, int most) {}

    /**
     * Decides about the ticks that are due.
     *
     * @param first the first of them
     * @param now not before it
     */
    Due due(Instant first, Instant now, Rule rule) {
        Instant missedBefore = now.minus(rule.grace());
        int most = rule.missed() == Missed.ALL ? rule.most() : 1;
        var missed = new ArrayDeque<Instant>();
        var inTime = new ArrayList<Instant>();
        long seen = 0;
        Instant last = first;
        Instant tick = first;
        while (tick != null && !tick.isAfter(now)) {
            last = tick;
            seen++;
            if (tick.isBefore(missedBefore)) {
                missed.add(tick);
                if (missed.size() > most) {
                    missed.remove();
                }
                tick = seen < MOST_WALKED ? after(tick) : after(missedBefore.minusNanos(1));
            } else {
                inTime.add(tick);
                tick = after(tick);
            }
        }
        var fire = new ArrayList<Instant>();
        if (rule.missed() == Missed.ALL || (rule.missed() == Missed.ONCE && inTime.isEmpty())) {
            fire.addAll(missed);
        }
        fire.addAll(inTime);
        return new Due(fire, seen - fire.size(), last, tick);
    }
}
