/**
 * Writing messages: from a batch of new messages to segments in the database.
 *
 * <p>{@link dev.sluice.queue.write.QueueWriter} talks to the database, {@link dev.sluice.queue.write.Flush} decides
 * what a batch becomes. A writer also keeps the progress of the source of its messages, so that each message is stored
 * exactly once.
 */
@NullMarked
package dev.sluice.queue.write;

import org.jspecify.annotations.NullMarked;
