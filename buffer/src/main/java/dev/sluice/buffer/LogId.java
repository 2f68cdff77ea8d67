package dev.sluice.buffer;

import java.security.SecureRandom;
import java.util.UUID;

/**
 * The identity of a log: a UUID of version 8 (RFC 9562 §5.8). Its second half is computed from its first half. Every
 * frame carries the first half (the tag), which therefore names the log completely, even if a segment's header is
 * damaged.
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

    /** A bijection: each bit of the input changes about half of the bits of the output (xor-shift and multiply). */
    private static long mix(long value) {
        long mixed = (value ^ (value >>> 32)) * 0xd6e8feb86659fd93L;
        mixed = (mixed ^ (mixed >>> 32)) * 0xd6e8feb86659fd93L;
        return mixed ^ (mixed >>> 32);
    }
}
