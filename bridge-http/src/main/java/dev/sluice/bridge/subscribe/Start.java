package dev.sluice.bridge.subscribe;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Where a subscription begins. */
public final class Start {
    /** At the end of the queue. */
    public static final Start END = new Start(null);

    /** At the oldest message. */
    public static final Start BEGINNING = new Start(Position.BEGINNING);

    private final @Nullable Position position;

    private Start(@Nullable Position position) {
        this.position = position;
    }

    /** With the messages that were written at a time or later. */
    public static Start at(Instant time) {
        return new Start(Position.at(time));
    }

    /**
     * Behind the event of an id.
     *
     * @throws dev.sluice.bridge.limits.InvalidRequestException (400) if no event of this service has such an id
     */
    public static Start behind(String id) {
        return new Start(Position.parse(id));
    }

    @Nullable
    Position position() {
        return position;
    }
}
