package dev.sluice.work.base;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Creates all threads of an engine. Each platform thread is a daemon with a name that begins with {@code sluice-work}.
 * Handlers run on virtual threads, which have no name, if the JVM has them, which it has from version 21 on.
 */
public final class WorkThreads {
    private static final long IDLE_SECONDS = 10;

    private WorkThreads() {}

    /** Returns a platform thread that has not started. */
    public static Thread daemon(String name, Runnable task) {
        var thread = new Thread(null, task, name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(WorkThreads.class.getClassLoader());
        return thread;
    }

    /** Returns an executor for handlers that starts a thread for each task that finds no idle one. */
    public static ExecutorService forHandlers() {
        ExecutorService virtual = virtual();
        if (virtual != null) {
            return virtual;
        }
        var number = new AtomicInteger();
        ThreadFactory factory = task -> daemon("sluice-work-" + number.incrementAndGet(), task);
        return new ThreadPoolExecutor(
                0, Integer.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), factory);
    }

    /** Returns an executor of so many platform threads, whose tasks wait for one. Idle threads end. */
    public static ThreadPoolExecutor bounded(String name, int most) {
        var number = new AtomicInteger();
        var executor = new ThreadPoolExecutor(
                most,
                most,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                task -> daemon(name + "-" + number.incrementAndGet(), task));
        executor.allowCoreThreadTimeOut(true);
        return executor;
    }

    /** Returns an executor with a virtual thread for each task; null on a JVM without virtual threads. */
    private static @Nullable ExecutorService virtual() {
        try {
            MethodHandle make = MethodHandles.publicLookup()
                    .findStatic(
                            Executors.class,
                            "newVirtualThreadPerTaskExecutor",
                            MethodType.methodType(ExecutorService.class));
            return (ExecutorService) make.invoke();
        } catch (NoSuchMethodException | IllegalAccessException e) {
            return null;
        } catch (Throwable e) {
            throw new IllegalStateException("this JVM has virtual threads and could not make them", e);
        }
    }
}
