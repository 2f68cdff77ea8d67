package dev.sluice.bridge;

import java.io.Closeable;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The time in which a service that is to stop serves on: {@code /ready} says that it stops, and what load balancers
 * send until they have seen it is still answered. They notice at their next check, so without this a stop shows to
 * clients as refused connections.
 */
final class ShutdownGrace implements Closeable {
    private static final Logger log = LoggerFactory.getLogger(ShutdownGrace.class);

    private final Duration grace;

    /** Lasts this long; zero for where nobody asks {@code /ready}. */
    ShutdownGrace(Duration grace) {
        this.grace = grace;
    }

    /** Returns when the time is over. An interrupt ends it, and nothing else: the stop goes on. */
    @Override
    public void close() {
        if (grace.isZero()) {
            return;
        }
        log.info("Not ready any more, serving on before the stop. graceMs={}", grace.toMillis());
        try {
            Thread.sleep(grace.toMillis());
        } catch (InterruptedException e) {
            log.info("The stop goes on before the grace is over");
        }
    }
}
