package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/**
 * The UUID form in which clients see the id of a partition, and back. A UUID of version 8 (RFC 9562 §5.8): a fixed mark
 * in the upper half, the id in the 62 free bits of the lower half.
 */
public final class PartitionIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8000L);

    private PartitionIds() {}

    /** Returns the UUID for a partition id, which is 1 or more. */
    public static UUID toUuid(long partitionId) {
        return IDS.toUuid(partitionId);
    }

    /** Returns the partition id in a UUID, or nothing when the UUID is not one that {@link #toUuid} made. */
    public static OptionalLong fromUuid(UUID uuid) {
        return IDS.fromUuid(uuid);
    }
}
