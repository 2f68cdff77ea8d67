package dev.sluice.bridge.bench;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** What the connections of a stream send, and what they make of the answers. One thread calls it. */
public interface Traffic {
    /**
     * Returns the next request of a connection.
     *
     * @param connection number of the connection within its stream
     * @param dueNanos when the request is due
     */
    ByteBuffer next(int connection, long dueNanos);

    /**
     * Takes an answer.
     *
     * @return the request that follows at once on the same connection, such as an acknowledgement; null if none does
     */
    @Nullable
    ByteBuffer answered(int connection, Answer answer, long nanos);

    /** Returns whether the last answer had nothing, so that the connection should wait a moment. */
    default boolean wasEmpty() {
        return false;
    }

    /** Returns whether everything is done before the time is over. */
    default boolean isDone() {
        return false;
    }

    /** Returns the first answer that was no success; null if all were, or if that is not known. */
    default @Nullable String firstFailure() {
        return null;
    }

    /** Returns how many messages were sent or received since the last {@link #reset}. */
    long messages();

    /** Returns how many messages were answered with anything but success. */
    long failed();

    /** Begins to count from zero. */
    void reset();
}
