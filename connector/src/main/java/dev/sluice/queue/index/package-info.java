/**
 * The index of transaction ids: finds the segments that have a transaction id in a partition of millions of messages.
 *
 * <h2>Why it is not written by pushes</h2>
 *
 * <p>An index entry for each message costs more than the message itself: it is what one row per run of messages saves.
 * So a push writes no index. A job of the bridge adds the messages of large partitions a while after they were written
 * ({@link dev.sluice.queue.index.IdIndexWriter}), 16,384 consecutive seqs at a time. Such a block is 64 rows of the
 * table {@code transaction_id_hashes}, one for each bucket of hashes. Six bytes a message tell its hash and its seq;
 * with the rows around them they are eight. A partition with fewer messages than two blocks has no index: reading its
 * segments is fast enough.
 *
 * <h2>A look-up</h2>
 *
 * <p>{@link dev.sluice.queue.index.IdIndex} reads one row for each block: 305 rows for five million messages. Two ids
 * can share a hash, so the statement compares the id with the ids of the segment. The caller reads the segments behind
 * the last block. So the answer is exact, whether the index has caught up or not; it comes later if it has not.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>The blocks of a partition leave out no visible message before the end of the last one. After a clear, a gap may
 *       hold messages that are invisible already.
 *   <li>A segment never changes its transaction ids, so a block never changes. The index keeps deleted messages; the
 *       segment tells that they are deleted.
 *   <li>Retention deletes a block when all of its messages are invisible, or its partition is deleted.
 *   <li>An advisory lock lets one process write blocks at a time. A lock on the partition's row, which no push waits
 *       for, keeps the partition from being deleted before the block is committed.
 * </ul>
 *
 * <p>Public types: both classes. The packages {@code view} and {@code admin} look ids up, the bridge runs the writer.
 */
@NullMarked
package dev.sluice.queue.index;

import org.jspecify.annotations.NullMarked;
