package dev.sluice.bridge.repositories;

import dev.sluice.bridge.limits.OverloadedException;
import dev.sluice.bridge.system.Threads;
import dev.sluice.queue.sql.OutcomeUnknownException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Runs tasks that wait for a disk or a database on a few threads, so that no thread of the HTTP server waits. Idle
 * threads end. Every task is answered within {@link #LONGEST}: a task that has not started by then fails without an
 * effect, and a task that still runs has an unknown outcome. Any thread may call.
 */
public final class BoundedExecutor implements AutoCloseable {
    /** The longest time from a call of {@link #run} to its answer. */
    static final Duration LONGEST = Duration.ofSeconds(9);

    private static final int CLOSE_SECONDS = 5;

    private static final ScheduledThreadPoolExecutor CLOCK = Threads.clock("sluice-requests-clock");

    private final String what;
    private final Duration longest;
    private final ThreadPoolExecutor workers;

    private enum Phase {
        WAITING,
        RUNNING,
        OVER
    }

    /**
     * Starts no thread yet.
     *
     * @param what names the tasks in the message of a refusal: {@code "requests about failed records"}
     * @param name of the threads
     * @param threads the number of tasks that run at a time
     * @param maxWaiting the number of tasks that wait; more are refused
     */
    public BoundedExecutor(String what, String name, int threads, int maxWaiting) {
        this(what, name, threads, maxWaiting, LONGEST);
    }

    /** Starts no thread yet. Every task is answered within {@code longest}. */
    public BoundedExecutor(String what, String name, int threads, int maxWaiting, Duration longest) {
        this.what = what;
        this.longest = longest;
        workers = new ThreadPoolExecutor(
                threads,
                threads,
                CLOSE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(maxWaiting),
                Threads.numbered(name));
        workers.allowCoreThreadTimeOut(true);
    }

    /**
     * Runs a task as soon as a thread is free.
     *
     * @return completes on one of the threads, with the result or the failure of the task. Fails with
     *     {@link OverloadedException}, without an effect, if too many tasks wait or the task does not start in time.
     *     Fails with {@link OutcomeUnknownException} if the task does not end in time
     */
    public <T> CompletableFuture<T> run(Callable<T> task) {
        var answer = new CompletableFuture<T>();
        var phase = new AtomicReference<>(Phase.WAITING);
        Runnable run = () -> {
            if (phase.compareAndSet(Phase.WAITING, Phase.RUNNING)) {
                complete(answer, task);
            }
        };
        try {
            workers.execute(run);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.failedFuture(new OverloadedException("Too many " + what + " wait"));
        }
        var alarm = CLOCK.schedule(
                () -> {
                    if (phase.compareAndSet(Phase.WAITING, Phase.OVER)) {
                        workers.remove(run);
                        answer.completeExceptionally(
                                new OverloadedException("Too many " + what + " wait: its turn did not come within "
                                        + longest.toSeconds() + " s, and nothing was done"));
                    } else {
                        answer.completeExceptionally(OutcomeUnknownException.because(
                                "one of the " + what + " did not end within " + longest.toSeconds() + " s"));
                    }
                },
                longest.toMillis(),
                TimeUnit.MILLISECONDS);
        return answer.whenComplete((result, failure) -> alarm.cancel(false));
    }

    private static <T> void complete(CompletableFuture<T> answer, Callable<T> task) {
        try {
            answer.complete(task.call());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            answer.completeExceptionally(new CompletionException(new IOException("the service is stopping", e)));
        } catch (Exception | Error e) {
            answer.completeExceptionally(e);
        }
    }

    /** Ends the running tasks, and waits for them for a few seconds. */
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
