package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/** The UUID form in which clients see the id of a queue, and back. As {@link PartitionIds}, with a mark of its own. */
public final class QueueIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8001L);

    private QueueIds() {}

    /** Returns the UUID for the id of a queue, which is 1 or more. */
    public static UUID toUuid(long queueId) {
        return IDS.toUuid(queueId);
    }

    /** Returns the id of the queue in a UUID, or nothing when the UUID is not one that {@link #toUuid} made. */
    public static OptionalLong fromUuid(UUID uuid) {
        return IDS.fromUuid(uuid);
    }
}
