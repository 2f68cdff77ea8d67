package dev.sluice.connect.source;

import dev.sluice.queue.TimeText;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Where a source begins in a partition it has no offset of.
 *
 * @param kind which of the three
 * @param time only with {@link Kind#TIME}
 */
record StartFrom(Kind kind, @Nullable Instant time) {
    static final String SYNTAX = "beginning, end or timestamp:TIME";

    private static final String TIMESTAMP = "timestamp:";

    /** What the position depends on. */
    enum Kind {
        /** The oldest message that is kept. */
        BEGINNING,
        /** What is written after the source first started. */
        END,
        /** What is written from a time on. */
        TIME
    }

    /**
     * Reads the setting.
     *
     * @throws IllegalArgumentException if it is none of the three, or the time is none ({@link TimeText})
     */
    static StartFrom parse(String text) {
        if (text.equals("beginning")) {
            return new StartFrom(Kind.BEGINNING, null);
        } else if (text.equals("end")) {
            return new StartFrom(Kind.END, null);
        } else if (text.startsWith(TIMESTAMP)) {
            return new StartFrom(
                    Kind.TIME, TimeText.parse("the text after timestamp:", text.substring(TIMESTAMP.length())));
        }
        throw new IllegalArgumentException("must be " + SYNTAX + ", was " + text);
    }
}
