package dev.sluice.queue;

import java.util.UUID;

/** The UUID form in which clients see the id of a trace. As {@link PartitionIds}, with a mark of its own. */
public final class TraceIds {
    private static final TaggedIds IDS = new TaggedIds(0x534c_5543_4500_8002L);

    private TraceIds() {}

    /** Returns the UUID for the id of a trace, which is 1 or more. */
    public static UUID toUuid(long traceId) {
        return IDS.toUuid(traceId);
    }
}
