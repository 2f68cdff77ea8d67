package dev.sluice.work;

/** A work was not enqueued because as many works of its type wait as the engine allows. */
public final class QueueFullException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final long waiting;
    private final long most;

    public QueueFullException(String type, long waiting, long most, int more) {
        super(waiting + " works of type " + type + " wait, at most " + most + " may; did not enqueue " + more
                + " more");
        this.waiting = waiting;
        this.most = most;
    }

    /** Returns how many works of the type waited. */
    public long waiting() {
        return waiting;
    }

    /** Returns how many may wait. */
    public long most() {
        return most;
    }
}
