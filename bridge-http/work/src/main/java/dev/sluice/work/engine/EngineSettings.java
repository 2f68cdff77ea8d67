package dev.sluice.work.engine;

import dev.sluice.queue.PayloadCipher;
import dev.sluice.work.HandlerSettings;
import dev.sluice.work.LaneOrder;
import java.time.Duration;

/**
 * Settings of an engine; {@link dev.sluice.work.WorkBuffer.Builder} has a method for each.
 *
 * @param schema PostgreSQL schema of the queue
 * @param cipher decrypts payloads; encrypts errors and results of encrypted queues
 * @param concurrency most works that run at a time
 * @param maxQueueSize most works of a type that may wait; 0: any number
 * @param blocksWhenFull whether an enqueue waits for room; else it is refused
 * @param lease how long another engine waits before it takes over the works of this one
 * @param claimAhead how long before its expected start a work may be claimed
 * @param closeTimeout how long a close waits for handlers
 * @param interruptGrace how long a handler may take to end after its thread was interrupted
 * @param maxStuck most handlers that ignore an interrupt whose workers are replaced
 * @param pollInterval how long the engine waits for a wake-up before it looks by itself
 * @param progressInterval how often what handlers report is stored, at most
 * @param listens whether a connection listens to other processes
 * @param eventBuffer most events that wait for a listener
 * @param lanes how claims are divided among the lanes of a type
 */
public record EngineSettings(
        String schema,
        PayloadCipher cipher,
        int concurrency,
        long maxQueueSize,
        boolean blocksWhenFull,
        Duration lease,
        Duration claimAhead,
        Duration closeTimeout,
        Duration interruptGrace,
        int maxStuck,
        Duration pollInterval,
        Duration progressInterval,
        boolean listens,
        int eventBuffer,
        LaneOrder lanes) {

    /** The engine renews leases three times before they end; a shorter lease would end on a busy machine. */
    static final Duration MIN_LEASE = Duration.ofSeconds(1);

    static final int MAX_CONCURRENCY = 10_000;

    /** Longest time of any setting: 31 years. */
    static final Duration MAX_TIME = HandlerSettings.MAX_TIMEOUT;

    private static final Duration MIN_INTERVAL = Duration.ofMillis(1);

    public EngineSettings {
        require(
                concurrency >= 1 && concurrency <= MAX_CONCURRENCY,
                "concurrency",
                "1 to " + MAX_CONCURRENCY,
                concurrency);
        require(maxQueueSize >= 0, "maxQueueSize", "0 or more", maxQueueSize);
        requireTime("lease", lease, MIN_LEASE);
        requireTime("claimAhead", claimAhead, Duration.ZERO);
        requireTime("closeTimeout", closeTimeout, Duration.ZERO);
        requireTime("interruptGrace", interruptGrace, Duration.ZERO);
        require(maxStuck >= 0, "maxStuck", "0 or more", maxStuck);
        requireTime("pollInterval", pollInterval, MIN_INTERVAL);
        requireTime("progressInterval", progressInterval, MIN_INTERVAL);
        require(eventBuffer >= 1, "eventBuffer", "at least 1", eventBuffer);
    }

    private static void requireTime(String name, Duration time, Duration least) {
        require(time.compareTo(least) >= 0 && time.compareTo(MAX_TIME) <= 0, name, least + " to " + MAX_TIME, time);
    }

    private static void require(boolean holds, String name, String range, Object value) {
        if (!holds) {
            throw new IllegalArgumentException(name + " must be " + range + ", was " + value);
        }
    }
}
