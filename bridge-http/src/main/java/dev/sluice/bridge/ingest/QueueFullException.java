package dev.sluice.bridge.ingest;

/**
 * A queue has reached its {@code maxSize}. Nothing of the push was accepted; the producer may retry when consumers have
 * caught up.
 */
public final class QueueFullException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Says how full the queue is. */
    public QueueFullException(String queue, long messages, long maxSize) {
        super("Queue " + queue + " is full: holds " + messages + " messages, maxSize " + maxSize
                + ". Nothing of the request was taken");
    }
}
