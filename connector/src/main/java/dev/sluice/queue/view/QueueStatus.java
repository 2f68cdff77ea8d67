package dev.sluice.queue.view;

import dev.sluice.queue.QueueInfo;

/**
 * A queue with its counts.
 *
 * @param queue the queue
 * @param counts its messages by state
 */
public record QueueStatus(QueueInfo queue, MessageCounts counts) {}
