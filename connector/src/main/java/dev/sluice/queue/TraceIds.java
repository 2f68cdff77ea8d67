package dev.sluice.queue;

import java.util.UUID;

/** Converts the id of a trace to the UUID that clients see; like {@link PartitionIds}, with another mark. */
public final class TraceIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8002L);

    private TraceIds() {}

    /** Returns the UUID for the id of a trace, which is 1 or more. */
    public static UUID toUuid(long traceId) {
        return IDS.toUuid(traceId);
    }
}
