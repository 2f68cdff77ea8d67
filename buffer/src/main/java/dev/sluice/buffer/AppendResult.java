package dev.sluice.buffer;

import java.util.concurrent.CompletableFuture;

/** The outcome of {@link SegmentLog#append}: accepted, or refused because the log is full. */
public sealed interface AppendResult {

    /**
     * The log accepted the append and assigned its offsets; the writing thread will write it.
     *
     * @param firstOffset offset of the first record
     * @param lastOffset offset of the last record, inclusive
     * @param written completes when the records are in the file and readers can see them. The operating system has them
     *     then: they survive the end of this process, but not a power cut. If the records could not be written, it
     *     fails with an {@link java.io.IOException} ({@link DiskFullException} if the disk is full), and no reader of
     *     this process ever sees them. It completes on the writing thread: run slow continuations elsewhere
     */
    record Appended(long firstOffset, long lastOffset, CompletableFuture<Void> written) implements AppendResult {}

    /**
     * The log accepted nothing. Try again when the backlog has shrunk.
     *
     * @param usedBytes bytes in use now: on disk and in memory; in memory alone if that bound refused the append
     * @param limitBytes the bound that refused the append
     */
    record Full(long usedBytes, long limitBytes) implements AppendResult {}
}
