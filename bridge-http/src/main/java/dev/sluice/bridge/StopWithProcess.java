package dev.sluice.bridge;

import dev.sluice.bridge.system.Threads;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Closes the service when the process is told to end, by SIGTERM or Ctrl-C. If the service is still starting, waits
 * until the start has noticed the request and has closed what it had opened.
 */
final class StopWithProcess {
    private final CountDownLatch startIsOver = new CountDownLatch(1);
    private volatile boolean requested;
    private volatile @Nullable StoppedByProcess service;

    /** Registers with the JVM. Reports the stop to {@code out}. */
    StopWithProcess(PrintStream out) {
        Runtime.getRuntime().addShutdownHook(Threads.daemon("sluice-stop", () -> stop(out)));
    }

    /** Returns whether the process was told to end. Then a start gives up. */
    boolean isRequested() {
        return requested;
    }

    /** The start has made a service, which a stop must close. */
    void started(StoppedByProcess running) {
        service = running;
    }

    /** The start has ended, with or without a service. */
    void startIsOver() {
        startIsOver.countDown();
    }

    private void stop(PrintStream out) {
        requested = true;
        if (service != null || startIsOver.getCount() > 0) {
            out.println("sluice: Stopping");
        }
        try {
            startIsOver.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        StoppedByProcess running = service;
        if (running != null) {
            running.close();
            out.println("sluice: Stopped, " + running.whatIsLeft());
        }
    }
}
