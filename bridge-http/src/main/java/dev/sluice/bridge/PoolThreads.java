package dev.sluice.bridge;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads with which pools open connections. One that has failed pauses before it tries again, the longer the more often,
 * up to five seconds, and nothing gets a connection meanwhile. When the server is known to be back that pause is of no use.
 *
 * <p>Any thread may call.
 */
final class PoolThreads implements ThreadFactory {
    private final AtomicInteger number = new AtomicInteger();
    private final List<WeakReference<Thread>> threads = new ArrayList<>();

    @Override
    public Thread newThread(Runnable task) {
        var thread = new Thread(task, "sluice-pools-" + number.incrementAndGet());
        thread.setDaemon(true);
        synchronized (threads) {
            threads.removeIf(known -> known.refersTo(null));
            threads.add(new WeakReference<>(thread));
        }
        return thread;
    }

    /**
     * Ends the pauses. A thread that paused gives up what it was to open; the next request for a connection, whoever makes it,
     * has it opened for all who wait.
     */
    void hurry() {
        synchronized (threads) {
            for (WeakReference<Thread> known : threads) {
                Thread thread = known.get();
                if (thread != null) {
                    thread.interrupt();
                }
            }
        }
    }
}
