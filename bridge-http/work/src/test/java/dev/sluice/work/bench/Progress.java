package dev.sluice.work.bench;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** How far a backlog is: its rate is taken between its first and its last tenth. Safe for use by many threads. */
final class Progress {
    private static final long PATIENCE_SECONDS = 120;

    private final AtomicLong done = new AtomicLong();
    private final long first;
    private final long last;
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile long firstNanos;
    private volatile long lastNanos;

    /**
     * Makes a progress.
     *
     * @param works works of the backlog
     */
    Progress(long works) {
        this.first = works / 10;
        this.last = works - works / 10;
    }

    /** Counts works that are done. */
    void add(long works) {
        long before = done.getAndAdd(works);
        if (before < first && before + works >= first) {
            firstNanos = System.nanoTime();
        }
        if (before < last && before + works >= last) {
            lastNanos = System.nanoTime();
            end.countDown();
        }
    }

    boolean isOver() {
        return end.getCount() == 0;
    }

    /** Waits until the last tenth begins. Returns works a second. */
    double rate() throws InterruptedException {
        if (!end.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException("after " + PATIENCE_SECONDS + " s " + done + " works were done");
        }
        return (last - first) * 1e9 / (lastNanos - firstNanos);
    }
}
