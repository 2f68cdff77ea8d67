package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Where a consumer group starts in a queue that it reads for the first time. Later pops do not change it. The default
 * group always starts at the beginning.
 *
 * @param mode beginning or end
 * @param from if not null, the group starts at the oldest message created at or after this time, and the mode has no
 *     effect
 */
public record Subscription(Mode mode, @Nullable Instant from) {
    /** All messages of the queue. */
    public static final Subscription ALL = new Subscription(Mode.ALL, null);

    /** Only messages that are pushed after the group's first pop. */
    public static final Subscription NEW = new Subscription(Mode.NEW, null);

    /** The end of the queue at which a group starts. */
    public enum Mode {
        /** At the oldest message. */
        ALL,
        /** After the newest message. */
        NEW
    }

    public Subscription {
        requireNonNull(mode, "mode");
    }
}
