package dev.sluice.bridge.ingest;

/** A queue is encrypted and this service has no key. Nothing of the push was accepted. */
public final class NoKeyException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Says which queue. */
    public NoKeyException(String queue) {
        super("Queue " + queue
                + " is encrypted and this service has no key (encryption.keys). Nothing of the request was taken");
    }
}
