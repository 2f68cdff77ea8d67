package dev.sluice.work.engine;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Works that run in one call of a batch handler. Each has its own timeout and can be cancelled by itself; the thread,
 * which they share, is interrupted when all of them are to end.
 *
 * <p>Locks: a work's before that of its call.
 */
final class Call {
    private final List<Begun> works;
    private final LongSupplier nanos;
    private @Nullable Thread thread;
    private boolean interrupted;
    private long interruptedNanos;

    Call(List<Begun> works, LongSupplier nanos) {
        this.works = works;
        this.nanos = nanos;
    }

    List<Begun> works() {
        return works;
    }

    /**
     * Begins the call on the calling thread. Returns the works whose runs were not ended before.
     *
     * @param stops runs what the handler wants to run when it is asked to end
     */
    List<Begun> start(Executor stops) {
        synchronized (this) {
            thread = Thread.currentThread();
        }
        List<Begun> started =
                works.stream().filter(each -> each.start(this, stops)).toList();
        stopped();
        return started;
    }

    /** Ends the call on the thread that began it. Afterwards nothing interrupts the thread for this call. */
    synchronized void end() {
        thread = null;
        Thread.interrupted();
    }

    /** Interrupts the thread if all works are to end. The caller holds no lock of a work. */
    void stopped() {
        if (works.stream().allMatch(Begun::isToEnd)) {
            interrupt();
        }
    }

    private synchronized void interrupt() {
        if (thread != null && !interrupted) {
            interrupted = true;
            interruptedNanos = nanos.getAsLong();
            thread.interrupt();
        }
    }

    /** Returns whether the thread runs on although it was interrupted so long ago. */
    synchronized boolean ignoresInterruptFor(Duration grace) {
        return thread != null && interrupted && nanos.getAsLong() - interruptedNanos >= grace.toNanos();
    }
}
