package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/**
 * The UUID form in which clients see the id of a partition, and back. A UUID of version 8 (RFC 9562 §5.8): a fixed mark in
 * the upper half, the id in the 62 free bits of the lower half.
 */
public final class PartitionIds {
    private static final long MARK = 0x534c_5543_4500_8000L;
    private static final long VARIANT = 0x8000_0000_0000_0000L;
    private static final long ID_MASK = 0x3fff_ffff_ffff_ffffL;

    private PartitionIds() {}

    /** Returns the UUID for a partition id, which is 1 or more. */
    public static UUID toUuid(long partitionId) {
        if (partitionId < 1 || partitionId > ID_MASK) {
            throw new IllegalArgumentException("not a partition id: " + partitionId);
        }
        return new UUID(MARK, VARIANT | partitionId);
    }

    /** Returns the partition id in a UUID, or nothing when the UUID is not one that {@link #toUuid} made. */
    public static OptionalLong fromUuid(UUID uuid) {
        long low = uuid.getLeastSignificantBits();
        long id = low & ID_MASK;
        if (uuid.getMostSignificantBits() != MARK || (low & ~ID_MASK) != VARIANT || id == 0) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(id);
    }
}
