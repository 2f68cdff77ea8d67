package dev.sluice.work.testing;

import dev.sluice.work.WorkEvent;
import dev.sluice.work.WorkId;
import java.time.Duration;
import java.time.Instant;

/**
 * A run of a handler that has ended.
 *
 * @param attempt the number of the attempt, from 1
 * @param at when it began
 * @param took how long it took, by the clock of the kit
 * @param outcome what became of the work: {@code COMPLETED}, {@code RETRIED}, {@code SNOOZED}, {@code CANCELLED} or
 *     {@code DEAD_LETTERED}
 */
public record TestedRun(WorkId id, int attempt, Instant at, Duration took, WorkEvent.Kind outcome) {}
