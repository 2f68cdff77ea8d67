package dev.sluice.bridge.subscribe;

import java.time.Duration;

/**
 * Bounds of subscriptions.
 *
 * @param subscribers most at a time ({@code subscribe.max.subscribers})
 * @param bufferBytes most that waits for one client ({@code subscribe.buffer.bytes})
 * @param memoryBytes most that waits for all clients ({@code subscribe.memory.bytes})
 * @param heartbeat silence after which a client is sent its position ({@code subscribe.heartbeat.ms})
 * @param stall a client for which messages wait must read within this time ({@code subscribe.stall.ms})
 */
public record SubscriptionLimits(
        int subscribers, long bufferBytes, long memoryBytes, Duration heartbeat, Duration stall) {}
