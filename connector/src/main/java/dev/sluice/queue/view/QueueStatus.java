package dev.sluice.queue.view;

import dev.sluice.queue.QueueInfo;

/**
 * A queue and what is in it.
 *
 * @param queue the queue
 * @param counts its messages
 */
public record QueueStatus(QueueInfo queue, MessageCounts counts) {}
