/**
 * Circuit breakers of handlers: {@link dev.sluice.work.breaker.Breakers} has those of a type. A worker gets a
 * {@link dev.sluice.work.breaker.Permit} before it calls a handler, and ends it with the result. The state machine is
 * that of resilience4j, and no other package uses that library.
 */
@NullMarked
package dev.sluice.work.breaker;

import org.jspecify.annotations.NullMarked;
