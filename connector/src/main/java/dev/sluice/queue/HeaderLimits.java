package dev.sluice.queue;

/**
 * How many headers a message may carry, and how large they may be together. The bridge and the sink check the
 * configured limits of their producers. {@link MessageHeaders} checks {@link #ABSOLUTE} for every message.
 *
 * @param count most headers of a message, 0 or more
 * @param bytes most bytes of the names and values of a message in UTF-8, 0 or more
 */
public record HeaderLimits(int count, int bytes) {
    /** The limits that no configuration can exceed. Even encrypted, such headers fit into an entry of the log. */
    public static final HeaderLimits ABSOLUTE = new HeaderLimits(1024, 1 << 18);

    /** The limits if nothing else is configured. */
    public static final HeaderLimits DEFAULT = new HeaderLimits(64, 16 << 10);

    public HeaderLimits {
        if (count < 0 || bytes < 0) {
            throw new IllegalArgumentException("limits must be 0 or more, were " + count + " and " + bytes);
        }
    }

    /**
     * Checks the headers of a message.
     *
     * @throws IllegalArgumentException if there are too many headers, or if they are too large; the text has both
     *     numbers
     */
    public void check(MessageHeaders headers) {
        check(headers.asMap().size(), headers.bytes());
    }

    void check(int headers, long size) {
        if (headers > count) {
            throw new IllegalArgumentException("headers must be at most " + count + ", are " + headers);
        }
        if (size > bytes) {
            throw new IllegalArgumentException(
                    "headers must have at most " + bytes + " bytes of names and values, have " + size);
        }
    }
}
