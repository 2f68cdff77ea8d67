package dev.sluice.queue;

import java.util.UUID;

/** Converts the id of a queue to the UUID that clients see; like {@link PartitionIds}, with another mark. */
public final class QueueIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8001L);

    private QueueIds() {}

    /** Returns the UUID for the id of a queue, which is 1 or more. */
    public static UUID toUuid(long queueId) {
        return IDS.toUuid(queueId);
    }
}
