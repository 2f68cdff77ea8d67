package dev.sluice.bridge.subscribe;

import dev.sluice.bridge.limits.InvalidRequestException;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A place in all partitions of a queue, in a few bytes. A client that names it gets everything that it has not got.
 *
 * <p>The client has got all messages that were written before {@code since}. It has got those before {@code until} in
 * the partitions whose ids are below {@code below}. In the partitions of {@code exact} it has got the messages up to a
 * seq. As a text: {@code SINCE[.UNTIL.BELOW]} and {@code ~PARTITION.SEQ} for each exact partition, with numbers to the
 * base of 36.
 *
 * @param since microseconds since 1970; 0: nothing
 * @param until microseconds since 1970; 0: as {@code since}
 * @param below id of a partition; 0: none is below it
 * @param exact seq by id of the partition
 */
record Position(long since, long until, long below, Map<Long, Long> exact) {
    /** The position before all messages. */
    static final Position BEGINNING = new Position(0, 0, 0, Map.of());

    /** Most partitions whose seqs are named. A text with as many is below 300 bytes. */
    static final int MOST_EXACT = 8;

    private static final int RADIX = 36;
    private static final long MICROS = 1_000_000;
    private static final Pattern NUMBER = Pattern.compile("[0-9a-z]{1,12}");
    private static final Pattern FORM =
            Pattern.compile("(#)(?:\\.(#)\\.(#))?((?:~#\\.#){0,8})".replace("#", NUMBER.pattern()));

    Position {
        exact = Map.copyOf(exact);
    }

    /** Returns the position before everything that was written at a time or later. */
    static Position at(Instant time) {
        return new Position(Math.max(micros(time), 0), 0, 0, Map.of());
    }

    static long micros(Instant time) {
        return time.getEpochSecond() * MICROS + time.getNano() / 1_000;
    }

    static Instant instant(long micros) {
        return Instant.ofEpochSecond(micros / MICROS, micros % MICROS * 1_000);
    }

    /**
     * Reads the text of a position.
     *
     * @throws InvalidRequestException (400) if it is none
     */
    static Position parse(String text) {
        Matcher parts = FORM.matcher(text);
        if (!parts.matches()) {
            throw InvalidRequestException.badRequest(
                    "Last-Event-ID must be an id that this service has sent, or be left out");
        }
        var exact = new TreeMap<Long, Long>();
        for (String pair : parts.group(4).split("~", -1)) {
            int dot = pair.indexOf('.');
            if (dot > 0) {
                exact.put(number(pair.substring(0, dot)), number(pair.substring(dot + 1)));
            }
        }
        boolean two = parts.group(2) != null;
        return new Position(
                number(parts.group(1)), two ? number(parts.group(2)) : 0, two ? number(parts.group(3)) : 0, exact);
    }

    private static long number(String text) {
        return Long.parseLong(text, RADIX);
    }

    /** Returns the text of this position. */
    String text() {
        var text = new StringBuilder(Long.toString(since, RADIX));
        if (below > 0) {
            text.append('.').append(Long.toString(until, RADIX));
            text.append('.').append(Long.toString(below, RADIX));
        }
        new TreeMap<>(exact)
                .forEach((partition, seq) -> text.append('~')
                        .append(Long.toString(partition, RADIX))
                        .append('.')
                        .append(Long.toString(seq, RADIX)));
        return text.toString();
    }
}
