package dev.sluice.bridge.webhook;

import dev.sluice.work.Context;
import dev.sluice.work.Work;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who hears of attempts.
 *
 * @param attempts keeps them
 * @param gone disables endpoints
 */
public record Observers(Attempts attempts, Gone gone) {
    private static final Logger log = LoggerFactory.getLogger(Observers.class);

    /** Tells an attempt that has ended. A problem of an observer must not repeat a delivery, so it is logged. */
    void ended(Work work, Context context, Attempt attempt, Verdict verdict) {
        try {
            if (verdict.kind() != Verdict.Kind.DELIVERED) {
                context.log("attempt " + context.attempt() + ": " + verdict.reason());
            }
            attempts.ended(work, context.id(), context.attempt(), attempt, verdict);
            if (verdict.kind() == Verdict.Kind.GONE) {
                gone.gone(work, verdict.reason());
            }
        } catch (RuntimeException e) {
            log.warn("An attempt of a webhook was not kept type={} id={}", work.type(), context.id(), e);
        }
    }
}
