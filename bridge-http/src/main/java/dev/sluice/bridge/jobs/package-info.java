/**
 * Jobs that run by the clock, beside the requests. Each has one thread of its own. An exception never ends a job: it
 * tries again at its next run.
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.jobs.ScheduledRelease} moves scheduled and parked messages into their queues, twice a
 *       second. Every bridge does so; the database decides which one gets a message.
 *   <li>{@link dev.sluice.bridge.jobs.Housekeeping} deletes expired messages, and old counts and traces. A lock in the
 *       database lets one bridge sweep at a time.
 *   <li>{@link dev.sluice.bridge.jobs.IdIndexing} adds the messages of large partitions to the index of transaction
 *       ids, at its start and every ten seconds.
 *   <li>{@link dev.sluice.bridge.jobs.DeadLetterRuns} does the jobs on dead letters, under leases in the database, and
 *       computes the shapes of old errors.
 *   <li>{@link dev.sluice.bridge.jobs.Maintenance} reads the maintenance switches every second, holds the drain and
 *       stops pops. {@link dev.sluice.bridge.jobs.MaintenanceMode} is what the routes see of it.
 * </ul>
 *
 * <p>A job holds no lock while it waits for the database, with one exception: {@code Maintenance} serializes reading
 * and setting, so that an old reading never overwrites a newer setting. The SQL lives in the connector; a job only
 * decides when to run it and whom to tell.
 *
 * <p>Public types: the five jobs, which the wiring starts and closes, and {@code MaintenanceMode}, which
 * {@code bridge.api} reads and sets.
 */
@NullMarked
package dev.sluice.bridge.jobs;

import org.jspecify.annotations.NullMarked;
