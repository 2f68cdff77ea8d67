package dev.sluice.queue;

import java.security.SecureRandom;
import java.time.Instant;
import java.time.InstantSource;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Makes message ids: UUIDs of version 7 (RFC 9562 §5.7). Each id is greater than all ids that the same instance made
 * before it.
 *
 * <p>The 48 bits of milliseconds and the 12 bits of {@code rand_a} form one counter (RFC 9562 §6.2, method 1). If the
 * clock is ahead of the counter, the counter takes the clock's time; otherwise it goes up by one. So ids stay in order
 * if several are made in one millisecond, and if the clock is set back. More than 4096 ids in a millisecond borrow from
 * the next one. The 62 bits of {@code rand_b} are random. Lock-free; safe for use by many threads.
 */
public final class MessageIds {
    private static final int COUNTER_BITS = 12;
    private static final long COUNTER_MASK = (1 << COUNTER_BITS) - 1;
    private static final int TIME_SHIFT = 16;
    private static final int TEXT_LENGTH = 36;
    private static final int VERSION = 7;
    private static final int RFC_VARIANT = 2;
    private static final long VERSION_7 = 0x7000;
    private static final long VARIANT = 0x8000_0000_0000_0000L;

    private static final SecureRandom SEEDS = new SecureRandom();
    private static final ThreadLocal<SplittableRandom> RANDOM =
            ThreadLocal.withInitial(() -> new SplittableRandom(SEEDS.nextLong()));

    private final InstantSource clock;
    private final AtomicLong last = new AtomicLong();

    /** Makes ids with the time of this machine. Only the order of ids across restarts depends on that time. */
    public MessageIds() {
        this(InstantSource.system());
    }

    /** Makes ids with the time of {@code clock}. */
    public MessageIds(InstantSource clock) {
        this.clock = clock;
    }

    /**
     * Returns the time in a UUID of version 7, or null for any other UUID. The time is that of the clock of the process
     * that made the UUID.
     */
    public static @Nullable Instant timeOf(UUID id) {
        return id.version() == VERSION && id.variant() == RFC_VARIANT
                ? Instant.ofEpochMilli(id.getMostSignificantBits() >>> TIME_SHIFT)
                : null;
    }

    /** Returns the time in the text of a UUID of version 7, or null for any other text. */
    public static @Nullable Instant timeOf(String id) {
        if (id.length() != TEXT_LENGTH) {
            return null;
        }
        try {
            return timeOf(UUID.fromString(id));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** Returns a new id. */
    public UUID next() {
        long now = clock.millis() << COUNTER_BITS;
        long count = last.updateAndGet(previous -> Math.max(previous + 1, now));
        long high = (count >>> COUNTER_BITS) << TIME_SHIFT | VERSION_7 | (count & COUNTER_MASK);
        long low = VARIANT | RANDOM.get().nextLong() >>> 2;
        return new UUID(high, low);
    }
}
