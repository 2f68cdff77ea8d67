package dev.sluice.queue;

/** Names of the headers that the work engine adds to a message. Producers cannot set them. */
public final class WorkHeaders {
    /** The idempotency key of a work. */
    public static final String KEY = MessageHeaders.RESERVED + "work-key";

    /** When it is too late to run a work: an ISO time. */
    public static final String DEADLINE = MessageHeaders.RESERVED + "work-deadline";

    /** The priority of a work with a key, unless it is normal: the name of a lane. */
    public static final String PRIORITY = MessageHeaders.RESERVED + "work-priority";

    /** When a work was put back from the dead letters: an ISO time. Its age counts from then on. */
    public static final String REPLAYED = MessageHeaders.RESERVED + "work-replayed";

    private WorkHeaders() {}
}
