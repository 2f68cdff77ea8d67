package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/**
 * Converts the id of a partition to the UUID that clients see, and back. The UUID is of version 8 (RFC 9562 §5.8): the
 * upper half is a fixed mark, the 62 free bits of the lower half hold the id.
 */
public final class PartitionIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8000L);

    private PartitionIds() {}

    /** Returns the UUID for a partition id, which is 1 or more. */
    public static UUID toUuid(long partitionId) {
        return IDS.toUuid(partitionId);
    }

    /** Returns the partition id in a UUID, or nothing if {@link #toUuid} did not make the UUID. */
    public static OptionalLong fromUuid(UUID uuid) {
        return IDS.fromUuid(uuid);
    }
}
