/**
 * Reads and writes JSON without copying payloads more than once.
 *
 * <ul>
 *   <li>{@link dev.sluice.bridge.json.JsonBody} reads a body token by token and returns payloads as slices of its
 *       bytes. It takes {@link dev.sluice.bridge.limits.RequestMemory} for every value that it returns.
 *   <li>{@link dev.sluice.bridge.json.JsonOutput} writes text in pieces, so that a long answer is never copied to grow.
 *   <li>{@link dev.sluice.bridge.json.Utf8} checks that bytes are UTF-8.
 * </ul>
 *
 * <p>The package does not map objects. Small bodies of administration are read into a tree by
 * {@code dev.sluice.bridge.http.JsonRequest}.
 */
@NullMarked
package dev.sluice.bridge.json;

import org.jspecify.annotations.NullMarked;
