/**
 * Endpoints: URLs that get the messages of queues. Each message goes to every endpoint that matches it.
 *
 * <pre>
 *  queue ──group endpoint.ID──▶ FanOut ──▶ queue work.endpoint.ID ──▶ work engine ──▶ Deliveries ──▶ URL
 *                                 ▲                                                       │
 *  EndpointRows ──▶ Directory ────┘                     AttemptLog ◀── each attempt ──────┘
 *       ▲                                                   │
 *  Registry (routes)                  AutoDisable ◀── failing for long, or 410
 * </pre>
 *
 * <h2>What an endpoint is</h2>
 *
 * <p>An endpoint is a row of {@code endpoints} and a type of work, {@code endpoint.ID}. Pause, limits, breaker, dead
 * letters, jobs and statistics of its deliveries are those of the type. The row says which messages it gets: names and
 * patterns of queues, and types of events.
 *
 * <h2>Fan-out</h2>
 *
 * <p>An endpoint has a consumer group {@code endpoint.ID} on every queue that it matches. One transaction moves the
 * cursors of the group past messages, and writes a work for each that the endpoint wants. So a crash in between neither
 * loses nor doubles a message. The id of the work is computed from the id of the message and that of the endpoint: a
 * work that is written again, because somebody has moved the group back, has the same {@code webhook-id}.
 *
 * <p>The groups are independent. An endpoint that is slow or dead keeps its group behind, and holds up no other. While
 * more than a bound of its works wait, nothing more is taken for it: the messages stay in their queue without a copy.
 * As for every group, retention by completion deletes no message before the group has passed it.
 *
 * <p>Every bridge runs the fan-out. A cursor that one bridge has locked is passed over by the others, and each bridge
 * writes to a partition of its own, so bridges share the load.
 *
 * <h2>Queues that come later</h2>
 *
 * <p>A bridge reads all names of queues when an endpoint changes, and every few seconds, and registers groups that are
 * missing. A group reads the messages from the time on at which the endpoint was made or its queues were changed, so a
 * queue that is found late loses nothing.
 *
 * <h2>Secrets</h2>
 *
 * <p>Secrets and custom headers are encrypted as payloads are, bound to the name of the endpoint's queue, if the
 * service has a key. An answer shows a secret once, when it is made. No list, log line or error does.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>The rows decide. What a bridge remembers of them is refreshed by a poll; a wake-up only makes it earlier.
 *   <li>Deletion has two steps. The first one hides the endpoint. The second one deletes its groups, its queue and its
 *       row, and any bridge completes it if the first one dies.
 *   <li>What fails for one endpoint holds up no other. The fan-out waits neither for deletions nor for old attempts.
 *   <li>An attempt is kept after it has ended, on a thread of its own. Neither a full buffer nor an error of PostgreSQL
 *       delays a delivery or repeats one.
 * </ul>
 */
@NullMarked
package dev.sluice.bridge.endpoint;

import org.jspecify.annotations.NullMarked;
