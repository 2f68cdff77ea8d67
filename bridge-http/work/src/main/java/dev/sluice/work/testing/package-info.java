/**
 * A kit for tests of handlers: {@link dev.sluice.work.testing.WorkTester} runs them on the calling thread, without a
 * database and by a clock that stands until the test moves it. What becomes of a run is decided by the classes by which
 * the engine decides it.
 *
 * <p>The kit has one worker. It keeps works in memory, in the order in which an engine with one worker would claim
 * them. Works of asynchronous handlers are in flight beside it. The kit does not have the bound on waiting works,
 * leases, or the close of an engine.
 */
@NullMarked
package dev.sluice.work.testing;

import org.jspecify.annotations.NullMarked;
