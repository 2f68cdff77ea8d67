package dev.sluice.bridge.ingest;

/** What a push waits for before it is answered. */
public enum Durability {
    /** The commit in PostgreSQL; if that takes too long, the sync of the local log. */
    STORED,
    /** The sync of the local log. */
    BUFFERED
}
