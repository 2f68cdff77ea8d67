/**
 * Routes that change how the service works: queues, consumer groups, dead letters, scheduled messages, the local log,
 * maintenance and copies into another database.
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.api.manage.QueueEndpoints} configures, clears and deletes queues and partitions.
 *   <li>{@link dev.sluice.bridge.api.manage.ConsumerGroupEndpoints} shows, moves and deletes consumer groups.
 *   <li>{@link dev.sluice.bridge.api.manage.DeadLetterEndpoints} lists, redrives and deletes dead letters.
 *   <li>{@link dev.sluice.bridge.api.manage.ScheduledEndpoints} lists, cancels and moves messages that are not due.
 *   <li>{@link dev.sluice.bridge.api.manage.BufferEndpoints} shows the local log and retries failed records. It waits
 *       for the disk on one thread of its own.
 *   <li>{@link dev.sluice.bridge.api.manage.MaintenanceEndpoints} turns maintenance on and off, shows the state that
 *       bridges share, and wakes waiting pops.
 *   <li>{@link dev.sluice.bridge.api.manage.MigrationEndpoints} copies everything into another database, one copy at a
 *       time.
 * </ul>
 *
 * <p>Every call of a repository runs in a {@code DatabaseExecutor}; copies have a thread of their own. After a change
 * that may make messages visible, the endpoint wakes the consumers that wait for the queue.
 *
 * <p>Other public types: {@link dev.sluice.bridge.api.manage.ServiceState} (the state of the service, which the wiring
 * implements and the status routes read, too) and {@link dev.sluice.bridge.api.manage.LogJson} (which the command line
 * uses, too).
 */
@NullMarked
package dev.sluice.bridge.api.manage;

import org.jspecify.annotations.NullMarked;
