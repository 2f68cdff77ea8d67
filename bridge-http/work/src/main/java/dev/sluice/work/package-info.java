/**
 * Runs handlers for the messages of queues: the work engine. It needs a {@code DataSource} and the tables of
 * {@code dev.sluice.queue}, and nothing else of Sluice, so it runs in any Java program and in the bridge.
 *
 * <h2>Glossary</h2>
 *
 * <dl>
 *   <dt>work
 *   <dd>A message of a queue {@code work.TYPE}, for the handler of that type.
 *   <dt>key
 *   <dd>Works with the same key run one after the other, in the order in which they were enqueued. Works without a key
 *       are independent of each other.
 *   <dt>lane
 *   <dd>The priority of a work. An engine divides its claims among lanes. A key is in the most urgent lane that waits
 *       among its works.
 *   <dt>breaker
 *   <dd>A circuit breaker: if too many runs of a handler fail, the engine claims no works of its type for a while.
 *   <dt>claim
 *   <dd>A row of {@code work_claims}: one engine holds a run of consecutive messages of a partition.
 *   <dt>item
 *   <dd>A row of {@code work_items}: a work with a history. It has failed, was snoozed, was in an engine that died, or
 *       was given back by an engine that stopped.
 *   <dt>begun
 *   <dd>A work that is in the claim of an engine. A work is begun, and that is committed, before its handler runs.
 *   <dt>report
 *   <dd>A row of {@code work_progress}: how far a work is, and its log lines.
 *   <dt>call
 *   <dd>A run of a batch handler with several works.
 *   <dt>debounce key, conflation key
 *   <dd>While a work with such a key is scheduled, a newer one replaces it. A row of {@code work_latest} names the
 *       newest work of each key.
 *   <dt>limit key
 *   <dd>Whose work it is, such as a tenant. Limits and shares of the workers count by limit key. It is a part of the
 *       name of the partition.
 *   <dt>room
 *   <dd>What a limit leaves for works that might begin. A claim takes room, and its end gives it back.
 *   <dt>line
 *   <dd>The partitions and items of a limit key that wait. A key has a turn while it has room and its line is not
 *       empty.
 *   <dt>attempt
 *   <dd>A run of the handler that ended with a failure or a timeout.
 *   <dt>crash
 *   <dd>The death of an engine while the work was begun. Crashes have a limit of their own.
 * </dl>
 *
 * <h2>The way of a work</h2>
 *
 * <pre>
 *  enqueue ──▶ queue work.TYPE ──claim──▶ work_claims ──done──▶ nothing is left
 *                                          │     │
 *                        failed, snoozed,  │     │ lease ended: the engine died
 *                        given back        ▼     ▼
 *                                      work_items ──claim──▶ run again ──done──▶ the row is deleted
 *                                          ▲                     │
 *                                          └── failed again ─────┤
 *                                                                └── beyond a limit ──▶ dead_letters
 * </pre>
 *
 * <p>A claim is one transaction. It locks ready cursors of the engine's consumer group, moves them past the messages
 * that it takes, and writes a row for each run of messages. So a slow work never holds its partition, and a work that
 * succeeds writes no row of its own: its claim is a row of a hundred works. The engine claims what it can run at once
 * and, if handlers are short, what it expects to begin within {@code claimAhead}. A claim also says that its works have
 * begun.
 *
 * <p>A partition of a key is different. A claim takes one message of it and closes the partition: the cursor is not
 * ready. The transaction that finishes the work opens the partition again. So the works of a key run one at a time and
 * in order, on any number of engines.
 *
 * <p>A claim of a type with limits locks the row of the type in {@code work_limits} first, which says how many works
 * run and how many tokens are left. If the type has limit keys, the claim parks the ready cursors, puts their
 * partitions into the lines of their keys, and takes from the lines of the keys with the least turns. A claim or item
 * names the row of {@code work_limits} whose room it takes. The transaction that ends it, for whatever reason, gives
 * the room back. So the numbers are exact, and nothing counts works. The locks are taken in this order: rows of claims
 * and items, the row of the type, idempotency keys, cursors.
 *
 * <p>An engine renews its claims and items. If it dies, their leases end, and another engine finds them. What a claim
 * has left becomes items, each with one crash more. An item with two crashes runs alone: the engine runs nothing else
 * meanwhile, so an innocent work next to a work that kills its process is recognized after its second crash.
 *
 * <p>Every statement that ends a claim or an item names the claim and its owner, or the lease of the item, and finds no
 * row if another engine has taken over. Then the result of the handler is dropped: it comes too late. An engine does
 * not take over what it holds itself, so while no other engine does, a lease that has ended costs nothing.
 *
 * <h2>Packages</h2>
 *
 * <p>This package is the API: the door {@code WorkBuffer}, and the values that a program and a handler use. Behind the
 * door, {@code engine} claims works and runs their handlers, {@code admin} looks works up, {@code store} has the
 * tables, and {@code rules} has the names in the queue and the check of JSON. {@code run} decides about the run of a
 * handler, for {@code engine} and for {@code testing}, the kit for tests of handlers. {@code breaker} has the circuit
 * breakers. {@code watch} has what counts and shows the events of an engine. The values know none of {@code engine},
 * {@code admin} and {@code store}.
 *
 * <h2>Rules</h2>
 *
 * <ul>
 *   <li>All times of leases, delays and windows are of the database's clock. Timeouts of handlers are measured in the
 *       process.
 *   <li>One thread, the <em>dispatcher</em>, claims and finishes works. Handlers run on threads of their own and never
 *       touch the database of the engine. One more thread renews leases; no handler can starve it.
 *   <li>A connection of the program goes back to its pool with the settings with which it came.
 *   <li>Statements name their rows by index, as those of the queue do. {@code dev.sluice.work.store} has them.
 *   <li>What the engine remembers between transactions is a hint. The rows decide.
 * </ul>
 */
@NullMarked
package dev.sluice.work;

import org.jspecify.annotations.NullMarked;
