/**
 * Webhooks: a work becomes a POST to a URL, signed as Standard Webhooks 1.0.0 says.
 *
 * <pre>
 *  work ──▶ WebhookHandler ──▶ Pace: may the target be called now? ──▶ WebhookSender ──▶ OutboundClient
 *                │                                                         │
 *                │                  Attempt: status or error, time, snippet│
 *                ◀── Verdict ◀──────────────────────────────────────────────
 *                │
 *                └──▶ Attempts (kept by others), Gone (410: somebody disables the endpoint), Outcome (for the engine)
 * </pre>
 *
 * <h2>The request</h2>
 *
 * <p>The body is the payload, byte for byte as the producer sent it, or a CloudEvent with these bytes in it. It is
 * built once for an attempt, and exactly these bytes are signed and sent. The headers are:
 *
 * <table>
 *   <caption>Headers of a request</caption>
 *   <tr><td>{@code webhook-id}</td><td>the id of the work, the same over all attempts. It has no dot</td></tr>
 *   <tr><td>{@code webhook-timestamp}</td><td>when this attempt was made, in seconds since 1970</td></tr>
 *   <tr><td>{@code webhook-signature}</td><td>a signature for each key, separated by spaces: {@code v1,BASE64} with
 *       HMAC-SHA256, or {@code v1a,BASE64} with Ed25519, of {@code ID.TIMESTAMP.BODY}</td></tr>
 *   <tr><td>{@code traceparent}, {@code tracestate}</td><td>those of the message, if it has them</td></tr>
 *   <tr><td>others</td><td>those of the target; {@code CustomHeaders} says which names it may use</td></tr>
 * </table>
 *
 * <h2>The verdict</h2>
 *
 * <p>{@code Verdict} decides from an attempt alone: 2xx is a success, and everything else is a failure. A redirect is
 * not followed. 410 tells {@code Gone}, and the work becomes a dead letter. 429, 502, 503 and 504 slow the target down:
 * its next call waits for {@code Retry-After}, within a bound, or for a pause that doubles. The work itself waits as
 * the retry policy of its type says, or for {@code Retry-After} if that is longer.
 *
 * <p>While a target is slowed down, works that are claimed anyway wait in memory without a thread, keep their places,
 * and so hold the claims of their type back. A handler for many targets puts them off instead, because works of other
 * targets need the places.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>Nothing here blocks, and nothing here looks at a clock except through {@code Timers}.
 *   <li>A problem in an observer, such as {@code Attempts}, is logged and never causes a delivery to be repeated.
 *   <li>Texts for people show the host and the path of a URL, never its query.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.webhook;

import org.jspecify.annotations.NullMarked;
