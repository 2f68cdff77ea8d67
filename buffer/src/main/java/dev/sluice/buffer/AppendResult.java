package dev.sluice.buffer;

import java.util.concurrent.CompletableFuture;

/** What became of an append: accepted, or refused because the log is full. */
public sealed interface AppendResult {

    /**
     * The append has its offsets and is on its way to the file.
     *
     * @param firstOffset offset of the first record
     * @param lastOffset offset of the last record, inclusive
     * @param written completes when the records are in the file (in the hands of the operating system: they survive the
     *     end of this process, not a power cut) and readers can see them. Fails with an {@link java.io.IOException}
     *     ({@link DiskFullException} when that is the reason) if they could not be written; then no reader of this
     *     process ever sees them. Completes on the log's own thread: continue elsewhere with anything slow
     */
    record Appended(long firstOffset, long lastOffset, CompletableFuture<Void> written) implements AppendResult {}

    /**
     * Nothing was accepted. Try again when the backlog has shrunk.
     *
     * @param usedBytes bytes in use now: on disk, or, when appends arrive faster than the disk takes them, waiting in
     *     memory
     * @param limitBytes the limit that was met
     */
    record Full(long usedBytes, long limitBytes) implements AppendResult {}
}
