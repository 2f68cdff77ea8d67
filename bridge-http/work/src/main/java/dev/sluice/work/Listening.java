package dev.sluice.work;

/** A listener that was added to a buffer that runs. */
public interface Listening extends AutoCloseable {
    /** Returns how many events this listener has missed because it was slower than the works. */
    long dropped();

    /** Removes the listener. It may still get an event that it is being handed. */
    @Override
    void close();
}
