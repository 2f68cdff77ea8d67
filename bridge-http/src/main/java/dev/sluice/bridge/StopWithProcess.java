package dev.sluice.bridge;

import dev.sluice.bridge.system.Threads;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Closes the service when the process is told to end, by SIGTERM or Ctrl-C, also while it still starts: then it waits
 * for the start to see that, and to close what it has opened.
 */
final class StopWithProcess {
    private final CountDownLatch startIsOver = new CountDownLatch(1);
    private volatile boolean requested;
    private volatile @Nullable Bridge bridge;

    /** Is told by the JVM from now on. Stopping is reported to {@code out}. */
    StopWithProcess(PrintStream out) {
        Runtime.getRuntime().addShutdownHook(Threads.daemon("sluice-stop", () -> stop(out)));
    }

    /** Returns whether the process was told to end: a start should give up. */
    boolean isRequested() {
        return requested;
    }

    /** The service that there is to close. */
    void started(Bridge running) {
        bridge = running;
    }

    /** The start has ended, with a service or without. */
    void startIsOver() {
        startIsOver.countDown();
    }

    private void stop(PrintStream out) {
        requested = true;
        if (bridge != null || startIsOver.getCount() > 0) {
            out.println("sluice: Stopping");
        }
        try {
            startIsOver.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Bridge running = bridge;
        if (running != null) {
            running.close();
            out.println("sluice: Stopped, " + running.leftInLog() + " messages left in the local log");
        }
    }
}
