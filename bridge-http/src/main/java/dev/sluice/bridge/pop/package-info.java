/**
 * Consumers' pops and acknowledgements: merged into few database transactions.
 *
 * <h2>Pops</h2>
 *
 * <p>A pop that waits for messages is an object in a list: it takes no thread and no connection. The pops on one target
 * (a queue, a partition, or the queues of a namespace or task, for one consumer group) form a
 * {@link dev.sluice.bridge.pop.WaitingList}. A <em>run</em> takes the oldest pops of a list to the database in one
 * transaction; the pops that get messages are answered, the others go on waiting.
 *
 * <pre>
 *   pop ──▶ WaitingRoom: lists, deadlines ──start a run──▶ PopDispatcher, on a worker ──▶ PostgreSQL
 *               ▲        ▲                                    │
 *     wake, timer        └────────────results, failure────────┘
 * </pre>
 *
 * <p>A list is run when
 *
 * <ul>
 *   <li>a pop arrives that does not wait, or the first one on its target, or one behind a run that found messages for
 *       all its pops,
 *   <li>messages were committed to its queue ({@link dev.sluice.bridge.pop.PopDispatcher#wake}),
 *   <li>an acknowledgement released a partition,
 *   <li>a lease expires or a delayed message becomes ready, as the last run reported,
 *   <li>the poll interval is over: another bridge or a connector may have pushed,
 *   <li>the deadline of a pop is over and no run has looked for it, or the list rests although something woke it.
 * </ul>
 *
 * <p>So a pop that waits joins those that wait already: if the last run came back short, and nothing has woken the list
 * since, another look would find nothing. What wakes the list wakes all of them, and one run serves them. A pop is
 * answered empty only if a run has looked since it came. A run takes a bounded number of pops. If it comes back short,
 * it has looked for all pops that were in the list when it began.
 *
 * <p>A list whose last run came back short has one run at a time, unless that run takes longer than 100 ms (checked
 * every 100 ms). What wakes it meanwhile is collected for the next run. After a run that came back short, the list
 * rests as long as the run took, and 5 ms at most. So runs take at most half of the time however often something wakes
 * the list, and each serves what came meanwhile. If nothing came during a run and its rest, nothing waits: the next
 * wake-up starts a run at once. A pop that does not wait ends the rest. A list with a backlog does not rest, and may
 * have two runs, which take different partitions.
 *
 * <p>A run gives partitions to the oldest pop first, up to what that pop asked for, and then to the next. A pop that
 * got messages comes back as the newest, so the consumers of a group take turns.
 *
 * <p>The classes:
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.pop.PopDispatcher} is the entry; it runs the transactions and asks for outcomes that
 *       are unknown.
 *   <li>{@code WaitingRoom} decides when a list is run and answers the pops; {@code WaitingLists} finds the lists to
 *       wake, {@code Waiter} is one pop.
 *   <li>{@code DatabasePause} is the backoff after a failure; {@code HeldFailures} delays failures of pops that do not
 *       wait.
 *   <li>{@code GiveBacks} returns messages that reached no client.
 *   <li>{@code QueueNamespaces} caches in which namespace a queue is, because commits report queues by name only.
 *   <li>{@code Timers} is the clock; tests replace it.
 * </ul>
 *
 * <h2>Acknowledgements</h2>
 *
 * <p>{@link dev.sluice.bridge.pop.AcknowledgeDispatcher} collects the acknowledgements that arrive while a transaction
 * is under way and writes them together in the next one.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>Everything is bounded: waiting pops, pending acknowledgements, requests in a transaction, threads. Above the
 *       bound a request is refused with {@link dev.sluice.bridge.limits.OverloadedException}.
 *   <li>One lock guards the waiting room and everything in it, another the acknowledgements. {@code QueueNamespaces}
 *       and {@code GiveBacks} have small locks of their own. None is taken under another, and none is held while the
 *       database is called or a future is completed.
 *   <li>Messages that were popped are delivered, given back, or logged as lost.
 * </ul>
 *
 * <p>Public types: {@code PopDispatcher} with the functions it is given, and {@code PopDispatcherConfig}, for the
 * bridge's wiring and the pop endpoint; {@code AcknowledgeDispatcher}, for the wiring and the acknowledge endpoints.
 */
@NullMarked
package dev.sluice.bridge.pop;

import org.jspecify.annotations.NullMarked;
