package dev.sluice.queue.view;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Which messages are meant: those for which all that is given is true.
 *
 * @param queues of these queues
 * @param partition name of the partition; null: any
 * @param state what has become of it; null: anything
 * @param from written at this time or later; null: at any time
 * @param to written at this time or before; null: at any time
 */
public record MessageFilter(
        ResourceFilter queues,
        @Nullable String partition,
        @Nullable MessageState state,
        @Nullable Instant from,
        @Nullable Instant to) {}
