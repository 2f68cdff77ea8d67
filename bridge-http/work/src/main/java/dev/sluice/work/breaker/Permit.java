package dev.sluice.work.breaker;

import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A permission to call a handler. It is ended once; further ends have no effect. Safe for use by many threads. */
public final class Permit {
    /** There is no permission, and nothing to end. */
    static final Permit NONE = new Permit(null, -1);

    private final @Nullable Breaker breaker;
    private final long period;
    private final AtomicBoolean isEnded = new AtomicBoolean();

    /** Makes a permission of a period of a breaker. */
    Permit(@Nullable Breaker breaker, long period) {
        this.breaker = breaker;
        this.period = period;
    }

    boolean isPermitted() {
        return breaker != null;
    }

    /** Says that the call has succeeded. */
    public void succeeded(long tookNanos) {
        Breaker counts = end();
        if (counts != null) {
            counts.succeeded(tookNanos);
        }
    }

    /** Says that the call has failed. */
    public void failed(long tookNanos, Throwable error) {
        Breaker counts = end();
        if (counts != null) {
            counts.failed(tookNanos, error);
        }
    }

    /** Gives the permission back: the call did not happen, or says nothing. */
    public void giveBack() {
        Breaker counts = end();
        if (counts != null) {
            counts.release();
        }
    }

    /** Ends the call. Returns its breaker if the result counts. */
    private @Nullable Breaker end() {
        boolean counts = breaker != null && !isEnded.getAndSet(true) && breaker.isIn(period);
        return counts ? breaker : null;
    }
}
