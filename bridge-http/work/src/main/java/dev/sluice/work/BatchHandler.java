package dev.sluice.work;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Handles works of a type many at a time, such as rows for one statement or items for one request. The engine calls
 * {@link #validate} for each work, then {@link #handle} once, and then {@link #after} for each work, on one thread.
 * Many threads call a handler at once, each with other works.
 *
 * <p>A call has no two works with the same key. Attempts, timeouts and outcomes are those of each work, so the works of
 * a call may have different attempts. Like a {@link Handler}, a batch handler must be idempotent.
 */
@FunctionalInterface
public non-sealed interface BatchHandler extends Hooks {
    /**
     * A work of a call.
     *
     * @param context the run of this work
     */
    record Item(Work work, Context context) {
        /** Returns the id of the work. */
        public WorkId id() {
            return context.id();
        }
    }

    /**
     * Handles works. If the thread is interrupted, all of them are to end. To see whether one is, ask its context.
     *
     * @param items at least one, in the order in which they were claimed
     * @return how each work ended. A work without an outcome has failed
     * @throws Exception if all works have failed: {@link #onError} decides about each
     */
    Map<WorkId, Outcome> handle(List<Item> items) throws Exception;

    /** Returns one outcome for all works. */
    static Map<WorkId, Outcome> all(List<Item> items, Outcome outcome) {
        var outcomes = new LinkedHashMap<WorkId, Outcome>();
        items.forEach(item -> outcomes.put(item.id(), outcome));
        return outcomes;
    }
}
