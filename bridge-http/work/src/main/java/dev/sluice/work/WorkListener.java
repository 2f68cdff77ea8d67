package dev.sluice.work;

/**
 * Gets what happens to works in this buffer. Each listener has a thread of its own, which calls it with one event at a
 * time. A listener that throws misses only that event; one that is slow misses the events for which its queue has no
 * room.
 */
@FunctionalInterface
public interface WorkListener {
    /** Gets an event. */
    void on(WorkEvent event) throws Exception;

    /** A listener that was added to a buffer that runs. */
    interface Listening extends AutoCloseable {
        /** Returns how many events this listener has missed because it was slower than the works. */
        long dropped();

        /** Removes the listener. It may still get an event that it is being handed. */
        @Override
        void close();
    }
}
