/**
 * Routes of works: {@code /api/v1/work…}.
 *
 * <ul>
 *   <li>{@code EnqueueEndpoint} enqueues works; {@code EnqueueBody} reads the body.
 *   <li>{@code WorkEndpoints} lists works, shows one, cancels and retries it.
 *   <li>{@code WorkTypeEndpoints} shows the types and their numbers, pauses them and changes them.
 *   <li>{@code WorkEventsEndpoint} streams events as server-sent events. {@code EventHub} listens to the engine only
 *       while somebody streams, so events cost nothing otherwise. It gives each event to an {@code EventStream} for
 *       each client. A stream writes without a thread of its own, and drops events while its client does not read.
 *   <li>{@link dev.sluice.bridge.api.work.WorkRoutes} makes them.
 * </ul>
 *
 * <p>An enqueue goes through the work engine of this process, which writes what many requests enqueue at the same time
 * in one transaction. No request waits for it on a thread.
 */
@NullMarked
package dev.sluice.bridge.api.work;

import org.jspecify.annotations.NullMarked;
