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
 * Runs what has to wait for a disk or a database on a few threads of its own, so that no thread of the HTTP server
 * waits. Idle threads end. A request is answered within {@link #LONGEST}: one whose turn has not come fails and has no
 * effect, one whose task still runs has an unknown outcome. Any thread may call.
 */
public final class BoundedExecutor implements AutoCloseable {
    /** Longest time from a request to its answer. */
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
     * @param what the requests, for the message when too many wait: {@code "requests about failed records"}
     * @param name of the threads
     * @param threads how many run at a time
     * @param maxWaiting how many wait; more are refused
     */
    public BoundedExecutor(String what, String name, int threads, int maxWaiting) {
        this(what, name, threads, maxWaiting, LONGEST);
    }

    /** The same with another time from a request to its answer. */
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
     * Runs a task when it is its turn.
     *
     * @return completes with what the task returns or throws, on one of the threads; exceptionally with
     *     {@link OverloadedException}, without effect, when too many wait or its turn does not come in time, and with
     *     {@link OutcomeUnknownException} when the task does not end in time
     */
    public <T> CompletableFuture<T> run(Callable<T> task) {
        var answer = new CompletableFuture<T>();
        var phase = new AtomicReference<>(Phase.WAITING);
        Runnable turn = () -> {
            if (phase.compareAndSet(Phase.WAITING, Phase.RUNNING)) {
                complete(answer, task);
            }
        };
        try {
            workers.execute(turn);
        } catch (RejectedExecutionException e) {
            return CompletableFuture.failedFuture(new OverloadedException("Too many " + what + " wait"));
        }
        var alarm = CLOCK.schedule(
                () -> {
                    if (phase.compareAndSet(Phase.WAITING, Phase.OVER)) {
                        workers.remove(turn);
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
