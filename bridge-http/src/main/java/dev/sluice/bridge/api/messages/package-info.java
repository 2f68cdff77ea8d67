/**
 * Routes that move messages: push, pop, acknowledgements, leases, transactions and streams.
 *
 * <pre>
 *   PushEndpoint ──PushBody, PushLines, CloudEvents──▶ Admission ──▶ Intake (local log)
 *   WebhookEndpoint ──▶ the permission to push events
 *   PopEndpoint ───────────────────────────────────▶ PopDispatcher
 *   AcknowledgeEndpoint ──AcknowledgeBody──────────▶ AcknowledgeDispatcher
 *   TransactionEndpoint ──TransactionBody──┐
 *   StreamEndpoints ──StreamCycleBody──────┴▶ RoomCheck ──▶ WriterPool ──▶ PostgreSQL
 *   LeaseEndpoint, StreamEndpoints (queries, state) ──▶ DatabaseExecutor ──▶ PostgreSQL
 * </pre>
 *
 * <p>The bodies are read by a streaming parser straight into the records of {@code dev.sluice.queue}; payloads stay
 * slices of the body. The answers of push, pop and acknowledge are on the hot path: they write their punctuation
 * themselves. The endpoints for push, pop, acknowledge and transactions count their requests with one call of
 * {@link dev.sluice.bridge.api.messages.RequestCounting}. The lease endpoint counts extensions only; the stream
 * endpoints count nothing.
 *
 * <p>Public types:
 *
 * <ul>
 *   <li>the endpoints, which the table of routes makes, and {@link dev.sluice.bridge.api.messages.DataPath},
 *       {@link dev.sluice.bridge.api.messages.RoomCheck} and {@link dev.sluice.bridge.api.messages.RequestCounting},
 *       which it gives them, and {@code WebhookEndpoint.Sources}, which the settings make;
 *   <li>{@link dev.sluice.bridge.api.messages.PushBody} and {@link dev.sluice.bridge.api.messages.PushDefaults}, which
 *       the direct push uses, too;
 *   <li>{@link dev.sluice.bridge.api.messages.MessageLine}, the line of an export, which the command line and the
 *       routes of the local log use.
 * </ul>
 *
 * <p>The package does not decide whether a queue has room, how long a push may linger, or which pop runs next. That is
 * the work of {@code dev.sluice.bridge.ingest} and {@code dev.sluice.bridge.pop}.
 */
@NullMarked
package dev.sluice.bridge.api.messages;

import org.jspecify.annotations.NullMarked;
