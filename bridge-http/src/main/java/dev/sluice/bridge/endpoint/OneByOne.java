package dev.sluice.bridge.endpoint;

import dev.sluice.queue.QueueException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Does the same for several endpoints. One that fails keeps no other from being done. Owned by one thread. */
final class OneByOne {
    /** Classes of SQLSTATE of one endpoint: deadlocks, and objects that are not ready. */
    private static final List<String> OF_ONE = List.of("40", "55");

    private @Nullable RuntimeException first;

    /** Does it for an endpoint. Throws a failure of the whole database at once: all others would meet it too. */
    void run(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException e) {
            requireOfOne(e);
            first = first == null ? e : first;
        }
    }

    /** Throws the first failure, if there was one. */
    void throwFirst() {
        if (first != null) {
            throw first;
        }
    }

    /** Throws a failure of the whole database. Locks, statements that are too slow and messages are of one endpoint. */
    static void requireOfOne(RuntimeException e) {
        if (e instanceof QueueException failure
                && failure.isTransient()
                && !failure.isTimeout()
                && OF_ONE.stream().noneMatch(failure.sqlState()::startsWith)) {
            throw e;
        }
    }
}
