package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.limits.RequestLimits;
import dev.sluice.bridge.limits.RequestMemory;
import dev.sluice.queue.MessageHeaders;
import org.jspecify.annotations.Nullable;

/**
 * The room that one body leaves for the trace of its request. Each message gets a copy of the trace in the local log.
 * The log takes the largest body, so together the copies may take what this body lacks to the largest. Later messages
 * of a body without room get no trace headers; every message gets the trace id.
 *
 * <p>One thread.
 */
final class TraceRoom {
    /** Room that even the largest body leaves. The log has more than this beside it. */
    private static final int LEAST_BYTES = 16 << 10;

    private final RequestLimits limits;
    private final RequestMemory.Claim memory;
    private long left;

    /** Makes the room of a body. The headers take their memory from {@code memory}. */
    TraceRoom(RequestLimits limits, int bodyBytes, RequestMemory.Claim memory) {
        this.limits = limits;
        this.memory = memory;
        this.left = Math.max(0, limits.bodyBytes() - bodyBytes) + LEAST_BYTES;
    }

    /** Returns the memory of the request. */
    RequestMemory.Claim memory() {
        return memory;
    }

    /** Returns the headers of a message with those of the trace, if there is room for them. */
    MessageHeaders add(@Nullable TraceContext trace, MessageHeaders own) {
        if (trace == null) {
            return own;
        }
        MessageHeaders added = trace.addTo(own, limits.headers());
        long bytes = added.json().length() - own.json().length(); // What the trace adds is ASCII.
        if (bytes > left) {
            return own;
        }
        left -= bytes;
        // All messages without headers of their own share one object.
        memory.take(own.isEmpty() ? bytes : bytes + ItemHeaders.bytesOf(added.asMap()));
        return added;
    }
}
