package dev.sluice.queue;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Where a consumer group starts in a queue it has not read before. Later pops do not change it. The default group
 * always starts at the beginning.
 *
 * @param mode beginning or end
 * @param from when not null, the first message is the oldest one created at or after it, whatever the mode
 */
public record Subscription(Mode mode, @Nullable Instant from) {
    /** Everything that is still in the queue. */
    public static final Subscription ALL = new Subscription(Mode.ALL, null);

    /** Only what is pushed after the group's first pop. */
    public static final Subscription NEW = new Subscription(Mode.NEW, null);

    /** Start of a group. */
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
