package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.ingest.QueueFullException;
import dev.sluice.queue.NewMessage;
import dev.sluice.queue.admin.PushRule;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Admits messages of endpoints that do not push into the local log, and knows in which queues the priorities of items
 * count. See {@code Admission}.
 */
public interface RoomCheck {
    /**
     * Returns the messages as they are to be written. Does not block.
     *
     * @throws QueueFullException if one of the queues is full
     */
    List<NewMessage> admit(List<NewMessage> messages) throws QueueFullException;

    /** Returns whether the priorities of items count in a queue. Does not block. */
    default boolean hasLanes(String queue) {
        return queue.startsWith(PushRule.WORK);
    }

    /** Starts the work with the admitted messages if none of the queues is full. */
    default <T> CompletableFuture<T> ifRoom(
            List<NewMessage> messages, Function<List<NewMessage>, CompletableFuture<T>> work) {
        List<NewMessage> admitted;
        try {
            admitted = admit(messages);
        } catch (QueueFullException e) {
            return CompletableFuture.failedFuture(e);
        }
        return work.apply(admitted);
    }
}
