package dev.sluice.queue.write;

import java.util.UUID;

/**
 * A message that may be scheduled.
 *
 * @param id its id, which is also its transaction id
 */
public record ScheduledMessage(long partitionId, UUID id) {}
