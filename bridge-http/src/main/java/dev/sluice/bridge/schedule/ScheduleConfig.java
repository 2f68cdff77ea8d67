package dev.sluice.bridge.schedule;

import dev.sluice.queue.PayloadCipher;
import java.time.Duration;
import java.util.List;

/**
 * Settings of schedules.
 *
 * @param schema PostgreSQL schema of the queue
 * @param cipher encrypts payloads
 * @param grace for how long a tick is due before it counts as missed
 * @param mostMissed most missed ticks of a schedule that are fired at once
 * @param most largest number of schedules
 * @param pollInterval how long changes of other bridges may stay unseen
 * @param declared what the configuration declares
 */
public record ScheduleConfig(
        String schema,
        PayloadCipher cipher,
        Duration grace,
        int mostMissed,
        int most,
        Duration pollInterval,
        List<Declared> declared) {
    /**
     * A schedule in the configuration.
     *
     * @param startsNow whether its ticks count from its first start; else from {@code spec.startsAt()}
     */
    public record Declared(ScheduleSpec spec, boolean startsNow) {}
}
