package dev.sluice.buffer;

import java.security.SecureRandom;
import java.util.UUID;

/**
 * The identity of a log: a UUID of version 8 (RFC 9562 §5.8) whose second half is computed from the first. So the first
 * half, the tag that every frame carries, names the log completely, and a segment whose header is damaged still says
 * whose it is.
 */
final class LogId {
    private static final SecureRandom RANDOM = new SecureRandom();

    private LogId() {}

    static UUID random() {
        return fromTag((RANDOM.nextLong() & ~0xf000L) | 0x8000L);
    }

    static long tag(UUID id) {
        return id.getMostSignificantBits();
    }

    static UUID fromTag(long tag) {
        return new UUID(tag, (mix(tag) >>> 2) | 0x8000_0000_0000_0000L);
    }

    static boolean isValid(UUID id) {
        return (tag(id) & 0xf000L) == 0x8000L && fromTag(tag(id)).equals(id);
    }

    /** A bijection in which each bit of the input moves about half of the output's bits (xor-shift and multiply). */
    private static long mix(long value) {
        long mixed = (value ^ (value >>> 32)) * 0xd6e8feb86659fd93L;
        mixed = (mixed ^ (mixed >>> 32)) * 0xd6e8feb86659fd93L;
        return mixed ^ (mixed >>> 32);
    }
}
