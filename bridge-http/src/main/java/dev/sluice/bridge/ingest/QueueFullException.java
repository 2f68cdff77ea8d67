package dev.sluice.bridge.ingest;

/**
 * A queue holds as many messages as it may: nothing of the push was accepted. It may be tried again when some are
 * consumed.
 */
public final class QueueFullException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Says how full the queue is. */
    public QueueFullException(String queue, long messages, long maxSize) {
        super("Queue " + queue + " is full: holds " + messages + " messages, maxSize " + maxSize
                + ". Nothing of the request was taken");
    }
}
