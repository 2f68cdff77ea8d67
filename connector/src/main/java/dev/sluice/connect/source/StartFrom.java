package dev.sluice.connect.source;

import dev.sluice.queue.TimeText;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Where a source begins in a partition that has no offset.
 *
 * @param kind one of the three kinds
 * @param time the time of {@link Kind#TIME}; null for the other kinds
 */
record StartFrom(Kind kind, @Nullable Instant time) {
    static final String SYNTAX = "beginning, end or timestamp:TIME";

    private static final String TIMESTAMP = "timestamp:";

    /** The kinds of a beginning. */
    enum Kind {
        /** The source reads from the oldest message. */
        BEGINNING,
        /** The source reads messages written after it first started. */
        END,
        /** The source reads messages written from a time on. */
        TIME
    }

    /**
     * Parses the setting.
     *
     * @throws IllegalArgumentException if the text is none of the three, or its time is not valid ({@link TimeText})
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
