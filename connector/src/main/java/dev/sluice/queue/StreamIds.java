package dev.sluice.queue;

import java.util.OptionalLong;
import java.util.UUID;

/** Converts the id of a stream's query to the UUID that clients see; like {@link PartitionIds}, with another mark. */
public final class StreamIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8003L);

    private StreamIds() {}

    /** Returns the UUID for the id of a query, which is 1 or more. */
    public static UUID toUuid(long queryId) {
        return IDS.toUuid(queryId);
    }

    /** Returns the id in a UUID, or nothing if {@link #toUuid} did not make the UUID. */
    public static OptionalLong fromUuid(UUID uuid) {
        return IDS.fromUuid(uuid);
    }
}
