package dev.sluice.bridge.ingest;

/** What a push waits for before it is answered. */
public enum Durability {
    /** The commit in PostgreSQL, or, if that takes too long, what {@link #BUFFERED} waits for. */
    STORED,
    /** The sync of the local log. */
    BUFFERED
}
