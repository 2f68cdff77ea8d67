/**
 * The engine behind {@link dev.sluice.work.WorkBuffer}. {@link dev.sluice.work.engine.Operations} is its door; the
 * glossary and the way of a work are in the essay of {@link dev.sluice.work}.
 *
 * <pre>
 *  Operations ─▶ Room, Enqueuer ─▶ WorkWriter ─▶ IdempotencyKeys, Coalescer ─▶ the queue
 *       │
 *       └─▶ Engine ─▶ Dispatcher ─▶ Claims ──▶ Workers ─▶ Runner ─▶ the handler
 *              │          ▲    └──▶ Settlement                │
 *              │          └──────────── Ended ◀───────────────┘
 *              │          └──▶ Reports: what handlers report
 *              ├─▶ Held: renews leases, on a connection of its own
 *              ├─▶ Housekeeping: deletes what is old, stores counts
 *              └─▶ Events: tells listeners, and EventQueue
 * </pre>
 */
@NullMarked
package dev.sluice.work.engine;

import org.jspecify.annotations.NullMarked;
