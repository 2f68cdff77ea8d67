/**
 * What programs do with a bridge, over real HTTP, by way of a client that behaves as the JavaScript client library of
 * the contract does: what it sends, when it tries again, what it makes of each answer.
 *
 * <p>{@link dev.sluice.bridge.workflow.Transport} sends requests, to one server or several.
 * {@link dev.sluice.bridge.workflow.LibraryClient} has the operations, {@link dev.sluice.bridge.workflow.Consumption}
 * the loop of a consumer, {@link dev.sluice.bridge.workflow.PushBuffer} what a producer collects before it pushes.
 */
@NullMarked
package dev.sluice.bridge.workflow;

import org.jspecify.annotations.NullMarked;
