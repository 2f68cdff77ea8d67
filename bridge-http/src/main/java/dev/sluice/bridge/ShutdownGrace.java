package dev.sluice.bridge;

import java.io.Closeable;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The first phase of a stop: {@code /ready} answers 503, and the service still serves. A load balancer sees the 503 at
 * its next check and sends no more requests. Without this phase, clients would see refused connections.
 */
final class ShutdownGrace implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(ShutdownGrace.class);

    private final Duration grace;

    /** Makes a phase of this length. Zero: no load balancer asks {@code /ready}. */
    ShutdownGrace(Duration grace) {
        this.grace = grace;
    }

    /** Waits for the end of the phase. An interrupt ends the phase; the stop continues. */
    @Override
    public void close() {
        if (grace.isZero()) {
            return;
        }
        log.info("Stopping: /ready answers 503, requests are still served graceMs={}", grace.toMillis());
        try {
            Thread.sleep(grace.toMillis());
        } catch (InterruptedException e) {
            log.info("An interrupt ended the shutdown grace early, the stop continues");
        }
    }
}
