/**
 * Routes that show things: status, lists, messages, traces, charts and metrics. Only {@code POST /api/v1/traces}
 * changes something: it adds a trace.
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.api.observe.StatusEndpoints} answers probes and shows the local log. It asks nothing
 *       that can block; the details of the log come from {@code BufferEndpoints}, which has a thread for them.
 *   <li>{@link dev.sluice.bridge.api.observe.MetricsEndpoints} shows what this process has counted, without the
 *       database.
 *   <li>{@link dev.sluice.bridge.api.observe.ResourceEndpoints} shows queues, namespaces and tasks with their counts.
 *   <li>{@link dev.sluice.bridge.api.observe.MessageEndpoints} shows stored messages.
 *   <li>{@link dev.sluice.bridge.api.observe.TraceEndpoints} adds and shows traces of messages.
 *   <li>{@link dev.sluice.bridge.api.observe.AnalyticsEndpoints} shows charts of what all bridges have counted by
 *       minute.
 *   <li>{@link dev.sluice.bridge.api.observe.ServerEndpoints} shows statistics of PostgreSQL.
 * </ul>
 *
 * <p>Lists come in pages; see {@link dev.sluice.bridge.http.PageRequest}. Every read of the database runs on the
 * threads for reading, so that lists do not hold up changes. Answers are trees of Jackson where speed does not matter,
 * and text where payloads are in them.
 *
 * <p>The endpoints are public because the table of routes makes them.
 */
@NullMarked
package dev.sluice.bridge.api.observe;

import org.jspecify.annotations.NullMarked;
