package dev.sluice.queue.sql;

import dev.sluice.queue.QueueException;
import java.util.concurrent.Callable;

/**
 * Tracks whether a task of several transactions has already changed something. If it has and then fails, the failure
 * must not say that nothing has changed.
 */
public final class Effects {
    private static final ThreadLocal<Boolean> CHANGED = ThreadLocal.withInitial(() -> false);

    private Effects() {}

    /**
     * Runs a task on this thread.
     *
     * @throws OutcomeUnknownException instead of a transient failure if an earlier transaction of the task has changed
     *     something
     */
    public static <T> T of(Callable<T> task) throws Exception {
        CHANGED.set(false);
        try {
            return task.call();
        } catch (OutcomeUnknownException e) {
            throw e;
        } catch (QueueException e) {
            if (e.isTransient() && CHANGED.get()) {
                throw OutcomeUnknownException.because("a part of it is done: " + e.getMessage());
            }
            throw e;
        } finally {
            CHANGED.remove();
        }
    }

    /** Notes that a transaction that changed something has committed. Whatever runs transactions calls this. */
    public static void changed() {
        CHANGED.set(true);
    }
}
