package dev.sluice.queue.view;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Selects messages. A message matches if it meets every condition that is not null.
 *
 * @param queues it is in one of these queues
 * @param partition name of its partition
 * @param state its state
 * @param from it was written at this time or later
 * @param to it was written at this time or before
 */
public record MessageFilter(
        ResourceFilter queues,
        @Nullable String partition,
        @Nullable MessageState state,
        @Nullable Instant from,
        @Nullable Instant to) {}
