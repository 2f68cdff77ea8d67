package dev.sluice.bridge.api;

import dev.sluice.bridge.pop.OverloadedException;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs what has to wait for a disk or a database, so that no thread of the HTTP server does: on a few threads of its own, which
 * go when they are not needed. Any thread may call.
 */
final class Turns implements AutoCloseable {
    private static final int CLOSE_SECONDS = 5;

    private final String what;
    private final ThreadPoolExecutor workers;

    /**
     * Starts no thread yet.
     *
     * @param what the requests, for the message when too many wait: {@code "requests about failed records"}
     * @param name of the threads
     * @param threads how many run at a time
     * @param maxWaiting how many wait; more are refused
     */
    Turns(String what, String name, int threads, int maxWaiting) {
        this.what = what;
        var number = new AtomicInteger();
        workers = new ThreadPoolExecutor(
                threads, threads, CLOSE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(maxWaiting), task -> {
                    var thread = new Thread(task, name + "-" + number.incrementAndGet());
                    thread.setDaemon(true);
                    return thread;
                });
        workers.allowCoreThreadTimeOut(true);
    }

    /**
     * Runs a task when it is its turn.
     *
     * @return completes with what the task returns or throws, on one of the threads; exceptionally at once with {@link
     *     OverloadedException} when too many wait
     */
    <T> CompletableFuture<T> run(Callable<T> task) {
        try {
            return CompletableFuture.supplyAsync(() -> call(task), workers);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.failedFuture(new OverloadedException("Too many " + what + " wait"));
        }
    }

    private static <T> T call(Callable<T> task) {
        try {
            return task.call();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CompletionException(new IOException("the service is stopping", e));
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new CompletionException(e);
        }
    }

    /** Ends the turns under way, waiting for them a little. */
    @Override
    public void close() {
        workers.shutdown();
        try {
            if (!workers.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                workers.shutdownNow();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
