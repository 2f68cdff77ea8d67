package dev.sluice.queue.write;

/**
 * How a transaction of a {@link WriterSession} ends. The work in the transaction returns it.
 *
 * @param <T> type of the result
 */
public sealed interface Ending<T> {
    /** The transaction commits, and its caller gets the result. */
    record Commit<T>(T result) implements Ending<T> {}

    /** The transaction rolls back, and its caller gets the result. */
    record RollBack<T>(T result) implements Ending<T> {}

    /** The transaction rolls back, and the work runs again: a partition was deleted that the transaction writes to. */
    record Restart<T>() implements Ending<T> {}

    static <T> Ending<T> commit(T result) {
        return new Commit<>(result);
    }

    static <T> Ending<T> rollBack(T result) {
        return new RollBack<>(result);
    }

    static <T> Ending<T> restart() {
        return new Restart<>();
    }
}
