package dev.sluice.bridge.config;

import static dev.sluice.bridge.config.KeyGroup.HOUR_MS;

import dev.sluice.bridge.limits.HeapShares;
import dev.sluice.bridge.subscribe.SubscriptionLimits;
import java.time.Duration;

/** Keys of clients to which messages are pushed. */
final class SubscribeSettings {
    static final KeyGroup GROUP = new KeyGroup("Subscriptions");

    static final Key<Integer> MAX_SUBSCRIBERS = GROUP.integer(
            "subscribe.max.subscribers",
            5_000,
            1,
            100_000,
            "The largest number of clients of `GET /api/v1/subscribe/{queue}` at a time. The service refuses further"
                    + " ones with 503.");
    static final Key<Integer> BUFFER_BYTES = GROUP.integer(
            "subscribe.buffer.bytes",
            1 << 20,
            4 << 10,
            64 << 20,
            "The largest size in bytes of the messages that wait for one subscriber. The service drops a subscriber"
                    + " that does not read as fast as messages come.");
    static final Key<Long> MEMORY_BYTES = GROUP.number(
            "subscribe.memory.bytes",
            0,
            0,
            Long.MAX_VALUE,
            "The largest size in bytes of the messages that wait for all subscribers together. A message that waits"
                    + " for many counts once. If 0, the limit is a 24th of the heap.");
    static final Key<Duration> HEARTBEAT = GROUP.millis(
            "subscribe.heartbeat.ms",
            15_000,
            100,
            30_000,
            "The time in ms after which the service sends a subscriber its position again, so that both sides notice"
                    + " when the other one is gone.");
    static final Key<Duration> STALL = GROUP.millis(
            "subscribe.stall.ms",
            30_000,
            100,
            HOUR_MS,
            "The longest time in ms for which a subscriber may not read although messages wait for it. The service"
                    + " drops it at the next heartbeat.");

    private SubscribeSettings() {}

    static SubscriptionLimits limits(Values values) {
        long memory = values.get(MEMORY_BYTES);
        return new SubscriptionLimits(
                values.get(MAX_SUBSCRIBERS),
                values.get(BUFFER_BYTES),
                memory == 0 ? HeapShares.transaction(Long.MAX_VALUE) : memory,
                values.get(HEARTBEAT),
                values.get(STALL));
    }
}
