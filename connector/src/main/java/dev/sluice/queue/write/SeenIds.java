package dev.sluice.queue.write;

import java.security.SecureRandom;
import java.util.Arrays;

/**
 * Maps the transaction ids of one partition, as 64-bit hashes, to the seqs of their messages. An open-addressing hash
 * table with linear probing. Two ids can share a hash, so a hit is only a candidate for a duplicate.
 *
 * <p>An entry takes 12 bytes. The capacity is a power of two, filled to three quarters at most, so an id takes 16 to 32
 * bytes. An empty table takes none. Owned by one thread.
 */
final class SeenIds {
    private static final int MIN_CAPACITY = 4;
    private static final long[] NONE = {};
    private static final int[] NO_DELTAS = {};
    /** Makes the hashes of this process unpredictable, so that no producer can choose ids that collide. */
    private static final long SEED = new SecureRandom().nextLong();

    private long[] hashes;
    /** Each seq minus {@link #base}, 1 or more; 0 marks an empty slot. */
    private int[] deltas;

    private long base;
    private int size;

    SeenIds() {
        hashes = NONE;
        deltas = NO_DELTAS;
    }

    /** Makes a table with room for the expected number of ids; it grows if there are more. */
    SeenIds(int expected) {
        int capacity = MIN_CAPACITY;
        while (capacity * 3L < expected * 4L) {
            capacity *= 2;
        }
        hashes = new long[capacity];
        deltas = new int[capacity];
    }

    /** Returns the hash of a transaction id. */
    static long hash(String transactionId) {
        long h = SEED;
        for (int i = 0; i < transactionId.length(); i++) {
            h = (h ^ transactionId.charAt(i)) * 0x9e37_79b9_7f4a_7c15L;
            h ^= h >>> 29;
        }
        return h;
    }

    int size() {
        return size;
    }

    /** Adds an id with this hash at {@code seq}. Ignores a seq that is more than two billion before another. */
    void add(long hash, long seq) {
        if (hashes.length == 0) {
            hashes = new long[MIN_CAPACITY];
            deltas = new int[MIN_CAPACITY];
        }
        if (size == 0) {
            base = seq - 1;
        }
        if (seq - base < 1 || seq - base > Integer.MAX_VALUE) {
            rebase(seq);
        }
        if ((size + 1) * 4L > hashes.length * 3L) {
            rebuild(hashes.length * 2, Long.MIN_VALUE, base);
        }
        if (seq > base) {
            put(hash, (int) (seq - base));
        }
    }

    /** Returns the seqs of the ids with this hash; usually none. */
    long[] seqsOf(long hash) {
        if (size == 0) {
            return NONE;
        }
        int mask = hashes.length - 1;
        long[] found = NONE;
        for (int slot = slotOf(hash, mask); deltas[slot] != 0; slot = (slot + 1) & mask) {
            if (hashes[slot] == hash) {
                long[] longer = new long[found.length + 1];
                System.arraycopy(found, 0, longer, 0, found.length);
                longer[found.length] = base + deltas[slot];
                found = longer;
            }
        }
        return found;
    }

    /** Removes every id before {@code seq}. */
    void forgetBelow(long seq) {
        rebuild(hashes.length, seq, Math.max(base, seq - 1));
        if (size == 0) {
            hashes = NONE;
            deltas = NO_DELTAS;
        }
    }

    /** Removes all ids but the newest {@code most}. */
    void keepNewest(int most) {
        if (size <= most) {
            return;
        }
        int[] sorted = new int[size];
        int found = 0;
        for (int delta : deltas) {
            if (delta != 0) {
                sorted[found++] = delta;
            }
        }
        Arrays.sort(sorted);
        forgetBelow(most == 0 ? base + sorted[size - 1] + 1 : base + sorted[size - most]);
    }

    /** Moves the base so that {@code seq} is in range. Removes the lowest ids if the range is too wide. */
    private void rebase(long seq) {
        long lowest = seq;
        long highest = seq;
        for (int delta : deltas) {
            if (delta != 0) {
                lowest = Math.min(lowest, base + delta);
                highest = Math.max(highest, base + delta);
            }
        }
        long newBase = Math.max(lowest - 1, highest - Integer.MAX_VALUE);
        rebuild(hashes.length, newBase + 1, newBase);
    }

    private void rebuild(int capacity, long lowest, long newBase) {
        long[] oldHashes = hashes;
        int[] oldDeltas = deltas;
        int kept = 0;
        for (int delta : oldDeltas) {
            if (delta != 0 && base + delta >= lowest) {
                kept++;
            }
        }
        int fitting = Math.max(MIN_CAPACITY, capacity);
        while (fitting > MIN_CAPACITY && kept * 8L < fitting * 3L) {
            fitting /= 2;
        }
        long[] newHashes = new long[fitting];
        deltas = new int[fitting]; // If memory runs out here, the table is unchanged.
        hashes = newHashes;
        size = 0;
        for (int i = 0; i < oldDeltas.length; i++) {
            if (oldDeltas[i] != 0 && base + oldDeltas[i] >= lowest) {
                put(oldHashes[i], (int) (base + oldDeltas[i] - newBase));
            }
        }
        base = newBase;
    }

    private void put(long hash, int delta) {
        int mask = hashes.length - 1;
        int slot = slotOf(hash, mask);
        while (deltas[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        hashes[slot] = hash;
        deltas[slot] = delta;
        size++;
    }

    private static int slotOf(long hash, int mask) {
        return (int) (hash ^ (hash >>> 32)) & mask;
    }
}
