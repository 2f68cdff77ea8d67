package dev.sluice.bridge;

/** What {@link StopWithProcess} closes. */
interface StoppedByProcess extends AutoCloseable {
    @Override
    void close();

    /** Returns what is left after the close, for the person who has stopped it. */
    String whatIsLeft();
}
