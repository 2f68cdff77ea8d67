package dev.sluice.queue;

/** What every session with the server that works on the queue begins with. */
public final class SessionSettings {
    /**
     * The statement that sets them. The server compiles to machine code what it takes for expensive, and what it plans without a kind
     * of plan that is forbidden, as {@link QueueWriter} forbids some, it takes for very expensive: 0.3 s were spent on a
     * statement of 0.3 ms. All of ours are short.
     */
    public static final String SQL = "set jit = off";

    private SessionSettings() {}
}
