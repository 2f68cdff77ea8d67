package dev.sluice.bridge.api.messages;

import dev.sluice.bridge.ingest.QueueFullException;
import dev.sluice.queue.NewMessage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** Refuses messages for full queues, for endpoints that do not push into the local log. See {@code Admission}. */
public interface RoomCheck {
    /** Fails if one of the queues is full. Does not block. */
    void requireRoom(List<NewMessage> messages) throws QueueFullException;

    /** Starts the work if none of the queues is full. */
    default <T> CompletableFuture<T> ifRoom(List<NewMessage> messages, Supplier<CompletableFuture<T>> work) {
        try {
            requireRoom(messages);
        } catch (QueueFullException e) {
            return CompletableFuture.failedFuture(e);
        }
        return work.get();
    }
}
