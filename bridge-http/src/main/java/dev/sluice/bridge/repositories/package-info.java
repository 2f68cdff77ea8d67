/**
 * The repositories of the database, and the threads on which endpoints call them.
 *
 * <p>A repository of the connector blocks until PostgreSQL has answered. A thread of the HTTP server must not block. So
 * an endpoint calls a repository inside a task, and gets a future:
 *
 * <pre>
 *   endpoint ──read, write──▶ DatabaseExecutor ──▶ BoundedExecutor ──▶ repository ──▶ PostgreSQL
 *   endpoint ──run──────────▶ WriterPool ────────▶ BoundedExecutor ──▶ writer ──────▶ PostgreSQL
 * </pre>
 *
 * <p>Public types:
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.repositories.Repositories} holds one of each repository. The table of routes gives
 *       each endpoint those that it uses.
 *   <li>{@link dev.sluice.bridge.repositories.DatabaseExecutor} runs tasks that read and tasks that write. Each kind
 *       has threads of its own, so that slow lists do not hold up changes.
 *   <li>{@link dev.sluice.bridge.repositories.WriterPool} lends writers for transactions and direct pushes. They have
 *       threads and connections of their own, so that a slow statistic does not hold them up.
 *   <li>{@link dev.sluice.bridge.repositories.BoundedExecutor} bounds the running tasks, the waiting tasks and the time
 *       of a task. Endpoints that wait for the disk use it, too.
 *   <li>{@link dev.sluice.bridge.repositories.RepositorySettings} says how much may run at a time.
 * </ul>
 *
 * <p>No task begins while the database is known to refuse it. This package does not open connections: the pools come
 * from {@code dev.sluice.bridge.postgres}.
 */
@NullMarked
package dev.sluice.bridge.repositories;

import org.jspecify.annotations.NullMarked;
