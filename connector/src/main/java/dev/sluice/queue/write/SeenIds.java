package dev.sluice.queue.write;

import java.security.SecureRandom;
import java.util.Arrays;

/**
 * Maps the transaction ids of one partition, as 64-bit hashes, to the seqs of their messages. Two ids can share a hash,
 * so a hit is only a candidate for a duplicate.
 *
 * <p>A ring holds the ids in the order of their seqs, so it costs nothing to find the oldest. An open-addressing hash
 * table with linear probing holds the places in the ring. To remove an id costs about as much as to add one, however
 * many others there are: a writer that has reached its bound removes an id for each one that it adds.
 *
 * <p>A place in the ring takes 12 bytes, and one in the table 4. The table is filled to three quarters at most, so an
 * id takes 16 to 32 bytes. A ring of few ids is searched without a table. An empty one takes nothing. Owned by one
 * thread.
 */
final class SeenIds {
    private static final int MIN_CAPACITY = 4;
    /** Most ids that are searched without a table. */
    private static final int MOST_WITHOUT_TABLE = 8;

    private static final long[] NONE = {};
    private static final int[] NO_INTS = {};
    /** Makes the hashes of this process unpredictable, so that no producer can choose ids that collide. */
    private static final long SEED = new SecureRandom().nextLong();

    private long[] hashes = NONE;
    /** The low half of each seq. All seqs are within two billion below {@link #newest}, which tells the high half. */
    private int[] lows = NO_INTS;
    /**
     * Places of ids, each plus 1, by hash; 0 marks an empty slot. The bits above those of a place are the first ones of
     * the hash, so a search seldom looks at another id in the ring. Empty if the ring is searched.
     */
    private int[] table = NO_INTS;
    /** Bits of a place in the table. */
    private int placeBits;

    private int first;
    private int size;
    private long newest;

    SeenIds() {}

    /** Makes one with room for the expected number of ids; it grows if there are more. */
    SeenIds(int expected) {
        resize(Math.max(MIN_CAPACITY, expected));
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

    /**
     * Adds an id with this hash at {@code seq}. Ignores a seq that is two billion below another, and removes those that
     * are two billion below this one. It costs least if no seq is higher.
     */
    void add(long hash, long seq) {
        if (size > 0 && seq < newest) {
            insert(hash, seq);
            return;
        }
        int tooLow = 0;
        while (tooLow < size && seq - seqAt(place(tooLow)) >= Integer.MAX_VALUE) {
            tooLow++;
        }
        removeOldest(tooLow);
        append(hash, seq);
    }

    private void append(long hash, long seq) {
        if (size == hashes.length) {
            grow();
        }
        int place = place(size++);
        hashes[place] = hash;
        lows[place] = (int) seq;
        newest = seq;
        enter(place);
    }

    /** Adds a seq that is not the highest. */
    private void insert(long hash, long seq) {
        if (newest - seq >= Integer.MAX_VALUE) {
            return;
        }
        int higher = 0;
        while (higher < size && seqAt(place(size - 1 - higher)) > seq) {
            higher++;
        }
        long[] hashesAbove = new long[higher];
        long[] seqsAbove = new long[higher];
        for (int i = 0; i < higher; i++) {
            int place = place(size - higher + i);
            hashesAbove[i] = hashes[place];
            seqsAbove[i] = seqAt(place);
        }
        size -= higher;
        resize(hashes.length); // Drops the higher ones from the table.
        append(hash, seq);
        for (int i = 0; i < higher; i++) {
            append(hashesAbove[i], seqsAbove[i]);
        }
    }

    /** Returns the seqs of the ids with this hash; usually none. */
    long[] seqsOf(long hash) {
        long[] found = NONE;
        if (table.length == 0) {
            for (int i = 0; i < size; i++) {
                int place = place(i);
                found = hashes[place] == hash ? with(found, seqAt(place)) : found;
            }
            return found;
        }
        int mask = table.length - 1;
        int wanted = entry(hash, 0);
        for (int slot = slotOf(hash, mask); table[slot] != 0; slot = (slot + 1) & mask) {
            int entry = table[slot];
            if ((entry ^ wanted) >>> placeBits == 0 && hashes[placeOf(entry)] == hash) {
                found = with(found, seqAt(placeOf(entry)));
            }
        }
        return found;
    }

    private static long[] with(long[] seqs, long another) {
        long[] longer = Arrays.copyOf(seqs, seqs.length + 1);
        longer[seqs.length] = another;
        return longer;
    }

    /** Removes every id before {@code seq}. */
    void forgetBelow(long seq) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (seqAt(place(middle)) < seq) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        removeOldest(low);
    }

    /** Removes all ids but the newest {@code most}. */
    void keepNewest(int most) {
        removeOldest(size - most);
    }

    private void removeOldest(int count) {
        if (count <= 0) {
            return;
        }
        int left = size - count;
        boolean moves = left < count || (hashes.length > MOST_WITHOUT_TABLE && left < hashes.length * 7L / 10);
        for (int i = 0; i < count; i++) {
            if (!moves) {
                leave(first);
            }
            first = first + 1 == hashes.length ? 0 : first + 1;
        }
        size = left;
        if (moves) {
            resize(left == 0 ? 0 : Math.max(MIN_CAPACITY, left + left / 8));
        }
    }

    private void grow() {
        int capacity = Math.max(MIN_CAPACITY, Math.addExact(size, size / 8 * 3 + 1));
        int oldFirst = first;
        int oldCapacity = hashes.length;
        int oldPlaceBits = placeBits;
        int[] oldTable = table;
        int slots = slots(capacity);
        moveRing(capacity, slots == oldTable.length ? oldTable : new int[slots]);
        if (table != oldTable) {
            enterAll();
            return;
        }
        for (int slot = 0; slot < table.length; slot++) { // In order, which is much faster than to enter each by hash.
            int entry = table[slot];
            if (entry != 0) {
                int place = (entry & ((1 << oldPlaceBits) - 1)) - 1;
                int moved = place - oldFirst + (place < oldFirst ? oldCapacity : 0);
                table[slot] = (entry >>> oldPlaceBits) >>> (placeBits - oldPlaceBits) << placeBits | (moved + 1);
            }
        }
    }

    /** Moves the ids to a ring of this capacity, and enters them in another table. */
    private void resize(int capacity) {
        int slots = slots(capacity);
        moveRing(capacity, slots == 0 ? NO_INTS : new int[slots]);
        enterAll();
    }

    /** Moves the ids to a ring that begins with the oldest. If memory runs out, nothing has changed. */
    private void moveRing(int capacity, int[] newTable) {
        long[] newHashes = capacity == 0 ? NONE : new long[capacity];
        int[] newLows = capacity == 0 ? NO_INTS : new int[capacity];
        int atEnd = Math.min(size, hashes.length - first);
        System.arraycopy(hashes, first, newHashes, 0, atEnd);
        System.arraycopy(hashes, 0, newHashes, atEnd, size - atEnd);
        System.arraycopy(lows, first, newLows, 0, atEnd);
        System.arraycopy(lows, 0, newLows, atEnd, size - atEnd);
        hashes = newHashes;
        lows = newLows;
        table = newTable;
        placeBits = Integer.SIZE - Integer.numberOfLeadingZeros(capacity);
        first = 0;
    }

    /** Returns the length of the table for a ring of this capacity. */
    private static int slots(int capacity) {
        if (capacity <= MOST_WITHOUT_TABLE) {
            return 0;
        }
        int slots = MIN_CAPACITY;
        while (slots * 3L < capacity * 4L) {
            slots *= 2;
        }
        return slots;
    }

    private void enterAll() {
        for (int i = 0; i < size; i++) {
            enter(i);
        }
    }

    private void enter(int place) {
        if (table.length == 0) {
            return;
        }
        int mask = table.length - 1;
        int slot = slotOf(hashes[place], mask);
        while (table[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        table[slot] = entry(hashes[place], place + 1);
    }

    /** Returns the value of a slot: the first bits of the hash, and then a place plus 1. */
    private int entry(long hash, int placePlusOne) {
        return (int) (hash >>> Integer.SIZE) >>> placeBits << placeBits | placePlusOne;
    }

    private int placeOf(int entry) {
        return (entry & ((1 << placeBits) - 1)) - 1;
    }

    /** Removes a place from the table, and moves those behind it that a search would no longer find. */
    private void leave(int place) {
        if (table.length == 0) {
            return;
        }
        int mask = table.length - 1;
        int hole = slotOf(hashes[place], mask);
        int wantedEntry = entry(hashes[place], place + 1);
        while (table[hole] != wantedEntry) {
            hole = (hole + 1) & mask;
        }
        int slot = hole;
        while (true) {
            slot = (slot + 1) & mask;
            if (table[slot] == 0) {
                table[hole] = 0;
                return;
            }
            int wanted = slotOf(hashes[placeOf(table[slot])], mask);
            // It may move to the hole unless its search begins behind the hole.
            if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
                table[hole] = table[slot];
                hole = slot;
            }
        }
    }

    /** Returns the place in the ring of an id, counted from the oldest. */
    private int place(int number) {
        int place = first + number;
        return place < hashes.length && place >= 0 ? place : place - hashes.length;
    }

    private long seqAt(int place) {
        return newest - ((int) newest - lows[place]);
    }

    private static int slotOf(long hash, int mask) {
        return (int) (hash ^ (hash >>> 32)) & mask;
    }
}
