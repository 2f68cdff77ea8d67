package dev.sluice.work.run;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a handler wants to run when it is asked to end. Each action runs once. Any thread. */
public final class StopActions {
    private static final Logger log = LoggerFactory.getLogger(StopActions.class);

    /** The actions that wait; null: the handler was asked to end. */
    private @Nullable List<Runnable> waiting = new ArrayList<>(0);

    private @Nullable Executor executor;
    private boolean isOver;

    /** Sets where the actions run. */
    public synchronized void runOn(Executor threads) {
        executor = threads;
    }

    /** Adds an action; it runs now if the handler was asked to end. Without effect if the run has ended before. */
    public void add(Runnable action) {
        Executor where;
        synchronized (this) {
            where = executor;
            if (waiting != null) {
                if (!isOver) {
                    waiting.add(action);
                }
                return;
            }
        }
        execute(where, List.of(action));
    }

    /** Drops the actions: the run has ended and nobody has asked for it. */
    public synchronized void end() {
        isOver = true;
        if (waiting != null) {
            waiting.clear();
        }
    }

    /** Runs the actions one after the other, because the handler is to end. */
    public void run() {
        List<Runnable> actions;
        Executor where;
        synchronized (this) {
            actions = waiting;
            where = executor;
            waiting = null;
        }
        if (actions != null && !actions.isEmpty()) {
            execute(where, actions);
        }
    }

    private static void execute(@Nullable Executor where, List<Runnable> actions) {
        if (where != null) {
            where.execute(() -> actions.forEach(StopActions::run));
        }
    }

    @SuppressWarnings("CatchingUnchecked")
    private static void run(Runnable action) {
        try {
            action.run();
        } catch (Throwable e) { // The thread goes on.
            log.warn("What a handler runs when it is to end has failed", e);
        }
    }
}
