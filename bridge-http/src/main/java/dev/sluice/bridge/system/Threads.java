package dev.sluice.bridge.system;

import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Creates all threads of the bridge. Each name begins with {@code sluice-}, so that a thread dump shows which threads
 * belong to Sluice. Each thread is a daemon: the bridge closes its parts in order, and a thread that hangs in the
 * database must not keep the JVM alive after that.
 */
public final class Threads {
    private static final String PREFIX = "sluice-";

    private Threads() {}

    /** Returns a thread that has not started. */
    public static Thread daemon(String name, Runnable task) {
        if (!name.startsWith(PREFIX)) {
            throw new IllegalArgumentException("the name of a thread must begin with " + PREFIX + ", was " + name);
        }
        var thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /** Returns a factory whose threads all have this name. */
    public static ThreadFactory named(String name) {
        return task -> daemon(name, task);
    }

    /** Returns a factory whose threads have this name and a number, from 1. */
    public static ThreadFactory numbered(String name) {
        var number = new AtomicInteger();
        return task -> daemon(name + "-" + number.incrementAndGet(), task);
    }

    /** Returns an executor with one thread for scheduled tasks. It drops a cancelled task at once. */
    public static ScheduledThreadPoolExecutor clock(String name) {
        var clock = new ScheduledThreadPoolExecutor(1, named(name));
        clock.setRemoveOnCancelPolicy(true);
        return clock;
    }
}
